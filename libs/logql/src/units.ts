const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1_000],
  ['µs', 1_000],
  ['μs', 1_000],
  ['ms', 1_000_000],
  ['s', 1_000_000_000],
  ['m', 60_000_000_000],
  ['h', 3_600_000_000_000],
  ['d', 86_400_000_000_000],
  ['w', 604_800_000_000_000],
  ['y', 31_536_000_000_000_000],
]);
const DURATION = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+$/;
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)/g;

const MAX_DURATION_NS = 2 ** 63 - 1;

/** Without the rounding of each part where the parts come to more than a double holds. */
function exactSum(text: string): number {
  let sum = 0n;
  for (const [, digits = '', unit = ''] of text.matchAll(DURATION_PART)) {
    sum += BigInt(digits) * BigInt(DURATION_UNITS.get(unit)!);
  }
  return Number(sum);
}

/** Reads `1h30m`, `1.5s`, `-10ms` and the like, days, weeks and years included. @returns nanoseconds, or NaN */
export function parseDurationNs(text: string): number {
  if (text === '0') return 0;
  const simple = parseSimpleDurationNs(text);
  if (simple >= 0) return simple;
  if (text.length > 64 || !DURATION.test(text)) return Number.NaN;
  let sum = 0;
  for (const [, digits = '', unit = ''] of text.matchAll(DURATION_PART)) {
    sum += Number(digits) * DURATION_UNITS.get(unit)!;
  }
  // As Go's, which are 64 bits of nanoseconds.
  if (sum > MAX_DURATION_NS) return Number.NaN;
  if (sum > Number.MAX_SAFE_INTEGER && !text.includes('.')) sum = exactSum(text);
  return text.startsWith('-') ? -sum : sum;
}

/** A whole number and one unit, as most durations in lines are; -1 for any other text. */
function parseSimpleDurationNs(text: string): number {
  let at = 0;
  let value = 0;
  while (at < 9) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
    at++;
  }
  // Longer units than two letters there are none.
  if (at === 0 || text.length - at > 2) return -1;
  const unit = DURATION_UNITS.get(text.slice(at));
  const durationNs = unit === undefined ? -1 : value * unit;
  return durationNs <= Number.MAX_SAFE_INTEGER ? durationNs : -1;
}

const PRINTED_UNITS = ['h', 'm', 's', 'ms', 'us', 'ns'] as const;

/** Writes whole nanoseconds with units that {@link parseDurationNs} reads back: `1h30m`, `500ms`. */
export function formatDurationNs(durationNs: number): string {
  if (durationNs === 0) return '0s';
  let text = durationNs < 0 ? '-' : '';
  let rest = Math.abs(durationNs);
  for (const unit of PRINTED_UNITS) {
    const size = DURATION_UNITS.get(unit)!;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ...['k', 'm', 'g', 't', 'p', 'e'].flatMap((prefix, i): [string, number][] => [
    [prefix, 1000 ** (i + 1)],
    [`${prefix}b`, 1000 ** (i + 1)],
    [`${prefix}i`, 1024 ** (i + 1)],
    [`${prefix}ib`, 1024 ** (i + 1)],
  ]),
]);
const BYTES = /^(\d[\d,]*(?:\.\d*)?|\.\d+) ?([a-z]{0,3})$/i;

/** Reads `42MB`, `1.5KiB`, `3k`, `5 MiB`: decimal and binary units, in any case. @returns bytes, or NaN */
export function parseByteSize(text: string): number {
  if (text.length > 64) return Number.NaN;
  const match = BYTES.exec(text);
  if (match === null) return Number.NaN;
  const unit = BYTE_UNITS.get(match[2]!.toLowerCase());
  if (unit === undefined) return Number.NaN;
  return Math.floor(Number(match[1]!.replaceAll(',', '')) * unit);
}

const NUMBER = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|0x[0-9a-f]+|inf(?:inity)?|nan)$/i;

/** Reads a number as Go's `strconv.ParseFloat` does. @returns NaN for `NaN`, null for what is no number */
export function parseFloatStrictly(text: string): number | null {
  const value = Number(text);
  // `Number` takes blanks and nothing at all as well.
  if (!Number.isNaN(value) && text !== '' && text.trim() === text && !/[_ob]/i.test(text)) {
    return value;
  }
  if (!NUMBER.test(text)) return null;
  const lower = text.toLowerCase();
  if (lower.endsWith('nan')) return Number.NaN;
  if (lower.includes('inf')) return lower.startsWith('-') ? -Infinity : Infinity;
  return lower.startsWith('-') ? -Number(lower.slice(1)) : Number(lower.replace('+', ''));
}
