import type { z } from 'zod';
import { parsedText } from './parsed-text.ts';

/** A text that is not a size such as `15MB`. */
export class ByteSizeSyntaxError extends Error {
  override readonly name = 'ByteSizeSyntaxError';
  constructor(reason: string) {
    super(
      `not a valid size: ${reason}; accepted are 0 and numbers with a unit such as 512KB, 15MB, 1.5GiB`,
    );
  }
}

const UNIT_LETTERS = 'KMGTPE';
// No two ways to read the same digits: a long row of them without a unit would be tried in all of their splits.
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([KMGTPE]?)(i?)B/y;

/**
 * Reads a size as Prometheus does: numbers with `B`, `KB`, `MB`, … or `KiB`, `MiB`, …, all of them powers of 1024, one
 * or several in a row (`1MB512KB`), or a bare `0`.
 * @returns whole bytes
 * @throws ByteSizeSyntaxError
 */
export function parseByteSize(text: string): number {
  if (text === '0') return 0;
  if (text === '') throw new ByteSizeSyntaxError('it is empty');
  let sum = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const match = PART.exec(text);
    if (match === null) throw new ByteSizeSyntaxError('a number and a unit are expected');
    const [, number, letter] = match;
    const power = letter === '' ? 0 : UNIT_LETTERS.indexOf(letter!) + 1;
    sum += Number(number) * 1024 ** power;
    if (letter === '' && match[3] === 'i') throw new ByteSizeSyntaxError('iB is not a unit');
  }
  if (sum > Number.MAX_SAFE_INTEGER) throw new ByteSizeSyntaxError('it is out of range');
  return Math.floor(sum);
}

/** A size such as `512KB` or `1.5GiB` (see {@link parseByteSize}); bytes once it is read. */
export function byteSize(): z.ZodType<number, string> {
  return parsedText(parseByteSize);
}
