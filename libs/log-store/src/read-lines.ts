import type { ChunkRef } from './chunk-ref.ts';
import { ColumnBatch } from './decoded-chunk.ts';
import type { LogBatch, LogReadRequest, LogStream } from './log-source.ts';
import { rangeOf } from './overlaps.ts';
import { StreamCursor } from './stream-cursor.ts';
import { TimeHeap } from './time-heap.ts';

/** What all streams together hold while another one is read. */
const RESTING_BYTES = 128 * 1_024 * 1_024;

/**
 * The lines of chunks in batches of one stream each, in order of their first lines.
 * @param chunks those of the request's streams that overlap its range
 * @param streamOf the stream of a number
 */
export async function* readLines(
  chunks: readonly ChunkRef[],
  streamOf: (id: number) => LogStream,
  request: LogReadRequest,
): AsyncGenerator<LogBatch, void, undefined> {
  const { signal } = request;
  const isForward = request.direction === 'forward';
  const range = { ...rangeOf(request.startNs, request.endNs), isForward };
  const needles = request.mustContain ?? [];
  const streams = new Map<number, LogStream>();
  const byStream = new Map<number, ChunkRef[]>();
  for (const chunk of chunks) {
    const others = byStream.get(chunk.streamId);
    if (others !== undefined) {
      others.push(chunk);
      continue;
    }
    byStream.set(chunk.streamId, [chunk]);
    // Taken now, since the number may be another stream's by the time the lines are read.
    streams.set(chunk.streamId, streamOf(chunk.streamId));
  }
  const heap = new TimeHeap<StreamCursor>(isForward);
  for (const [id, refs] of byStream) {
    const cursor = new StreamCursor(id, refs, range, needles, signal);
    if (cursor.look()) heap.push(cursor);
  }
  for (;;) {
    signal?.throwIfAborted();
    const cursor = heap.pop();
    if (cursor === undefined) return;
    // What was known is a bound: chunks may be passed over, or reach beyond the range.
    await cursor.activate();
    if (!cursor.look()) continue;
    if (heap.first !== undefined && heap.precedes(heap.first, cursor)) {
      cursor.release();
      heap.push(cursor);
      continue;
    }
    const chunk = await cursor.take();
    if (cursor.look()) {
      cursor.rest(RESTING_BYTES / byStream.size);
      heap.push(cursor);
    }
    if (chunk === null) continue;
    yield new ColumnBatch(streams.get(cursor.streamId)!, chunk);
  }
}
