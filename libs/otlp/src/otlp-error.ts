/** Why a request cannot be read; the set is closed because it becomes a metric label. */
export type OtlpFailure = 'malformed_protobuf' | 'malformed_json' | 'malformed_gzip' | 'too_large';

/** A request that cannot be read as a whole. The message names the byte or the field. */
export class OtlpError extends Error {
  override readonly name = 'OtlpError';
  readonly code: OtlpFailure;
  constructor(code: OtlpFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Bounds on one request beyond its size in bytes, since two bytes can order a whole object. */
export interface OtlpLimits {
  /** Messages and listed numbers together. */
  readonly maxElements: number;
  /** Messages in messages; only attribute values can nest without an end. */
  readonly maxDepth: number;
  /** Of one resource or data point; a point with more is refused, not the request. */
  readonly maxAttributes: number;
}

/** Generous against what senders send (collectors batch some thousand points), small against a process's memory. */
export const DEFAULT_OTLP_LIMITS: OtlpLimits = {
  maxElements: 1_000_000,
  maxDepth: 40,
  maxAttributes: 1_024,
};

/** Counts the elements of a request as they are made. */
export class ElementBudget {
  readonly #limits: OtlpLimits;
  #elements = 0;

  constructor(limits: OtlpLimits) {
    this.#limits = limits;
  }

  /** One more message or listed number, `depth` messages deep. @throws OtlpError */
  take(depth: number): void {
    if (depth > this.#limits.maxDepth) {
      throw new OtlpError(
        'too_large',
        `messages nested deeper than ${this.#limits.maxDepth} in one request`,
      );
    }
    if (++this.#elements > this.#limits.maxElements) {
      throw new OtlpError(
        'too_large',
        `more than ${this.#limits.maxElements} messages and listed numbers in one request`,
      );
    }
  }
}
