import { asciiBytes, beginsWith, isDigitByte, isLetterByte } from './line-shapes.ts';

/** Where something was found. */
export interface Span {
  start: number;
  end: number;
}

const MAX_TOKEN_BYTES = 16 * 1024;
const MAX_KEY_BYTES = 64;

/** Letters, digits, `-` and `_`, as in base64url. */
function isUrlByte(code: number | undefined): boolean {
  return isLetterByte(code) || isDigitByte(code) || code === 45 || code === 95;
}

/** What credentials in headers are made of. */
function isCredentialByte(code: number | undefined): boolean {
  return (
    isUrlByte(code) || code === 46 || code === 126 || code === 43 || code === 47 || code === 61
  );
}

function after(
  bytes: Uint8Array,
  start: number,
  end: number,
  isPart: (code: number | undefined) => boolean,
): number {
  const limit = Math.min(end, start + MAX_TOKEN_BYTES);
  let at = start;
  while (at < limit && isPart(bytes[at])) at++;
  return at;
}

const JWT = asciiBytes('eyJ');
const PRIVATE_KEY = asciiBytes('-----BEGIN ');
const PRIVATE_KEY_LABEL = asciiBytes('PRIVATE KEY-----');
const PRIVATE_KEY_END = asciiBytes('-----END ');
/** Keys of services, which tell what they are by how they begin, and how many bytes follow at least. */
const PREFIXES: readonly (readonly [prefix: Uint8Array, least: number])[] = (
  [
    ['AKIA', 16],
    ['ASIA', 16],
    ['AIza', 35],
    ['ghp_', 36],
    ['gho_', 36],
    ['ghu_', 36],
    ['ghs_', 36],
    ['ghr_', 36],
    ['github_pat_', 22],
    ['glpat-', 20],
    ['xoxb-', 10],
    ['xoxp-', 10],
    ['xoxa-', 10],
    ['xoxs-', 10],
    ['sk_live_', 16],
    ['sk-ant-', 20],
    ['sk-proj-', 20],
    ['GOCSPX-', 20],
  ] as const
).map(([prefix, least]) => [asciiBytes(prefix), least]);

/** A token that begins at `at`: a JWT, a key with a known beginning, what follows `Bearer` or `Basic`, or a private key. */
export function tokenBounds(bytes: Buffer, at: number, end: number, into: Span): boolean {
  into.start = at;
  if (beginsWith(bytes, at, end, JWT)) return jwtBounds(bytes, at, end, into);
  if (beginsWith(bytes, at, end, PRIVATE_KEY)) return privateKeyBounds(bytes, at, end, into);
  if ((bytes[at]! | 0x20) === 98) return credentialBounds(bytes, at, end, into);
  for (const [prefix, least] of PREFIXES) {
    if (!beginsWith(bytes, at, end, prefix)) continue;
    into.end = after(bytes, at + prefix.length, end, isUrlByte);
    return into.end - at - prefix.length >= least;
  }
  return false;
}

function jwtBounds(bytes: Uint8Array, at: number, end: number, into: Span): boolean {
  const header = after(bytes, at, end, isUrlByte);
  if (bytes[header] !== 46 || header - at < 10) return false;
  const payload = after(bytes, header + 1, end, isUrlByte);
  if (payload - header < 5) return false;
  // One without a signature is as good.
  into.end =
    bytes[payload] === 46 && payload < end ? after(bytes, payload + 1, end, isUrlByte) : payload;
  return true;
}

function privateKeyBounds(bytes: Buffer, at: number, end: number, into: Span): boolean {
  const head = bytes.subarray(at, Math.min(end, at + 64));
  if (head.indexOf(PRIVATE_KEY_LABEL) < 0) return false;
  const tail = bytes.subarray(at, end).indexOf(PRIVATE_KEY_END);
  const close = tail < 0 ? -1 : bytes.subarray(at + tail, end).indexOf(PRIVATE_KEY_LABEL);
  into.end = close < 0 ? end : at + tail + close + PRIVATE_KEY_LABEL.length;
  return true;
}

/** `Bearer TOKEN` and `Basic TOKEN`, whatever their case; the word stays. */
function credentialBounds(bytes: Uint8Array, at: number, end: number, into: Span): boolean {
  const length = hasWord(bytes, at, end, 'bearer ') ? 7 : hasWord(bytes, at, end, 'basic ') ? 6 : 0;
  if (length === 0) return false;
  into.start = at + length;
  into.end = after(bytes, into.start, end, isCredentialByte);
  if (into.end - into.start < 8) return false;
  // `basic configuration` is no credential: those have digits, capitals or signs.
  for (let i = into.start; i < into.end; i++) {
    if (bytes[i]! < 97 || bytes[i]! > 122) return true;
  }
  return false;
}

