import type { ChunkRef } from './chunk-ref.ts';
import { ColumnBatch } from './decoded-chunk.ts';
import type { LogBatch, LogReadRequest, LogStream } from './log-source.ts';
import { isBefore } from './nanos.ts';
import { rangeOf } from './overlaps.ts';
import { StreamCursor } from './stream-cursor.ts';

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
  const heap = new CursorHeap(isForward);
  for (const [id, refs] of byStream) {
    const cursor = new StreamCursor(id, refs, range, needles);
    if (cursor.look()) heap.push(cursor);
  }
  for (;;) {
    signal?.throwIfAborted();
    const cursor = heap.pop();
    if (cursor === null) return;
    // What was known is a bound: chunks may be passed over, or reach beyond the range.
    await cursor.activate();
    if (!cursor.look()) continue;
    if (heap.hasBefore(cursor)) {
      cursor.release();
      heap.push(cursor);
      continue;
    }
    const chunk = await cursor.take();
    if (cursor.look()) heap.push(cursor);
    if (chunk === null) continue;
    yield new ColumnBatch(streams.get(cursor.streamId)!, chunk);
  }
}

/** Cursors by the time of their next line, as a binary heap. */
class CursorHeap {
  readonly #isForward: boolean;
  readonly #cursors: StreamCursor[] = [];

  constructor(isForward: boolean) {
    this.#isForward = isForward;
  }

  /** Whether another's next line comes before this one's. */
  hasBefore(cursor: StreamCursor): boolean {
    const first = this.#cursors[0];
    return first !== undefined && this.#precedes(first, cursor);
  }

  push(cursor: StreamCursor): void {
    const heap = this.#cursors;
    let at = heap.push(cursor) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#precedes(cursor, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = cursor;
  }

  pop(): StreamCursor | null {
    const heap = this.#cursors;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#precedes(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#precedes(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  #precedes(a: StreamCursor, b: StreamCursor): boolean {
    return this.#isForward
      ? isBefore(a.low, a.high, b.low, b.high)
      : isBefore(b.low, b.high, a.low, a.high);
  }
}
