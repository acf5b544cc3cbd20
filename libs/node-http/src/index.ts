export { Agent } from './agent.ts';
export type { ConnectGuard } from './connect-guard.ts';
export {
  credentialHeaders,
  readSecret,
  SecretFileError,
  tlsConnectionOptions,
  type TlsOptions,
} from './http-credentials.ts';
export { HttpGetError, type HttpGetFailure, toHttpGetError } from './http-get-error.ts';
export {
  HttpGetter,
  type HttpGetRequest,
  type HttpGetResponse,
  type HttpGetterOptions,
} from './http-getter.ts';
export {
  type HttpPost,
  type HttpPostAnswer,
  HttpPoster,
  type HttpPosterOptions,
} from './http-poster.ts';
export { isNetwork, NETWORK_NAMES, networkMatcher, plainAddress } from './networks.ts';
