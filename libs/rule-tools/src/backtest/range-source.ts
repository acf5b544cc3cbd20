import type { Labels } from '#libs/labels';

/** One series of a range query: its samples, ascending. */
export interface RangeSeries {
  readonly labels: Labels;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
}

/** A Prometheus-compatible API with the data of the past. */
export interface RangeSource {
  /**
   * What an expression gives at `startMs`, `startMs + stepMs`, … up to `endMs`.
   * @throws RangeSourceError
   */
  range(
    expr: string,
    times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  ): Promise<readonly RangeSeries[]>;
  /**
   * What an expression gives at one time: series with one sample each.
   * @throws RangeSourceError
   */
  instant(expr: string, timeMs: number): Promise<readonly RangeSeries[]>;
  /**
   * Whether a selector matches a series between two times.
   * @throws RangeSourceError
   */
  hasSeries(selector: string, startMs: number, endMs: number): Promise<boolean>;
}

/**
 * Why a source gave no answer:
 * - `too_much`: asked for less, it might (answers that are too large, limits, timeouts, and errors at some of the times);
 * - `failed`: it will not, however it is asked.
 */
export class RangeSourceError extends Error {
  override readonly name = 'RangeSourceError';
  readonly code: 'too_much' | 'failed';
  constructor(code: 'too_much' | 'failed', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
