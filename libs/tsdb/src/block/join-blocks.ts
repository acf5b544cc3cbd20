import type { Labels } from '#libs/labels';
import type { Block, ScannedSeries } from './block.ts';
import { type BlockWriter, type ChunkSource, compareLabels } from './block-writer.ts';
import { mergeChunks, SampleColumns } from './chunk-merge.ts';
import type { HiddenRanges } from '../tombstones.ts';
import { ChunkError } from '../xor-chunk.ts';
import { BlockError } from '#libs/block-files';
import { visibleChunks } from './visible-chunks.ts';

/** A block to be joined, and what is left out of it. */
export interface JoinSource {
  readonly block: Block;
  readonly hidden: HiddenRanges | null;
}

/**
 * Writes the series of all blocks, in order, with the chunks of each merged.
 * @param onDamage told of everything that could not be read, with the blocks it may be in
 */
export async function joinBlocks(
  sources: readonly JoinSource[],
  writer: BlockWriter,
  onDamage: (names: readonly string[], error: Error) => void,
): Promise<void> {
  const names = sources.map(({ block }) => block.name);
  const scratch = new SampleColumns();
  const cursors: AsyncGenerator<ScannedSeries, void, undefined>[] = [];
  const heads: (ScannedSeries | null)[] = [];
  for (const { block } of sources) {
    const cursor = block.scan((error) => onDamage([block.name], error));
    cursors.push(cursor);
    heads.push((await cursor.next()).value ?? null);
  }
  for (;;) {
    let least: Labels | null = null;
    for (const head of heads) {
      if (head !== null && (least === null || compareLabels(head.labels, least) < 0)) {
        least = head.labels;
      }
    }
    if (least === null) return;
    const chunks = [];
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i] ?? null;
      if (head === null || compareLabels(head.labels, least) !== 0) continue;
      chunks.push(...visibleOf(head, sources[i]!, onDamage));
      heads[i] = (await cursors[i]!.next()).value ?? null;
    }
    const merged = mergeChunks(chunks, scratch, (error) => onDamage(names, error));
    if (merged.length > 0) await writer.addSeries(least, merged);
  }
}

function visibleOf(
  { labels, chunks }: ScannedSeries,
  { block, hidden }: JoinSource,
  onDamage: (names: readonly string[], error: Error) => void,
): readonly ChunkSource[] {
  const ranges = hidden?.(labels) ?? [];
  if (ranges.length === 0) return chunks;
  return chunks.flatMap((chunk) => {
    try {
      return visibleChunks(chunk, ranges);
    } catch (error) {
      if (!(error instanceof BlockError || error instanceof ChunkError)) throw error;
      onDamage([block.name], error);
      return [];
    }
  });
}
