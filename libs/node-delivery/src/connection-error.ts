import { DeliveryError } from '#libs/notify';

const UNREACHABLE: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'the connection was reset'],
  ['EPIPE', 'the connection was closed'],
  ['UND_ERR_SOCKET', 'the connection was closed'],
  ['ECONNECTION', 'the connection was closed'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'the network cannot be reached'],
  ['ENOTFOUND', 'no such host'],
  ['EAI_AGAIN', 'the name of the host cannot be resolved for now'],
  ['EDNS', 'the name of the host cannot be resolved'],
]);
const TIMEOUTS = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const TLS_CODES = /^(ERR_SSL|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO$|ETLS)/;

/**
 * What Node, undici or nodemailer threw, as a delivery's failure. Only words of our own and Node's codes go into the
 * message, since theirs may hold the address.
 */
export function toDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const codes = codesOf(error);
  const options = { cause: error };
  const tls = codes.find((code) => TLS_CODES.test(code));
  if (tls !== undefined) return new DeliveryError('tls', `TLS failed: ${tls}`, options);
  if (codes.some((code) => TIMEOUTS.has(code))) {
    return new DeliveryError('timeout', 'no connection in time', options);
  }
  const known = codes.map((code) => UNREACHABLE.get(code)).find((text) => text !== undefined);
  const fallback = codes.length > 0 ? `no valid answer (${codes[0]})` : 'no valid answer';
  return new DeliveryError('unreachable', known ?? fallback, options);
}

/** The codes of an error and of what caused it, the innermost first. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  let current = error;
  for (let depth = 0; depth < 5 && isObject(current); depth++) {
    const { code, originalCode, cause, errors } = current;
    if (typeof code === 'string') codes.unshift(code);
    if (typeof originalCode === 'string') codes.unshift(originalCode);
    // Several addresses tried in vain come as one error with a list.
    current = Array.isArray(errors) ? errors[0] : cause;
  }
  return codes;
}

interface Coded {
  readonly code?: unknown;
  /** Where nodemailer keeps Node's own. */
  readonly originalCode?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** Not by class: Node's errors are of another realm where a test runner has its own globals. */
function isObject(value: unknown): value is Coded {
  return typeof value === 'object' && value !== null;
}

/** Node's name for what went wrong, or what the error says. */
export function codeOrText(error: unknown): string {
  return codesOf(error)[0] ?? String(error);
}
