import type { BlockSummary } from './block-format.ts';

/** Which blocks to join. */
export interface CompactionPlan {
  readonly names: readonly string[];
  readonly level: number;
}

/** A window whose largest block is so many times the others together waits until there are more of them. */
const MAX_SHARE = 8;
const MAX_SMALL_BLOCKS = 8;
/** No block covers more than this part of the retention, or the oldest would outlive it by too much. */
const RETENTION_SHARE = 8;

/**
 * The next blocks to join: those within one aligned window of the smallest range that has several. Windows that still get
 * blocks are left alone.
 * @param completeMs samples before are in blocks
 * @returns null where all is joined
 */
export function planCompaction(
  blocks: readonly BlockSummary[],
  rangesMs: readonly number[],
  completeMs: number,
  retentionMs: number,
): CompactionPlan | null {
  for (const [index, rangeMs] of rangesMs.entries()) {
    if (index > 0 && rangeMs > retentionMs / RETENTION_SHARE) break;
    const windows = new Map<number, BlockSummary[]>();
    for (const block of blocks) {
      const { minMs, maxMs } = block.contents;
      const window = Math.floor(minMs / rangeMs);
      if (Math.floor(maxMs / rangeMs) !== window || (window + 1) * rangeMs > completeMs) continue;
      const known = windows.get(window);
      if (known === undefined) windows.set(window, [block]);
      else known.push(block);
    }
    for (const window of [...windows.keys()].toSorted((a, b) => a - b)) {
      const found = windows.get(window)!;
      if (found.length < 2 || !isWorthIt(found)) continue;
      const level = 1 + Math.max(...found.map(({ contents }) => contents.level));
      return { names: found.map(({ name }) => name), level };
    }
  }
  return null;
}

function isWorthIt(blocks: readonly BlockSummary[]): boolean {
  const sizes = blocks.map(({ bytes }) => bytes);
  const largest = Math.max(...sizes);
  const rest = sizes.reduce((sum, bytes) => sum + bytes, 0) - largest;
  return largest <= MAX_SHARE * rest || blocks.length > MAX_SMALL_BLOCKS;
}
