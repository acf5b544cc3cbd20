export { type AwsCredentials, type AwsRequest, signAwsRequest } from './aws-signature.ts';
