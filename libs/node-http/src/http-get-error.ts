import { errorCode } from '#libs/node-files';

/** Why a request brought no answer that can be used; the set is closed because it may become a metric label. */
export type HttpGetFailure =
  | 'timeout'
  | 'aborted'
  | 'unreachable'
  | 'tls'
  | 'protocol'
  | 'redirect'
  | 'forbidden'
  | 'body-too-large'
  | 'too-many-lines'
  | 'bad-encoding';

/** A request that failed. The message holds neither URL nor headers, so it may be shown to anyone. */
export class HttpGetError extends Error {
  override readonly name = 'HttpGetError';
  readonly code: HttpGetFailure;
  constructor(code: HttpGetFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const UNREACHABLE: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset by peer'],
  ['EPIPE', 'connection closed by peer'],
  ['UND_ERR_SOCKET', 'connection closed by peer'],
  ['EHOSTUNREACH', 'no route to host'],
  ['ENETUNREACH', 'network is unreachable'],
  ['EADDRNOTAVAIL', 'cannot assign requested address'],
  ['EACCES', 'permission denied'],
  ['ENOTFOUND', 'no such host'],
  ['EAI_AGAIN', 'temporary failure in name resolution'],
  ['ETIMEDOUT', 'connection timed out'],
  ['UND_ERR_CONNECT_TIMEOUT', 'connection timed out'],
]);

/** What Node or undici threw, in an operator's words. */
export function toHttpGetError(error: unknown): HttpGetError {
  if (error instanceof HttpGetError) return error;
  const cause = deepestCause(error);
  const code = errorCode(cause);
  const text = UNREACHABLE.get(code);
  if (text !== undefined) return new HttpGetError('unreachable', text, { cause: error });
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/^(ERR_SSL|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code)) {
    return new HttpGetError('tls', `tls: ${oneLine(message)}`, { cause: error });
  }
  return new HttpGetError('protocol', oneLine(message), { cause: error });
}

/** Several addresses tried in vain come as one AggregateError; the last says as much as any. */
function deepestCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.at(-1);
  return error;
}

function oneLine(message: string): string {
  return message.split('\n', 1)[0]!.slice(0, 300);
}
