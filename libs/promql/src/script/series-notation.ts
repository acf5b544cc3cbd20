import { addHistograms, type FloatHistogram, subtractHistograms } from '#libs/histogram';
import { Labels, parseDurationMs } from '#libs/labels';
import { parseMetricSelector } from '../parse/parse-expr.ts';
import { PromqlSyntaxError } from '../parse/promql-syntax-error.ts';
import {
  type NotedHistogram,
  parseHistogramNotation,
  parseScriptNumber,
} from './histogram-notation.ts';
import { NotationError } from './notation-error.ts';

/** One value of a series as a script writes it. */
export type NotedValue =
  | { readonly kind: 'none' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'histogram'; readonly histogram: FloatHistogram; readonly hasHint: boolean };

/** `up{job="a"} 1 2x3 _ stale`: the labels of a series and its values, one a step. */
export interface NotedSeries {
  readonly labels: Labels;
  readonly values: readonly NotedValue[];
}

/** Most values a line may stand for; repetitions make large series of short lines. */
export const MAX_VALUES_PER_LINE = 1_000_000;

const NONE: NotedValue = { kind: 'none' };
const STALE: NotedValue = { kind: 'stale' };

/**
 * Splits a line into the labels of the series and the rest.
 * @returns `rest` is what follows the labels, untrimmed
 * @throws NotationError
 */
export function splitSeriesLine(line: string): { labels: Labels; rest: string } {
  const end = headEnd(line);
  const head = line.slice(0, end);
  let labels: Labels;
  try {
    const pairs = parseMetricSelector(head).map((matcher): [string, string] => {
      if (matcher.kind !== '=') {
        throw new NotationError(`series "${head}": labels are set with "=" only`);
      }
      return [matcher.name, matcher.value];
    });
    labels = Labels.fromPairs(pairs);
  } catch (error) {
    if (error instanceof NotationError) throw error;
    if (error instanceof PromqlSyntaxError) {
      throw new NotationError(`series "${head}": ${error.message}`, { cause: error });
    }
    throw new NotationError(`series "${head}": ${String(error)}`, { cause: error });
  }
  return { labels, rest: line.slice(end) };
}

