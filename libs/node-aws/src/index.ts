export {
  AwsCredentialsError,
  AwsCredentialSource,
  type AwsCredentialSourceOptions,
  type AwsOwnKeys,
} from './aws-credential-source.ts';
