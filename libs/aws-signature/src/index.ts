export {
  AwsAnswerError,
  type LentCredentials,
  readContainerAnswer,
  readStsAnswer,
  readStsError,
} from './aws-answers.ts';
export { type AwsProfile, readAwsProfile } from './aws-profiles.ts';
export { type AwsCredentials, type AwsRequest, signAwsRequest } from './aws-signature.ts';
