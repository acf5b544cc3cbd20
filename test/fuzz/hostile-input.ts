import type { Random } from './random.ts';

/** What hostile inputs of one format are made of. */
export interface InputMaterial {
  /** Valid inputs, to be damaged. */
  readonly corpus: readonly (string | Buffer)[];
  /** Pieces of the format: what comes out of stringing them together gets far into a parser. */
  readonly tokens: readonly (string | Buffer)[];
  /** Longest input made, in bytes. Default 4 KiB, now and then 64 KiB. */
  readonly maxBytes?: number;
}

const USUAL_BYTES = 4 * 1024;
const LARGE_BYTES = 64 * 1024;

/** Tokens with blanks between them; `␣`, `⏎` and `⇥` stand for a blank, a newline and a tab within one. */
export function tokensOf(...lines: readonly string[]): readonly string[] {
  return lines
    .join(' ')
    .split(' ')
    .map((token) => token.replaceAll('␣', ' ').replaceAll('⏎', '\n').replaceAll('⇥', '\t'));
}

/** What has broken parsers before, of any format. */
const NASTY: readonly string[] = [
  ...tokensOf(
    '⏎ ⇥ ␣ " \' ` \\ { } [ ] ( ) # % - -- -0 0 00 -1 1e309 -1e309 1e-400 0x 0x1p-2 1_0 . .. NaN',
    'Inf +Inf -Inf null true ~ undefined __proto__ constructor 9007199254740993',
    '18446744073709551616 -9223372036854775809 999999999999999999999y 2147483648 4294967296 \ufeff',
    '\u2028 😀 \u0301 \\ud800 \\x \\u',
  ),
  '',
  '\x00',
  '\x0d\x0a',
];

/** Makes one input: random bytes, a valid input with damage, a string of the format's pieces, or one piece far too often. */
export function hostileInput(random: Random, material: InputMaterial): Buffer {
  const maxBytes = material.maxBytes ?? (random.oneIn(300) ? LARGE_BYTES : USUAL_BYTES);
  const kind = random.below(16);
  if (kind === 0) return random.bytes(random.size(Math.min(maxBytes, 512)));
  if (kind < 10) return damaged(random, material, maxBytes);
  if (kind < 15 || !random.oneIn(20)) return soup(random, material, maxBytes);
  return repetition(random, material, maxBytes);
}

function damaged(random: Random, { corpus, tokens }: InputMaterial, maxBytes: number): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus));
  for (let rounds = random.size(6); rounds > 0; rounds--) {
    bytes = damage(random, bytes, corpus, tokens);
    if (bytes.length > maxBytes) bytes = bytes.subarray(0, maxBytes);
  }
  // A copy of its own, so that no decoder sees bytes before or after its input.
  return Buffer.from(bytes);
}

function damage(
  random: Random,
  bytes: Buffer,
  corpus: InputMaterial['corpus'],
  tokens: InputMaterial['tokens'],
): Buffer {
  const at = random.below(bytes.length + 1);
  const length = random.size(Math.max(1, bytes.length - at));
  switch (random.below(9)) {
    case 0: // a bit flips
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1: // a byte becomes another
      if (at < bytes.length) bytes[at] = random.oneIn(3) ? 0xff : random.below(256);
      return bytes;
    case 2: // the end is missing
      return bytes.subarray(0, at);
    case 3: // a stretch is missing
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4: // a stretch comes twice or more
      return Buffer.concat([
        bytes.subarray(0, at + length),
        ...Array.from({ length: 1 + random.size(5) }, () => bytes.subarray(at, at + length)),
        bytes.subarray(at + length),
      ]);
    case 5: {
      // the end of another input
      const other = Buffer.from(random.pick(corpus));
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    }
    case 6: // zeroes, as a disk leaves them
      bytes.fill(0, at, Math.min(at + length, bytes.length));
      return bytes;
    case 7: // a piece of the format where it does not belong
      return Buffer.concat([bytes.subarray(0, at), pieceOf(random, tokens), bytes.subarray(at)]);
    default: {
      // another number in place of one
      const text = bytes.toString('latin1');
      const number = /\d+/g;
      number.lastIndex = at;
      const found = number.exec(text);
      const rest = found === null ? '' : text.slice(number.lastIndex);
      const start = found === null ? text : text.slice(0, found.index);
      return Buffer.from(start + random.pick(NASTY) + rest, 'latin1');
    }
  }
}

function pieceOf(random: Random, tokens: InputMaterial['tokens']): Buffer {
  return Buffer.from(random.pick(random.oneIn(4) ? NASTY : tokens));
}

function soup(random: Random, { tokens }: InputMaterial, maxBytes: number): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  for (let count = 1 + random.size(40); count > 0 && length < maxBytes; count--) {
    const piece = Buffer.from(random.pick(random.oneIn(12) ? NASTY : tokens));
    pieces.push(piece);
    length += piece.length;
  }
  return Buffer.concat(pieces).subarray(0, maxBytes);
}

/** A piece or two, thousands of times: what makes recursive parsers overflow their stack. */
function repetition(random: Random, { tokens }: InputMaterial, maxBytes: number): Buffer {
  const pieces = Array.from({ length: 1 + random.below(3) }, () => pieceOf(random, tokens));
  const piece = Buffer.concat([...pieces, Buffer.from(random.oneIn(4) ? ' ' : '')]);
  if (piece.length === 0) return piece;
  const most = Math.floor((random.oneIn(4) ? LARGE_BYTES : maxBytes) / piece.length);
  return Buffer.alloc(piece.length * Math.max(1, most), piece);
}
