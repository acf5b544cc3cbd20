import type { ChunkSpan } from './chunk-ref.ts';
import type { TimeRange } from './overlaps.ts';

const TWO_32 = 0x1_0000_0000;

/** How much of a chunk lies in a range, by time: from 0 to 1. */
export function shareOf(chunk: ChunkSpan, { start, end }: TimeRange): number {
  const min = chunk.minHigh * TWO_32 + chunk.minLow;
  const max = chunk.maxHigh * TWO_32 + chunk.maxLow;
  const from = Math.max(min, start.high * TWO_32 + start.low);
  const to = Math.min(max, end.high * TWO_32 + end.low);
  return max <= min ? 1 : Math.max(0, Math.min(1, (to - from) / (max - min)));
}
