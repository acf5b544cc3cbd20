/** A text that Go's `strconv.ParseFloat` does not take, or takes only in spellings younger than the metrics formats. */
export class FloatSyntaxError extends Error {
  override readonly name = 'FloatSyntaxError';
}

const DIGIT_0 = 48;
const DOT = 46;
const MINUS = 45;
const PLUS = 43;
const LOWER_E = 101;
const TO_LOWER = 0x20;

/** Up to here a power of ten is exact in a double, so that one multiplication or division rounds correctly. */
const EXACT_POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const MAX_EXACT_POWER = 22;
/** As many decimal digits always fit the 53 bits of a double. */
const MAX_EXACT_DIGITS = 15;
/** An exponent beyond this is out of every double's range, whatever stands before it. */
const HUGE_EXPONENT = 100_000;

/**
 * Reads a sample value as Prometheus does: Go's decimal floats, `inf` and `infinity` in any case and sign, `nan` in any
 * case; hexadecimal floats and underscores are refused, and so are finite numbers beyond the range of a double.
 * @throws FloatSyntaxError
 */
export function parseFloatBytes(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  let isNegative = false;
  if (i < end && (bytes[i] === MINUS || bytes[i] === PLUS)) {
    isNegative = bytes[i] === MINUS;
    i++;
  }
  let mantissa = 0;
  let significant = 0;
  let exponent = 0;
  let hasDigits = false;
  for (; i < end; i++) {
    const digit = bytes[i]! - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    hasDigits = true;
    if (significant > 0 || digit > 0) significant++;
    mantissa = mantissa * 10 + digit;
  }
  if (i < end && bytes[i] === DOT) {
    for (i++; i < end; i++) {
      const digit = bytes[i]! - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      hasDigits = true;
      if (significant > 0 || digit > 0) significant++;
      mantissa = mantissa * 10 + digit;
      exponent--;
    }
  }
  if (hasDigits && i < end && (bytes[i]! | TO_LOWER) === LOWER_E) {
    let power = 0;
    let sign = 1;
    i++;
    if (i < end && (bytes[i] === MINUS || bytes[i] === PLUS)) {
      if (bytes[i] === MINUS) sign = -1;
      i++;
    }
    hasDigits = false;
    for (; i < end; i++) {
      const digit = bytes[i]! - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      hasDigits = true;
      if (power < HUGE_EXPONENT) power = power * 10 + digit;
    }
    exponent += sign * power;
  }
  if (!hasDigits || i < end) return parseSpecial(bytes, start, end);
  if (
    significant <= MAX_EXACT_DIGITS &&
    exponent >= -MAX_EXACT_POWER &&
    exponent <= MAX_EXACT_POWER
  ) {
    const value =
      exponent < 0 ? mantissa / EXACT_POWERS[-exponent]! : mantissa * EXACT_POWERS[exponent]!;
    return isNegative ? -value : value;
  }
  // The syntax is known to be one that JavaScript shares; it rounds correctly, as Go does.
  const value = Number(textOf(bytes, start, end));
  if (!Number.isFinite(value)) {
    throw new FloatSyntaxError(`the number ${shown(bytes, start, end)} is out of range`);
  }
  return value;
}

function parseSpecial(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= '+infinity'.length) {
    switch (textOf(bytes, start, end).toLowerCase()) {
      case 'nan':
        return Number.NaN;
      case 'inf':
      case '+inf':
      case 'infinity':
      case '+infinity':
        return Number.POSITIVE_INFINITY;
      case '-inf':
      case '-infinity':
        return Number.NEGATIVE_INFINITY;
    }
  }
  throw new FloatSyntaxError(
    `${shown(bytes, start, end)} is not a number; accepted are decimals such as 12, -1.5 and 3e-7, and +Inf, -Inf, NaN`,
  );
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

const SHOWN_MAX = 40;

function shown(bytes: Uint8Array, start: number, end: number): string {
  const isLong = end - start > SHOWN_MAX;
  const text = textOf(bytes, start, isLong ? start + SHOWN_MAX : end);
  return JSON.stringify(isLong ? `${text}…` : text);
}

/** Where Go's shortest 'g' changes to an exponent. */
const GO_EXPONENT_FROM = 1e6;

/**
 * Writes a number as Go's `strconv.FormatFloat(v, 'g', -1, 64)`, which is how both formats write it: the fewest digits
 * that read back as the same number, with an exponent of at least two digits below 1e-4 and from 1e6 on.
 */
export function formatGoFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < GO_EXPONENT_FROM) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Writes a number as OpenMetrics and Prometheus 3's `le` and `quantile` labels want it: `1` as `1.0`. */
export function formatOpenMetricsFloat(value: number): string {
  const text = formatGoFloat(value);
  return Number.isFinite(value) && !/[.e]/.test(text) ? `${text}.0` : text;
}
