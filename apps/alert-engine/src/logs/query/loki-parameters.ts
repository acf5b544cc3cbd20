import type { FastifyRequest } from 'fastify';
import { DurationSyntaxError, type Matcher, parseDurationMs } from '#libs/labels';
import { LogqlSyntaxError, parseLogSelector } from '#libs/logql';
import { RequestParameters, sentParameters } from '../../http/request-parameters.ts';
import { LokiApiError } from './loki-api-error.ts';

const MAX_TIME_NS = 2n ** 63n - 1n;
const RFC3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(Z|[+-]\d{2}:\d{2})$/i;
const HOUR_NS = 3_600_000_000_000n;

/** A range of time, `[startNs, endNs)`. */
export interface TimeRange {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** Parameters of a request to Loki's API. */
export class LokiParameters extends RequestParameters {
  readonly #nowNs: bigint;

  constructor(url: URLSearchParams, body: URLSearchParams, nowMs: number) {
    super(url, body);
    this.#nowNs = BigInt(Math.round(nowMs)) * 1_000_000n;
  }

  /** @throws LokiApiError */
  timeNs(name: string, fallbackNs: bigint): bigint {
    const text = this.get(name);
    if (text === '') return fallbackNs;
    const timeNs = parseTimeNs(text);
    if (timeNs === null || timeNs < 0n || timeNs > MAX_TIME_NS) {
      throw new LokiApiError(
        400,
        `invalid ${name}: ${JSON.stringify(text)} is no time; nanoseconds or seconds since 1970 and RFC 3339 are accepted`,
      );
    }
    return timeNs;
  }

  /** `start`, `end` and `since`; the last hour where nothing is said. @throws LokiApiError */
  range(): TimeRange {
    const endNs = this.timeNs('end', this.#nowNs);
    const sinceNs = this.get('since') === '' ? HOUR_NS : this.durationNs('since');
    const reference = endNs < this.#nowNs ? endNs : this.#nowNs;
    const fallback = reference > sinceNs ? reference - sinceNs : 0n;
    const startNs = this.timeNs('start', fallback);
    if (endNs < startNs) {
      throw new LokiApiError(400, 'end timestamp must not be before or equal to start time');
    }
    return { startNs, endNs };
  }

  get nowNs(): bigint {
    return this.#nowNs;
  }

  /** Seconds, whole or not, or a duration such as 1m30s; 0 where nothing is given. @throws LokiApiError */
  durationNs(name: string): bigint {
    const text = this.get(name);
    if (text === '') return 0n;
    if (/^\d+(?:\.\d+)?$/.test(text) && text.length < 20) {
      return BigInt(Math.round(Number(text) * 1e9));
    }
    try {
      return BigInt(parseDurationMs(text)) * 1_000_000n;
    } catch (error) {
      if (!(error instanceof DurationSyntaxError)) throw error;
      throw new LokiApiError(400, `invalid ${name}: ${error.message}`, { cause: error });
    }
  }

  /** @throws LokiApiError */
  count(name: string, fallback: number, most: number): number {
    const text = this.get(name);
    if (text === '') return Math.min(fallback, most);
    if (!/^\d{1,12}$/.test(text) || Number(text) === 0) {
      throw new LokiApiError(400, `invalid ${name}: ${name} must be a positive value`);
    }
    const count = Number(text);
    if (count > most) {
      throw new LokiApiError(
        400,
        `max entries limit per query exceeded, ${name} > max_entries_limit (${count} > ${most})`,
      );
    }
    return count;
  }

  /** @throws LokiApiError */
  direction(): 'forward' | 'backward' {
    const text = this.get('direction').toLowerCase();
    if (text === '' || text === 'backward') return 'backward';
    if (text === 'forward') return 'forward';
    throw new LokiApiError(400, 'invalid direction: forward and backward are accepted');
  }

  /** The selector of a parameter, or no matchers where there is none. @throws LokiApiError */
  selector(name: string): readonly Matcher[] {
    const text = this.get(name).trim();
    return text === '' ? [] : parseSelector(text);
  }

  /** @throws LokiApiError */
  selectors(name: string): readonly (readonly Matcher[])[] {
    return this.all(name).map(parseSelector);
  }
}

function parseSelector(text: string): readonly Matcher[] {
  try {
    return parseLogSelector(text);
  } catch (error) {
    if (!(error instanceof LogqlSyntaxError)) throw error;
    throw new LokiApiError(400, error.message, { cause: error });
  }
}

/** The parameters of a request's URL and of the form in its body, if it has one. */
export function lokiParametersOf(request: FastifyRequest, nowMs: number): LokiParameters {
  const { url, body } = sentParameters(request);
  return new LokiParameters(url, body, nowMs);
}

/** Whole numbers of more than ten digits are nanoseconds, others seconds; null for what is no time. */
function parseTimeNs(text: string): bigint | null {
  if (/^\d{1,19}$/.test(text)) {
    return text.length <= 10 ? BigInt(text) * 1_000_000_000n : BigInt(text);
  }
  const seconds = /^(\d{1,10})\.(\d{1,9})\d*$/.exec(text);
  if (seconds !== null) {
    return BigInt(seconds[1]!) * 1_000_000_000n + BigInt(seconds[2]!.padEnd(9, '0'));
  }
  if (/^\d+(?:\.\d+)?e\+?\d{1,2}$/i.test(text)) return BigInt(Math.round(Number(text) * 1e9));
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(ms)) return null;
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
