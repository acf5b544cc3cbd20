import {
  type BucketSpan,
  type CounterResetHint,
  createFloatHistogram,
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
} from '#libs/histogram';
import { NotationError } from './notation-error.ts';

/** A histogram as a script writes it. */
export interface NotedHistogram {
  readonly histogram: FloatHistogram;
  /** Whether the counter reset hint was written down, and so is to be compared. */
  readonly hasHint: boolean;
}

const KEYS = [
  'schema',
  'count',
  'sum',
  'z_bucket',
  'z_bucket_w',
  'buckets',
  'n_buckets',
  'offset',
  'n_offset',
  'custom_values',
  'counter_reset_hint',
];

const HINTS: ReadonlyMap<string, CounterResetHint> = new Map([
  ['unknown', 'unknown'],
  ['reset', 'reset'],
  ['not_reset', 'not_reset'],
  ['gauge', 'gauge'],
]);

/**
 * Reads what stands between `{{` and `}}`: `schema:0 count:5 sum:2.5 buckets:[1 2 2]`. Keys come in any order; what is
 * not given is 0.
 * @throws NotationError
 */
export function parseHistogramNotation(text: string): NotedHistogram {
  const fields = readFields(text);
  const schema = integerOf(fields, 'schema');
  const isExponential = schema >= MIN_EXPONENTIAL_SCHEMA && schema <= MAX_EXPONENTIAL_SCHEMA;
  if (!isExponential && schema !== CUSTOM_BUCKETS_SCHEMA) {
    throw new NotationError(
      `histogram schema ${schema}: accepted are ${MIN_EXPONENTIAL_SCHEMA} to ${MAX_EXPONENTIAL_SCHEMA} and ${CUSTOM_BUCKETS_SCHEMA}`,
    );
  }
  const positiveBuckets = listOf(fields, 'buckets');
  const negativeBuckets = listOf(fields, 'n_buckets');
  const hint = fields.get('counter_reset_hint');
  const counterResetHint = hint === undefined ? 'unknown' : HINTS.get(hint);
  if (counterResetHint === undefined) {
    throw new NotationError(
      `counter_reset_hint ${hint}: accepted are ${[...HINTS.keys()].join(', ')}`,
    );
  }
  return {
    histogram: createFloatHistogram({
      schema,
      zeroThreshold: numberOf(fields, 'z_bucket_w'),
      zeroCount: numberOf(fields, 'z_bucket'),
      count: numberOf(fields, 'count'),
      sum: numberOf(fields, 'sum'),
      positiveSpans: spansOf(integerOf(fields, 'offset'), positiveBuckets.length),
      positiveBuckets,
      negativeSpans: spansOf(integerOf(fields, 'n_offset'), negativeBuckets.length),
      negativeBuckets,
      customValues: listOf(fields, 'custom_values'),
      counterResetHint,
    }),
    hasHint: hint !== undefined,
  };
}

function readFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const pattern = /([a-z_]+):(\[[^\]]*\]|[^\s[\]]+)(?:\s+|$)/y;
  let position = text.length - text.trimStart().length;
  while (position < text.length) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    const key = match?.[1] ?? '';
    if (match === null || !KEYS.includes(key)) {
      throw new NotationError(
        `histogram description "${text.slice(position)}": expected one of ${KEYS.join(', ')}, each followed by a colon and a value`,
      );
    }
    if (fields.has(key)) throw new NotationError(`duplicate key "${key}" in histogram`);
    fields.set(key, match[2]!);
    position = pattern.lastIndex;
  }
  return fields;
}

function numberOf(fields: ReadonlyMap<string, string>, key: string): number {
  const text = fields.get(key);
  return text === undefined ? 0 : parseScriptNumber(text);
}

function integerOf(fields: ReadonlyMap<string, string>, key: string): number {
  const value = numberOf(fields, key);
  if (!Number.isInteger(value) || Math.abs(value) > 2 ** 31) {
    throw new NotationError(`${key}: ${value} is not a whole number`);
  }
  return value;
}

function listOf(fields: ReadonlyMap<string, string>, key: string): number[] {
  const text = fields.get(key);
  if (text === undefined) return [];
  if (!text.startsWith('[')) throw new NotationError(`${key}: expected a list such as [5 10 7]`);
  const items = text.slice(1, -1).trim();
  return items === '' ? [] : items.split(/\s+/).map(parseScriptNumber);
}

function spansOf(offset: number, length: number): readonly BucketSpan[] {
  return length === 0 ? [] : [{ offset, length }];
}

const NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|0x[0-9a-f]+|inf|nan)$/i;

/** Whether a text is a number of a script. */
export function isScriptNumber(text: string): boolean {
  return NUMBER.test(text);
}

/**
 * Reads a number of a script, signed or not: decimal, hexadecimal, `Inf`, `NaN`.
 * @throws NotationError
 */
export function parseScriptNumber(text: string): number {
  if (!NUMBER.test(text)) throw new NotationError(`"${text}" is not a number`);
  const isNegative = text.startsWith('-');
  const magnitude = text.replace(/^[+-]/, '').toLowerCase();
  let value = Number(magnitude);
  if (magnitude === 'inf') value = Number.POSITIVE_INFINITY;
  return isNegative ? -value : value;
}
