import { LinearSearch } from '#libs/labels';
import type { LineFilterOperator, LineFilterText } from '../ast.ts';
import type { LogBatch } from '../log-source.ts';
import { IpSet } from './ip-set.ts';
import { LinePattern } from './line-pattern.ts';
import { searchShapeOf } from './search-shape.ts';

/** What one text of a line filter asks. */
interface LineTest {
  /** Whether it takes microseconds for each line. */
  readonly isSlow: boolean;
  /** Whether a line has it. */
  test(bytes: Buffer, start: number, end: number): boolean;
  /**
   * Sets `hits[i]` for the lines of a batch that have it, quicker than one by one; null where there is no such way. It may
   * leave out lines whose `wanted` is 0.
   */
  readonly scan: ((batch: LogBatch, wanted: Uint8Array, hits: Uint8Array) => void) | null;
}

/** A line filter such as `|= "a" or "b"`. */
export class LineFilter {
  readonly isNegated: boolean;
  /** What every line that passes has in it, where that is known. */
  readonly required: Buffer | null;
  /** Whether each line is looked at by itself, by an expression that takes microseconds. */
  readonly isSlow: boolean;
  readonly #tests: readonly LineTest[];
  #hits = new Uint8Array(0);

  constructor(operator: LineFilterOperator, texts: readonly LineFilterText[]) {
    this.isNegated = operator.startsWith('!');
    this.#tests = texts.map((text) => createTest(operator, text));
    this.isSlow = this.#tests.some(({ isSlow }) => isSlow);
    const [only] = texts;
    this.required =
      operator === '|=' && texts.length === 1 && only!.kind === 'text' && only!.value !== ''
        ? Buffer.from(only!.value)
        : null;
  }

