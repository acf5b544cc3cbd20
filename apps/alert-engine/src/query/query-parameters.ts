import type { FastifyRequest } from 'fastify';
import { DurationSyntaxError, type Matcher, parseDurationMs } from '#libs/labels';
import { parseMetricSelector, PromqlSyntaxError } from '#libs/promql';
import { RequestParameters, sentParameters } from '../http/request-parameters.ts';
import { invalidParameter, QueryApiError } from './query-api-error.ts';

/** The times beyond which no sample can lie: what a date can hold. */
export const MAX_TIME_MS = 8_640_000_000_000_000;

/** Prometheus's names for "from ever" and "for ever". */
const EDGES: Readonly<Record<string, number>> = {
  '-292273086-05-16T16:47:06Z': -MAX_TIME_MS,
  '292277025-08-18T07:12:54.999999999Z': MAX_TIME_MS,
};

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Parameters of a request to Prometheus's API. */
export class QueryParameters extends RequestParameters {
  /** @throws QueryApiError */
  timeMs(name: string): number {
    const timeMs = parseTimeMs(this.get(name));
    if (timeMs === null) {
      throw invalidParameter(name, `cannot parse ${quote(this.get(name))} to a valid timestamp`);
    }
    return timeMs;
  }

  /** @throws QueryApiError */
  timeMsOr(name: string, fallbackMs: number): number {
    const text = this.get(name);
    if (text === '') return fallbackMs;
    const timeMs = parseTimeMs(text);
    if (timeMs === null) {
      throw invalidParameter(
        name,
        `invalid time value for '${name}': cannot parse ${quote(text)} to a valid timestamp`,
      );
    }
    return timeMs;
  }

  /** @throws QueryApiError */
  durationMs(name: string): number {
    const durationMs = parseApiDurationMs(this.get(name));
    if (durationMs === null) throw invalidParameter(name, durationReason(this.get(name)));
    return durationMs;
  }

  /** @throws QueryApiError */
  durationMsOr(name: string, fallbackMs: number): number {
    return this.get(name) === '' ? fallbackMs : this.durationMs(name);
  }

  /** How far back selectors look, or undefined where the engine decides. */
  lookbackMs(): number | undefined {
    const text = this.get('lookback_delta');
    if (text === '') return undefined;
    const lookbackMs = parseApiDurationMs(text);
    if (lookbackMs === null) {
      throw new QueryApiError(
        'bad_data',
        `error parsing lookback delta duration: ${durationReason(text)}`,
      );
    }
    return lookbackMs;
  }

  /**
   * The most results wanted; Infinity where nothing or 0 is given.
   * @throws QueryApiError
   */
  limit(name = 'limit'): number {
    const text = this.get(name);
    if (text === '') return Number.POSITIVE_INFINITY;
    if (!/^[+-]?\d+$/.test(text)) {
      throw invalidParameter(name, `strconv.Atoi: parsing ${quote(text)}: invalid syntax`);
    }
    const limit = Number(text);
    if (limit < 0) throw invalidParameter(name, 'limit must be non-negative');
    return limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  /**
   * The selectors of `match[]`.
   * @param namesParameter whether a message begins with the parameter; Prometheus's endpoints differ
   * @throws QueryApiError
   */
  matcherSets(namesParameter: boolean): (readonly Matcher[])[] {
    return this.all('match[]').map((text) => {
      try {
        return nonEmpty(parseMetricSelector(text));
      } catch (error) {
        if (!(error instanceof PromqlSyntaxError) && !(error instanceof QueryApiError)) throw error;
        if (namesParameter) throw invalidParameter('match[]', error.message, error);
        throw new QueryApiError('bad_data', error.message, { cause: error });
      }
    });
  }
}

/** The parameters of a request's URL and of the form in its body, if it has one. */
export function parametersOf(request: FastifyRequest): QueryParameters {
  const { url, body } = sentParameters(request);
  return new QueryParameters(url, body);
}

function nonEmpty(matchers: readonly Matcher[]): readonly Matcher[] {
  if (matchers.some((matcher) => !matcher.matchesEmpty)) return matchers;
  throw new QueryApiError('bad_data', 'match[] must contain at least one non-empty matcher');
}

/** Seconds since the epoch, whole or not, or RFC 3339; null for anything else and for times beyond {@link MAX_TIME_MS}. */
export function parseTimeMs(text: string): number | null {
  const edge = Object.hasOwn(EDGES, text) ? EDGES[text]! : null;
  if (edge !== null) return edge;
  if (FLOAT.test(text)) {
    const timeMs = Math.round(Number(text) * 1000);
    return Math.abs(timeMs) <= MAX_TIME_MS ? timeMs : null;
  }
  if (!RFC3339.test(text)) return null;
  const timeMs = Date.parse(text.toUpperCase());
  return Number.isNaN(timeMs) ? null : timeMs;
}

/** Seconds, whole or not, or a duration such as `1m30s`; null for anything else and for what 64-bit nanoseconds lack. */
export function parseApiDurationMs(text: string): number | null {
  if (FLOAT.test(text)) {
    const durationMs = Number(text) * 1000;
    return Math.abs(durationMs) < 2 ** 63 / 1e6 ? durationMs : null;
  }
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (error instanceof DurationSyntaxError) return null;
    throw error;
  }
}

function durationReason(text: string): string {
  const overflows = FLOAT.test(text) ? '. It overflows int64' : '';
  return `cannot parse ${quote(text)} to a valid duration${overflows}`;
}

/** Quoted and cut to a length that an error message can bear. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
