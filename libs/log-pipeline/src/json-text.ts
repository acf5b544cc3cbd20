const BACKSLASH = 92;

/**
 * Writes the bytes that a JSON string stands for, given without its quotes, into `target` at `at`; they are never more
 * than what is read. Half a surrogate pair becomes U+FFFD.
 * @returns where they end, or -1 for an escape that JSON does not have
 */
export function unescapeJson(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  let to = at;
  let from = start;
  while (from < end) {
    const code = bytes[from++]!;
    if (code !== BACKSLASH) {
      target[to++] = code;
      continue;
    }
    const escape = from < end ? bytes[from++]! : 0;
    if (escape !== 117) {
      const plain = plainOf(escape);
      if (plain < 0) return -1;
      target[to++] = plain;
      continue;
    }
    let point = hexAt(bytes, from, end);
    if (point < 0) return -1;
    from += 4;
    if (point >= 0xd800 && point < 0xdc00 && bytes[from] === BACKSLASH && bytes[from + 1] === 117) {
      const low = hexAt(bytes, from + 2, end);
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x1_0000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        from += 6;
      }
    }
    to = writePoint(target, to, point >= 0xd800 && point < 0xe000 ? 0xfffd : point);
  }
  return to;
}

function plainOf(escape: number): number {
  switch (escape) {
    case 34:
    case 47:
    case BACKSLASH:
      return escape;
    case 98:
      return 8;
    case 102:
      return 12;
    case 110:
      return 10;
    case 114:
      return 13;
    case 116:
      return 9;
    default:
      return -1;
  }
}

function hexAt(bytes: Uint8Array, start: number, end: number): number {
  if (start + 4 > end) return -1;
  let value = 0;
  for (let i = start; i < start + 4; i++) {
    const digit = hexDigit(bytes[i]!);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function writePoint(target: Uint8Array, at: number, point: number): number {
  let to = at;
  if (point < 0x80) target[to++] = point;
  else if (point < 0x800) {
    target[to++] = 0xc0 | (point >> 6);
    target[to++] = 0x80 | (point & 63);
  } else if (point < 0x1_0000) {
    target[to++] = 0xe0 | (point >> 12);
    target[to++] = 0x80 | ((point >> 6) & 63);
    target[to++] = 0x80 | (point & 63);
  } else {
    target[to++] = 0xf0 | (point >> 18);
    target[to++] = 0x80 | ((point >> 12) & 63);
    target[to++] = 0x80 | ((point >> 6) & 63);
    target[to++] = 0x80 | (point & 63);
  }
  return to;
}

/** Whether the bytes are a number as JSON writes them. */
export function isJsonNumber(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  if (bytes[at] === 45) at++;
  const whole = at;
  at = afterDigits(bytes, at, end);
  if (at === whole || (bytes[whole] === 48 && at > whole + 1)) return false;
  if (at < end && bytes[at] === 46) {
    const fraction = at + 1;
    at = afterDigits(bytes, fraction, end);
    if (at === fraction) return false;
  }
  if (at < end && (bytes[at]! | 0x20) === 101) {
    at++;
    if (at < end && (bytes[at] === 43 || bytes[at] === 45)) at++;
    const exponent = at;
    at = afterDigits(bytes, exponent, end);
    if (at === exponent) return false;
  }
  return at === end;
}

function afterDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at]! >= 48 && bytes[at]! <= 57) at++;
  return at;
}
