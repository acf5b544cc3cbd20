import { readMetadata } from './line-metadata.ts';
import type { LogBatch, LogStream } from './log-source.ts';

/** Lines of one stream as columns, ascending by time; equal times in the order they came. */
export interface DecodedChunk {
  readonly count: number;
  readonly words: Uint32Array<ArrayBuffer>;
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** The number of each line's metadata, 0 for none; null where no line has any. */
  readonly metadata: Uint32Array | null;
  readonly metadataTable: readonly Buffer[];
}

/** Lines for a reader. */
export class ColumnBatch implements LogBatch {
  readonly stream: LogStream;
  readonly count: number;
  readonly timesNs: BigInt64Array;
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly #metadata: Uint32Array | null;
  readonly #table: readonly Buffer[];

  constructor(stream: LogStream, chunk: DecodedChunk) {
    this.stream = stream;
    this.count = chunk.count;
    this.timesNs = new BigInt64Array(chunk.words.buffer, chunk.words.byteOffset, chunk.count);
    this.bytes = chunk.bytes;
    this.starts = chunk.starts;
    this.ends = chunk.ends;
    this.#metadata = chunk.metadata;
    this.#table = chunk.metadataTable;
  }

  metadataOf(index: number): ReadonlyMap<string, string> | null {
    const number = this.#metadata?.[index] ?? 0;
    const entry = number === 0 ? undefined : this.#table[number - 1];
    return entry === undefined ? null : readMetadata(entry);
  }
}

/** The lines from `start` to `end`; nothing is copied. */
export function sliceChunk(chunk: DecodedChunk, start: number, end: number): DecodedChunk {
  if (start === 0 && end === chunk.count) return chunk;
  return {
    count: end - start,
    words: chunk.words.subarray(2 * start, 2 * end),
    bytes: chunk.bytes,
    starts: chunk.starts.subarray(start, end),
    ends: chunk.ends.subarray(start, end),
    metadata: chunk.metadata?.subarray(start, end) ?? null,
    metadataTable: chunk.metadataTable,
  };
}

/** A copy of the lines from `start` to `end`, which keeps nothing of the chunk in memory. */
export function copyOfLines(chunk: DecodedChunk, start: number, end: number): DecodedChunk {
  const count = end - start;
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let length = 0;
  for (let i = 0; i < count; i++) {
    starts[i] = length;
    length += chunk.ends[start + i]! - chunk.starts[start + i]!;
    ends[i] = length;
  }
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let i = 0; i < count; i++) {
    chunk.bytes.copy(bytes, starts[i], chunk.starts[start + i], chunk.ends[start + i]);
  }
  const metadata = chunk.metadata === null ? null : new Uint32Array(count);
  const metadataTable: Buffer[] = [];
  if (metadata !== null) {
    const numbers = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      const number = chunk.metadata![start + i]!;
      if (number === 0) continue;
      let copied = numbers.get(number);
      if (copied === undefined) {
        copied = metadataTable.push(Buffer.from(chunk.metadataTable[number - 1]!));
        numbers.set(number, copied);
      }
      metadata[i] = copied;
    }
  }
  return {
    count,
    words: chunk.words.slice(2 * start, 2 * end),
    bytes,
    starts,
    ends,
    metadata,
    metadataTable,
  };
}

/** The same lines, from the last to the first. */
export function reversedChunk(chunk: DecodedChunk): DecodedChunk {
  const { count } = chunk;
  const words = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const from = count - 1 - i;
    words[2 * i] = chunk.words[2 * from]!;
    words[2 * i + 1] = chunk.words[2 * from + 1]!;
  }
  return {
    ...chunk,
    words,
    starts: chunk.starts.subarray(0, count).toReversed(),
    ends: chunk.ends.subarray(0, count).toReversed(),
    metadata: chunk.metadata?.subarray(0, count).toReversed() ?? null,
  };
}
