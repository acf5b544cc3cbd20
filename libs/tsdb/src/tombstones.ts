import { type Labels, matchesAll, type Matcher } from '#libs/labels';

/** A stretch of time in milliseconds, both ends included. */
export interface TimeRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Samples that were deleted: those of the series that fulfil all matchers, within the range. */
export interface Tombstone extends TimeRange {
  readonly matchers: readonly Matcher[];
  /** Blocks with this number and those after it were written without the samples. */
  readonly beforeBlock: number;
}

/** Says of a series which of its samples are not to be seen. */
export type HiddenRanges = (labels: Labels) => readonly TimeRange[];

/** So many at most; each is asked about every series of the blocks it touches. */
const MAX_TOMBSTONES = 1_000;

/** A native histogram knows whether counting began anew since the one before it, which is hardly ever older. */
const REACH_MS = 24 * 3_600_000;

/** More deletions than a store remembers. */
export class TombstoneLimitError extends Error {
  override readonly name = 'TombstoneLimitError';
  constructor() {
    super(
      `${MAX_TOMBSTONES} deletions are waiting for their blocks to be written anew; clean_tombstones does that now`,
    );
  }
}

/** What has been deleted from a store and may still be in its blocks. */
export class Tombstones {
  #all: readonly Tombstone[] = [];
  #version = 0;

  get all(): readonly Tombstone[] {
    return this.#all;
  }

  /** Changes with every tombstone that is added. */
  get version(): number {
    return this.#version;
  }

  /** With one more. @throws TombstoneLimitError */
  with(added: Tombstone): readonly Tombstone[] {
    if (this.#all.length >= MAX_TOMBSTONES) throw new TombstoneLimitError();
    return [...this.#all, added];
  }

  replace(all: readonly Tombstone[]): void {
    this.#all = all;
    this.#version++;
  }

  /** What is hidden in a block, or null for nothing. @param range that of the block's samples */
  inBlock(number: number, range: TimeRange): HiddenRanges | null {
    const found = this.#all.filter(
      (stone) => number < stone.beforeBlock && overlaps(touchedBy(stone), range),
    );
    if (found.length === 0) return null;
    return (labels) => found.filter(({ matchers }) => matchesAll(labels, matchers));
  }
}

/** Blocks in this stretch are written anew: those with hidden samples, and those with the histograms after them. */
export function touchedBy({ minMs, maxMs }: TimeRange): TimeRange {
  return { minMs, maxMs: maxMs + REACH_MS };
}

/** Whether two stretches have a moment in common. */
export function overlaps(one: TimeRange, other: TimeRange): boolean {
  return one.minMs <= other.maxMs && one.maxMs >= other.minMs;
}

/** Whether one of the ranges has all of a stretch. */
export function isCovered(range: TimeRange, ranges: readonly TimeRange[]): boolean {
  return ranges.some(({ minMs, maxMs }) => minMs <= range.minMs && maxMs >= range.maxMs);
}
