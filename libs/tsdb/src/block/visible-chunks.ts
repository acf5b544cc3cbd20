import { isCovered, overlaps, type TimeRange } from '../tombstones.ts';
import { encodeChunks, holdsHistograms, SampleColumns } from './chunk-merge.ts';
import type { ChunkSource } from './block-writer.ts';

/**
 * A chunk as chunks without the samples of some ranges: the same where there are none of them in it.
 * @throws BlockError, ChunkError where it has to be decoded and cannot be
 */
export function visibleChunks<T extends ChunkSource>(
  chunk: T,
  hidden: readonly TimeRange[],
): readonly (T | ChunkSource)[] {
  // What the first histogram knows of a reset may be since one that is hidden.
  const touches = (range: TimeRange): boolean =>
    overlaps(range, chunk) || (holdsHistograms(chunk.encoding) && range.maxMs < chunk.minMs);
  const ranges = hidden.filter(touches);
  if (ranges.length === 0) return [chunk];
  if (isCovered(chunk, ranges)) return [];
  // Columns of their own, since the chunks lie in them.
  const columns = new SampleColumns();
  columns.addChunk(chunk);
  columns.hide(ranges);
  return encodeChunks(columns);
}