/** Where the labels of a series end: after the name, or the brace that closes the one after it. */
function headEnd(line: string): number {
  const name = /^[A-Za-z_:][A-Za-z0-9_:]*/.exec(line)?.[0] ?? '';
  if (line[name.length] !== '{' || line.startsWith('{{', name.length)) {
    if (name === '') throw new NotationError(`"${line}": expected a series such as up{job="a"}`);
    return name.length;
  }
  let quote = '';
  for (let i = name.length + 1; i < line.length; i++) {
    const character = line[i]!;
    if (quote !== '') {
      if (character === '\\' && quote !== '`') i++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'" || character === '`') {
      quote = character;
    } else if (character === '}') {
      return i + 1;
    }
  }
  throw new NotationError(`"${line}": the braces of the series are not closed`);
}

/**
 * Reads a series with its values in the notation of Prometheus's test scripts and rule unit tests: `1`, `1x3`, `1+2x3`,
 * `_`, `_x3`, `stale`, `{{count:1}}`, `{{…}}x3`, `{{…}}+{{…}}x3`.
 * @throws NotationError
 */
export function parseSeriesNotation(line: string): NotedSeries {
  const { labels, rest } = splitSeriesLine(line);
  if (rest !== '' && !/^\s/.test(rest)) {
    throw new NotationError(`"${line}": expected a blank between the series and its values`);
  }
  return { labels, values: parseValuesNotation(rest) };
}

const REPEATED = /^(.*?[^\sx])x(\d+)$/i;
const FLOAT =
  /^([+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan))(?:([+-](?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)))?(?:x(\d+))?$/i;

/**
 * Reads values in the notation of {@link parseSeriesNotation}.
 * @throws NotationError
 */
export function parseValuesNotation(text: string): NotedValue[] {
  const values: NotedValue[] = [];
  for (const item of splitItems(text)) {
    const added = item.startsWith('{{') ? histogramItem(item) : plainItem(item);
    if (values.length + added.length > MAX_VALUES_PER_LINE) throw tooMany();
    for (const value of added) values.push(value);
  }
  return values;
}

function plainItem(item: string): NotedValue[] {
  const repeated = REPEATED.exec(item);
  const [base, times] = repeated === null ? [item, null] : [repeated[1]!, timesOf(repeated[2]!)];
  if (base === '_') return repeat(NONE, times ?? 1);
  if (base === 'stale') return repeat(STALE, (times ?? 0) + 1);
  const float = FLOAT.exec(item);
  if (float === null) return [{ kind: 'float', value: parseScriptNumber(item) }];
  let value = parseScriptNumber(float[1]!);
  if (float[2] !== undefined && float[3] === undefined) {
    throw new NotationError(`"${item}": an increment needs a repetition, as in 1+2x3`);
  }
  const increment = float[2] === undefined ? null : parseScriptNumber(float[2]);
  const count = float[3] === undefined ? 1 : timesOf(float[3]) + 1;
  const values: NotedValue[] = [];
  for (let i = 0; i < count; i++) {
    values.push({ kind: 'float', value });
    // By repeated addition, so that rounding errors add up as they do upstream.
    if (increment !== null) value += increment;
  }
  return values;
}

const HISTOGRAM_ITEM = /^\{\{([^{}]*)\}\}(?:([+-])\{\{([^{}]*)\}\})?(?:x(\d+))?$/;

function histogramItem(item: string): NotedValue[] {
  const match = HISTOGRAM_ITEM.exec(item);
  if (match === null) {
    throw new NotationError(`"${item}": expected a histogram such as {{count:1}} or {{…}}x3`);
  }
  const [, base = '', sign, change, times] = match;
  const first = parseHistogramNotation(base);
  if (times === undefined) {
    if (sign !== undefined) {
      throw new NotationError(`"${item}": an increment needs a repetition, as in {{…}}+{{…}}x3`);
    }
    return [noted(first)];
  }
  const count = timesOf(times) + 1;
  if (sign === undefined) return repeat(noted(first), count);
  const step = parseHistogramNotation(change!);
  const values = [noted({ histogram: first.histogram, hasHint: step.hasHint })];
  let { histogram } = first;
  for (let i = 1; i < count; i++) {
    if (histogram.schema > step.histogram.schema) {
      throw new NotationError(
        `error combining histograms: cannot merge from schema ${step.histogram.schema} to ${histogram.schema}`,
      );
    }
    histogram = combine(histogram, sign, step.histogram);
    values.push(noted({ histogram, hasHint: step.hasHint }));
  }
  return values;
}

function repeat(value: NotedValue, count: number): NotedValue[] {
  return Array.from({ length: count }, () => value);
}

function noted({ histogram, hasHint }: NotedHistogram): NotedValue {
  return { kind: 'histogram', histogram, hasHint };
}

function combine(left: FloatHistogram, sign: string, right: FloatHistogram): FloatHistogram {
  const combined = sign === '+' ? addHistograms(left, right) : subtractHistograms(left, right);
  if (combined === null) {
    throw new NotationError('histograms with custom and with exponential buckets do not combine');
  }
  return combined.histogram;
}

/** Splits at blanks outside of histograms. */
function splitItems(text: string): string[] {
  const items = text.match(/(?:\{\{.*?\}\}|[^\s{]|\{(?!\{))+|\{\{.*/g) ?? [];
  for (const item of items) {
    if (item.startsWith('{{') && !item.includes('}}')) {
      throw new NotationError(`"${item}": the histogram is not closed`);
    }
  }
  return items;
}

function timesOf(digits: string): number {
  const times = Number(digits);
  if (times > MAX_VALUES_PER_LINE) throw tooMany();
  return times;
}

function tooMany(): NotationError {
  return new NotationError(`more than ${MAX_VALUES_PER_LINE} values on a line`);
}

const START = /^(?:_|([+-]?\d+)(ms|s|m|h|d|w|y)?(?:([+-]\d+)(ms|s|m|h|d|w|y)?)?)(?:x(\d+))?$/;

/**
 * Reads the start timestamps of a series, each relative to its sample: `-1m`, `-1mx3`, `-30s-1mx2`, `_`.
 * @returns milliseconds, or null where there is none
 * @throws NotationError
 */
export function parseStartsNotation(text: string): (number | null)[] {
  const starts: (number | null)[] = [];
  for (const item of splitItems(text)) {
    const match = START.exec(item);
    if (match === null) {
      throw new NotationError(`"${item}": expected a start timestamp such as -1m, -1mx3 or _`);
    }
    const [, amount, unit, change, changeUnit, times] = match;
    if (starts.length + Number(times ?? 1) > MAX_VALUES_PER_LINE) throw tooMany();
    if (amount === undefined) {
      for (let i = 0; i < Number(times ?? 1); i++) starts.push(null);
      continue;
    }
    let value = signedMilliseconds(amount, unit);
    const increment = change === undefined ? 0 : signedMilliseconds(change, changeUnit);
    for (let i = 0; i <= Number(times ?? 0); i++) {
      starts.push(value);
      value += increment;
    }
  }
  return starts;
}

function signedMilliseconds(amount: string, unit: string | undefined): number {
  const magnitude = amount.replace(/^[+-]/, '');
  if (unit === undefined && Number(magnitude) !== 0) {
    throw new NotationError(`"${amount}": a duration needs a unit (ms, s, m, h, d, w, y)`);
  }
  const durationMs = parseDurationMs(unit === undefined ? '0' : `${magnitude}${unit}`);
  return amount.startsWith('-') ? -durationMs : durationMs;
}
