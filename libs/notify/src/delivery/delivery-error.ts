/** Why a notification did not arrive. The set is closed because it becomes a metric label. */
export type DeliveryFailure =
  /** No complete answer in time. */
  | 'timeout'
  /** No connection, or it broke. */
  | 'unreachable'
  /** The certificate or the TLS handshake. */
  | 'tls'
  /** The receiver asks us to slow down. */
  | 'rate_limited'
  /** The receiver has a fault of its own. */
  | 'server_error'
  /** The receiver will not take this message. */
  | 'rejected'
  /** The receiver does not accept our credentials. */
  | 'unauthorized'
  /** The receiver points elsewhere; redirects are not followed. */
  | 'redirected'
  /** A secret's file cannot be read, or a template of an address fails. */
  | 'misconfigured'
  /** It was owed for too long. */
  | 'expired';

const RETRYABLE: ReadonlySet<DeliveryFailure> = new Set([
  'timeout',
  'unreachable',
  // Certificates are renewed and secrets mounted while we wait.
  'tls',
  'misconfigured',
  'rate_limited',
  'server_error',
]);

export interface DeliveryErrorOptions extends ErrorOptions {
  /** How long the receiver asks us to stay away. */
  readonly retryAfterMs?: number | null;
}

/** A notification that did not arrive. The message holds neither the receiver's URL nor any credential. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly code: DeliveryFailure;
  /** Whether trying again later may help. */
  readonly isRetryable: boolean;
  readonly retryAfterMs: number | null;

  constructor(code: DeliveryFailure, message: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.isRetryable = RETRYABLE.has(code);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
