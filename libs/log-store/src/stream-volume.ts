import type { ChunkRef } from './chunk-ref.ts';
import type { LogStream, StreamVolume } from './log-source.ts';
import type { TimeRange } from './overlaps.ts';

const TWO_32 = 0x1_0000_0000;

/** What the chunks hold in the range by stream; of one that reaches beyond it as much as its share of the chunk's time. */
export function volumeOf(
  chunks: readonly ChunkRef[],
  range: TimeRange,
  streamOf: (id: number) => LogStream,
): StreamVolume[] {
  const sums = new Map<number, { bytes: number; lines: number; chunks: number }>();
  for (const chunk of chunks) {
    let sum = sums.get(chunk.streamId);
    if (sum === undefined) sums.set(chunk.streamId, (sum = { bytes: 0, lines: 0, chunks: 0 }));
    const share = shareOf(chunk, range);
    sum.bytes += Math.round(chunk.byteLength * share);
    sum.lines += Math.max(1, Math.round(chunk.count * share));
    sum.chunks++;
  }
  return Array.from(sums, ([id, sum]) => ({ stream: streamOf(id), ...sum }));
}

function shareOf(chunk: ChunkRef, { start, end }: TimeRange): number {
  const min = chunk.minHigh * TWO_32 + chunk.minLow;
  const max = chunk.maxHigh * TWO_32 + chunk.maxLow;
  const from = Math.max(min, start.high * TWO_32 + start.low);
  const to = Math.min(max, end.high * TWO_32 + end.low);
  return max <= min ? 1 : Math.max(0, Math.min(1, (to - from) / (max - min)));
}