function hasWord(bytes: Uint8Array, at: number, end: number, word: string): boolean {
  if (end - at < word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const code = bytes[at + i]!;
    if ((isLetterByte(code) ? code | 0x20 : code) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** How the names of secrets end, in lower case, without `_` and `-`. */
const SECRET_ENDS = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'apikey',
  'accesskey',
  'secretkey',
  'privatekey',
  'credentials',
];

/** Whether a field of this name holds a secret: `password`, `db_password`, `X-Api-Key`, `clientSecret`. */
export function isSecretName(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 3 || end - start > MAX_KEY_BYTES) return false;
  let name = '';
  for (let at = start; at < end; at++) {
    const code = bytes[at]!;
    if (code !== 95 && code !== 45)
      name += String.fromCharCode(isLetterByte(code) ? code | 0x20 : code);
  }
  return SECRET_ENDS.some((ending) => name.endsWith(ending));
}

/**
 * The value of `password=…`, `"password": "…"` and the like.
 * @param at where the `=` or `:` is
 */
export function keyedSecretBounds(
  bytes: Uint8Array,
  from: number,
  at: number,
  end: number,
  into: Span,
): boolean {
  let keyEnd = at;
  while (keyEnd > from && (bytes[keyEnd - 1] === 32 || isQuote(bytes[keyEnd - 1]!))) keyEnd--;
  let keyStart = keyEnd;
  while (keyStart > from && keyEnd - keyStart < MAX_KEY_BYTES && isUrlByte(bytes[keyStart - 1])) {
    keyStart--;
  }
  if (!isSecretName(bytes, keyStart, keyEnd)) return false;
  let start = at + 1;
  while (start < end && bytes[start] === 32) start++;
  if (bytes[start] === 92 && isQuote(bytes[start + 1] ?? 0)) start++;
  const quote = isQuote(bytes[start] ?? 0) && bytes[start] !== 92 ? bytes[start]! : 0;
  if (quote !== 0) start++;
  let stop = start;
  while (stop < end && (quote === 0 ? !endsValue(bytes[stop]!) : bytes[stop] !== quote)) {
    // An escaped quote does not end the value; a quote in escaped JSON does.
    stop += bytes[stop] === 92 && quote !== 0 && bytes[at + 1] !== 92 ? 2 : 1;
  }
  stop = Math.min(stop, end);
  if (stop > start && quote !== 0 && bytes[stop - 1] === 92) stop--;
  into.start = start;
  into.end = stop;
  return stop > start && bytes[start] !== 91;
}

function isQuote(code: number): boolean {
  return code === 34 || code === 39 || code === 92;
}

function endsValue(code: number): boolean {
  return (
    code <= 32 ||
    code === 34 ||
    code === 38 ||
    code === 39 ||
    code === 41 ||
    code === 44 ||
    code === 59 ||
    code === 93 ||
    code === 125
  );
}

/** An e-mail address around the `@` at `at`; neither end may be before `from`. */
export function emailBounds(
  bytes: Uint8Array,
  from: number,
  at: number,
  end: number,
  into: Span,
): boolean {
  let start = at;
  while (start > from && at - start < 64 && isLocalByte(bytes[start - 1]!)) start--;
  while (start < at && bytes[start] === 46) start++;
  let stop = at + 1;
  let lastDot = -1;
  const limit = Math.min(end, at + 254);
  while (stop < limit && (isUrlByte(bytes[stop]) || bytes[stop] === 46) && bytes[stop] !== 95) {
    if (bytes[stop] === 46) lastDot = stop;
    stop++;
  }
  while (stop > at && (bytes[stop - 1] === 46 || bytes[stop - 1] === 45)) stop--;
  if (start === at || lastDot <= at + 1) return false;
  if (lastDot >= stop) lastDot = lastDotBefore(bytes, at, stop);
  // The last part is letters: `user@10.0.0.1` is no address that belongs to a person.
  if (stop - lastDot < 3 || lastDot <= at + 1 || !isLetterByte(bytes[stop - 1])) return false;
  into.start = start;
  into.end = stop;
  return true;
}

function lastDotBefore(bytes: Uint8Array, from: number, end: number): number {
  for (let at = end - 1; at > from; at--) if (bytes[at] === 46) return at;
  return -1;
}

function isLocalByte(code: number): boolean {
  return isUrlByte(code) || code === 46 || code === 43 || code === 37;
}

/**
 * Where a card number ends that begins at `at`, or -1: 13 to 19 digits, blanks or dashes between groups of them, the last
 * one right by Luhn's sum.
 */
export function cardEnd(bytes: Uint8Array, at: number, end: number): number {
  const limit = Math.min(end, at + 24);
  let digits = 0;
  let sum = 0;
  let doubled = 0;
  let stop = at;
  let separator = 0;
  for (let i = at; i < limit; i++) {
    const code = bytes[i]!;
    if (isDigitByte(code)) {
      const digit = code - 48;
      digits++;
      if (digits > 19) return -1;
      // From the left it is not known yet which digits count twice: both sums are kept, and change places.
      const twice = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
      const next = doubled + digit;
      doubled = sum + twice;
      sum = next;
      stop = i + 1;
      continue;
    }
    if ((code !== 32 && code !== 45) || (separator !== 0 && code !== separator)) break;
    if (!isDigitByte(bytes[i + 1]) || i + 1 >= end) break;
    separator = code;
  }
  if (digits < 13 || isDigitByte(stop < end ? bytes[stop] : 0)) return -1;
  if (stop < end && (isLetterByte(bytes[stop]) || bytes[stop] === 95)) return -1;
  return sum % 10 === 0 ? stop : -1;
}
