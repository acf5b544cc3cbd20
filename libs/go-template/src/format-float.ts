/** The shortest or rounded decimal digits of a number: `0.DIGITS × 10^pointAt`. */
interface Decimal {
  digits: string;
  pointAt: number;
}

const scratch = new DataView(new ArrayBuffer(8));

/** Every digit of a finite positive number, exactly. */
function exactDecimal(value: number): Decimal {
  if (value === 0) return { digits: '', pointAt: 0 };
  scratch.setFloat64(0, value);
  const high = scratch.getUint32(0);
  const biased = (high >>> 20) & 0x7ff;
  const fraction = BigInt(high & 0xfffff) * 0x1_0000_0000n + BigInt(scratch.getUint32(4));
  const mantissa = biased === 0 ? fraction : fraction + 0x10_0000_0000_0000n;
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  if (exponent >= 0) {
    const digits = (mantissa << BigInt(exponent)).toString();
    return { digits, pointAt: digits.length };
  }
  // m / 2^k = m·5^k / 10^k
  const digits = (mantissa * 5n ** BigInt(-exponent)).toString();
  return { digits, pointAt: digits.length + exponent };
}

function shortestDecimal(value: number): Decimal {
  if (value === 0) return { digits: '', pointAt: 0 };
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  return { digits: mantissa.replace('.', ''), pointAt: Number(exponent) + 1 };
}

/** Rounds to the first `count` digits, half to even, as Go does. */
function roundDigits(decimal: Decimal, count: number): Decimal {
  const { digits, pointAt } = decimal;
  if (count >= digits.length) return decimal;
  if (count < 0) return { digits: '', pointAt };
  const rest = digits.slice(count);
  const head = digits.slice(0, count);
  const isTie = rest[0] === '5' && /^50*$/.test(rest);
  const lastIsOdd = head !== '' && '13579'.includes(head.at(-1)!);
  const roundsUp = isTie ? lastIsOdd : rest[0]! >= '5';
  if (!roundsUp) return { digits: head, pointAt };
  const grown = (BigInt(head === '' ? '0' : head) + 1n).toString().padStart(count, '0');
  return { digits: grown, pointAt: pointAt + (grown.length - count) };
}

/**
 * A number as Go's `strconv.FormatFloat(value, format, precision, 64)` writes it.
 * @param precision digits after the point for `e` and `f`, significant digits for `g`; -1 for as few as tell it apart
 */
export function formatFloat(value: number, format: 'e' | 'f' | 'g', precision: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  const isShortest = precision < 0;
  let decimal = isShortest ? shortestDecimal(magnitude) : exactDecimal(magnitude);
  switch (format) {
    case 'e': {
      if (!isShortest) decimal = roundDigits(decimal, precision + 1);
      const digits = isShortest ? Math.max(decimal.digits.length - 1, 0) : precision;
      return sign + scientific(decimal, digits);
    }
    case 'f': {
      if (!isShortest) decimal = roundDigits(decimal, decimal.pointAt + precision);
      const digits = isShortest ? Math.max(decimal.digits.length - decimal.pointAt, 0) : precision;
      return sign + fixed(decimal, digits);
    }
    case 'g': {
      const significant = precision === 0 ? 1 : precision;
      if (!isShortest) decimal = roundDigits(decimal, significant);
      const digits = decimal.digits.replace(/0+$/, '');
      const trimmed = { digits, pointAt: digits === '' ? 1 : decimal.pointAt };
      const exponent = trimmed.pointAt - 1;
      // strconv goes over to an exponent at the precision, and takes 6 for it where the shortest digits are wanted.
      if (exponent < -4 || exponent >= (isShortest ? 6 : significant)) {
        return sign + scientific(trimmed, Math.max(digits.length - 1, 0));
      }
      return sign + fixed(trimmed, Math.max(digits.length - trimmed.pointAt, 0));
    }
  }
}

function scientific({ digits, pointAt }: Decimal, fractionDigits: number): string {
  const exponent = digits === '' ? 0 : pointAt - 1;
  const padded = digits.padEnd(fractionDigits + 1, '0');
  const fraction = fractionDigits > 0 ? `.${padded.slice(1, fractionDigits + 1)}` : '';
  const magnitude = String(Math.abs(exponent)).padStart(2, '0');
  return `${padded[0]}${fraction}e${exponent < 0 ? '-' : '+'}${magnitude}`;
}

function fixed({ digits, pointAt }: Decimal, fractionDigits: number): string {
  const whole = pointAt > 0 ? digits.slice(0, pointAt).padEnd(pointAt, '0') : '0';
  if (fractionDigits <= 0) return whole === '' ? '0' : whole;
  const fraction =
    pointAt >= 0 ? digits.slice(pointAt) : '0'.repeat(Math.min(-pointAt, fractionDigits)) + digits;
  return `${whole}.${fraction.slice(0, fractionDigits).padEnd(fractionDigits, '0')}`;
}