  /** Whether a line passes. */
  passes(bytes: Buffer, start: number, end: number): boolean {
    for (const each of this.#tests) if (each.test(bytes, start, end)) return !this.isNegated;
    return this.isNegated;
  }

  /** Clears `wanted[i]` for the lines of a batch that do not pass. */
  sift(batch: LogBatch, wanted: Uint8Array): void {
    const { count } = batch;
    if (this.#hits.length < count) this.#hits = new Uint8Array(count);
    const hits = this.#hits;
    hits.fill(0, 0, count);
    for (const each of this.#tests) {
      if (each.scan !== null) {
        each.scan(batch, wanted, hits);
        continue;
      }
      const { bytes, starts, ends } = batch;
      for (let i = 0; i < count; i++) {
        if (wanted[i] === 1 && hits[i] === 0 && each.test(bytes, starts[i]!, ends[i]!)) hits[i] = 1;
      }
    }
    const kept = this.isNegated ? 0 : 1;
    for (let i = 0; i < count; i++) if (hits[i] !== kept) wanted[i] = 0;
  }
}

function createTest(operator: LineFilterOperator, text: LineFilterText): LineTest {
  if (text.kind === 'ip') {
    const addresses = new IpSet(text.value);
    return {
      isSlow: true,
      scan: null,
      test: (bytes, start, end) => addresses.isIn(bytes.toString('latin1', start, end)),
    };
  }
  switch (operator) {
    case '|=':
    case '!=':
      return containsTest(Buffer.from(text.value));
    case '|>':
    case '!>': {
      const pattern = new LinePattern(text.value);
      return {
        isSlow: false,
        scan: null,
        test: (bytes, start, end) => pattern.matches(bytes, start, end),
      };
    }
    case '|~':
    case '!~':
      return searchTest(text.value);
  }
}

const EVERY_LINE: LineTest = {
  isSlow: false,
  test: () => true,
  scan: (batch, _wanted, hits) => hits.fill(1, 0, batch.count),
};

function containsTest(needle: Buffer): LineTest {
  if (needle.length === 0) return EVERY_LINE;
  return {
    isSlow: false,
    test: (bytes, start, end) => bytes.subarray(start, end).includes(needle),
    scan: (batch, _wanted, hits) => scanBatch(batch, batch.bytes, needle, hits),
  };
}

/** Above this many bytes in a batch for each line in it, most bytes are of other lines. */
const SPARSE_FACTOR = 4;

/** Marks the lines of a batch that `needle` is found in; one search goes over all of them. */
function scanBatch(batch: LogBatch, bytes: Buffer, needle: Buffer, hits: Uint8Array): void {
  const { count, starts, ends } = batch;
  if (count === 0) return;
  const order = lineOrder(batch);
  if (order === 0) {
    for (let i = 0; i < count; i++) {
      if (hits[i] === 0 && bytes.subarray(starts[i], ends[i]).includes(needle)) hits[i] = 1;
    }
    return;
  }
  // Lines in the order in which their bytes stand, whichever way the batch runs.
  let i = order > 0 ? 0 : count - 1;
  const last = order > 0 ? count : -1;
  let found = bytes.indexOf(needle, starts[i]);
  while (found >= 0) {
    while (i !== last && ends[i]! <= found) i += order;
    if (i === last) return;
    if (starts[i]! > found) {
      // Between two lines, or over the end of one.
      found = bytes.indexOf(needle, starts[i]);
      continue;
    }
    if (found + needle.length <= ends[i]!) hits[i] = 1;
    found = bytes.indexOf(needle, ends[i]);
  }
}

/** 1 where the lines of a batch stand one behind the other, -1 backwards, 0 where they do not or other bytes abound. */
function lineOrder({ count, bytes, starts, ends }: LogBatch): -1 | 0 | 1 {
  let total = 0;
  let isAscending = true;
  let isDescending = true;
  for (let i = 0; i < count; i++) {
    total += ends[i]! - starts[i]!;
    if (i === 0) continue;
    if (starts[i]! < ends[i - 1]!) isAscending = false;
    if (ends[i]! > starts[i - 1]!) isDescending = false;
  }
  if (bytes.length > (total + count) * SPARSE_FACTOR) return 0;
  return isAscending ? 1 : isDescending ? -1 : 0;
}

/** A regular expression; what it comes down to where it is simple, and what it needs where it is not. */
function searchTest(pattern: string): LineTest {
  const shape = searchShapeOf(pattern);
  if (shape.kind === 'everything') return EVERY_LINE;
  if (shape.kind === 'literals') {
    const tests = shape.literals.map((literal) => containsTest(Buffer.from(literal)));
    return {
      isSlow: false,
      test: (bytes, start, end) => tests.some((each) => each.test(bytes, start, end)),
      scan: (batch, wanted, hits) => {
        for (const each of tests) each.scan?.(batch, wanted, hits);
      },
    };
  }
  const search = new LinearSearch(pattern);
  const full: LineTest['test'] = (bytes, start, end) =>
    search.testBytes(bytes.subarray(start, end));
  if (shape.kind === 'folded') return foldedTest(Buffer.from(shape.literal), full);
  if (shape.required === '') return { isSlow: true, scan: null, test: full };
  const needle = Buffer.from(shape.required);
  return {
    isSlow: true,
    test: (bytes, start, end) =>
      bytes.subarray(start, end).includes(needle) && full(bytes, start, end),
    scan: (batch, wanted, hits) => {
      const candidates = new Uint8Array(batch.count);
      scanBatch(batch, batch.bytes, needle, candidates);
      const { bytes, starts, ends, count } = batch;
      for (let i = 0; i < count; i++) {
        if (candidates[i] === 0 || wanted[i] === 0 || hits[i] === 1) continue;
        if (full(bytes, starts[i]!, ends[i]!)) hits[i] = 1;
      }
    },
  };
}

/** Letters outside of ASCII that fold to k and s (U+212A, U+017F). */
const FOLDING = [Buffer.from('\u212a'), Buffer.from('\u017f')];

/** An ASCII literal in either case. */
function foldedTest(lower: Buffer, full: LineTest['test']): LineTest {
  return {
    isSlow: false,
    test: full,
    scan: (batch, wanted, hits) => {
      const { bytes, starts, ends, count } = batch;
      if (FOLDING.some((each) => bytes.includes(each))) {
        for (let i = 0; i < count; i++) {
          if (wanted[i] === 1 && hits[i] === 0 && full(bytes, starts[i]!, ends[i]!)) hits[i] = 1;
        }
        return;
      }
      const folded = Buffer.allocUnsafe(bytes.length);
      for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i]!;
        folded[i] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      }
      scanBatch(batch, folded, lower, hits);
    },
  };
}
