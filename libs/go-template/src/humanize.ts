import { GoFunctionError } from './errors.ts';
import { formatFloat } from './format-float.ts';
import { typeName } from './go-fmt.ts';
import { GoDuration, GoTime } from './go-time.ts';
import { type GoFunction, GoMarked, type GoValue } from './go-value.ts';
import { ANY, type CallScope } from './go-value.ts';
import { quoteGo } from './quote-go.ts';

const GO_FLOAT =
  /^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|0[xX][0-9a-fA-F]+|inf|infinity|nan)$/i;

/**
 * A number from what a template may hand over: a number, an integer, a duration in seconds, or text.
 * @throws GoFunctionError with Go's message
 */
function toFloat(value: GoValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof GoDuration) return Number(value.nanoseconds) / 1e9;
  const text = value instanceof GoMarked ? value.text : value;
  if (typeof text === 'string') {
    if (!GO_FLOAT.test(text)) {
      throw new GoFunctionError(`strconv.ParseFloat: parsing ${quoteGo(text)}: invalid syntax`);
    }
    const lower = text.toLowerCase();
    if (lower.includes('nan')) return Number.NaN;
    if (lower.includes('inf')) return lower.startsWith('-') ? -Infinity : Infinity;
    return Number(text);
  }
  throw new GoFunctionError(`can't convert ${value === null ? '<nil>' : typeName(value)} to float`);
}

function shortNumber(value: number): string {
  return formatFloat(value, 'g', 4);
}

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'] as const;
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'] as const;

/** A number with an SI prefix: `1.235M`, `100m`. */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return shortNumber(value);
  let scaled = value;
  let prefix = '';
  if (Math.abs(value) >= 1) {
    for (const each of LARGE) {
      if (Math.abs(scaled) < 1_000) break;
      prefix = each;
      scaled /= 1_000;
    }
  } else {
    for (const each of SMALL) {
      if (Math.abs(scaled) >= 1) break;
      prefix = each;
      scaled *= 1_000;
    }
  }
  return shortNumber(scaled) + prefix;
}

/** A number with a binary prefix: `1.177Mi`. */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return shortNumber(value);
  let scaled = value;
  let prefix = '';
  for (const each of LARGE) {
    if (Math.abs(scaled) < 1_024) break;
    prefix = `${each}i`;
    scaled /= 1_024;
  }
  return shortNumber(scaled) + prefix;
}

/** A count of seconds as `1d 2h 3m 4s`, or with a prefix below a second. */
export function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return shortNumber(seconds);
  if (seconds === 0) return '0s';
  if (Math.abs(seconds) < 1) {
    let scaled = seconds;
    let prefix = '';
    for (const each of SMALL) {
      if (Math.abs(scaled) >= 1) break;
      prefix = each;
      scaled *= 1_000;
    }
    return `${shortNumber(scaled)}${prefix}s`;
  }
  const sign = seconds < 0 ? '-' : '';
  const magnitude = Math.abs(seconds);
  // What is beyond 64 bits becomes the smallest integer, as the conversion does on the machines people compare with.
  const whole = magnitude >= 2 ** 63 ? -(2n ** 63n) : BigInt(Math.trunc(magnitude));
  const days = whole / 86_400n;
  const hours = (whole / 3_600n) % 24n;
  const minutes = (whole / 60n) % 60n;
  const rest = whole % 60n;
  if (days !== 0n) return `${sign}${days}d ${hours}h ${minutes}m ${rest}s`;
  if (hours !== 0n) return `${sign}${hours}h ${minutes}m ${rest}s`;
  if (minutes !== 0n) return `${sign}${minutes}m ${rest}s`;
  return `${sign}${shortNumber(magnitude)}s`;
}

/** A share of one as a percentage: `95.9%`. */
export function humanizePercentage(share: number): string {
  return `${shortNumber(share * 100)}%`;
}

const INT64_LIMIT = 2 ** 63;

/**
 * Seconds since the epoch as a time, to the millisecond.
 * @throws GoFunctionError
 */
export function timeFromSeconds(seconds: number): GoTime {
  const nanoseconds = seconds * 1e9;
  if (nanoseconds >= INT64_LIMIT || nanoseconds < -INT64_LIMIT) {
    throw new GoFunctionError(
      `${formatFloat(seconds, 'g', -1)} cannot be represented as a nanoseconds timestamp since it overflows int64`,
    );
  }
  return GoTime.fromMs(Number(BigInt(Math.trunc(nanoseconds)) / 1_000_000n));
}

/** Seconds as a duration. @throws GoFunctionError */
export function durationFromSeconds(seconds: number): GoDuration {
  if (!Number.isFinite(seconds)) throw new GoFunctionError('value is NaN or Inf');
  const nanoseconds = seconds * 1e9;
  if (nanoseconds >= INT64_LIMIT || nanoseconds < -INT64_LIMIT) {
    throw new GoFunctionError(
      `${formatFloat(seconds, 'g', -1)} cannot be represented as a nanoseconds duration since it overflows int64`,
    );
  }
  return new GoDuration(BigInt(Math.trunc(nanoseconds)));
}

/** A function of one number. */
export function onNumber(convert: (value: number, scope: CallScope) => GoValue): GoFunction {
  return {
    params: [ANY],
    isVariadic: false,
    call: ([value = null], scope) => convert(toFloat(value), scope),
  };
}
