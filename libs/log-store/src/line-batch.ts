import { ByteWriter } from '#libs/block-files';
import type { Labels } from '#libs/labels';
import { writeMetadata } from './line-metadata.ts';
import { Nanos } from './nanos.ts';

/**
 * Lines on their way in, as columns: line i is `bytes.subarray(starts[i], ends[i])`. The lines of a stream lie together:
 * those of `streams[s]` end before `streamEnds[s]`, where the next one's begin.
 */
export interface LineBatch {
  readonly count: number;
  readonly streams: readonly Labels[];
  readonly streamEnds: readonly number[];
  /** Low and high word of each line's time; see `nanos.ts`. */
  readonly words: Uint32Array;
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Structured metadata of line i in its stored form is `metadata.subarray(metadataStarts[i], metadataEnds[i])`, empty for none. */
  readonly metadata: Buffer;
  readonly metadataStarts: Uint32Array;
  readonly metadataEnds: Uint32Array;
}

/** A line for {@link lineBatchOf}. */
export interface PlainLine {
  readonly timeNs: bigint;
  readonly line: string;
  readonly metadata?: ReadonlyMap<string, string>;
}

/** Gathers a {@link LineBatch}: {@link beginStream}, its lines, the next stream. The columns grow as needed. */
export class LineBatchBuilder {
  #bytes: Buffer;
  #streams: Labels[] = [];
  #streamEnds: number[] = [];
  readonly #metadata = new ByteWriter(256);
  #words = new Uint32Array(512);
  #starts = new Uint32Array(256);
  #ends = new Uint32Array(256);
  #metadataStarts = new Uint32Array(256);
  #metadataEnds = new Uint32Array(256);
  #count = 0;

  /** @param bytes what the lines are parts of */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Begins another batch in the memory of the one before, which is not valid any more. */
  restart(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#streams = [];
    this.#streamEnds = [];
    this.#metadata.clear();
    this.#count = 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Metadata is written here before the line it belongs to; see {@link add}. */
  get metadata(): ByteWriter {
    return this.#metadata;
  }

  beginStream(labels: Labels): void {
    this.#streams.push(labels);
    this.#streamEnds.push(this.#count);
  }

  /** A line of the stream that began last. @param metadataStart where its metadata begins, which ends with what was written */
  add(
    low: number,
    high: number,
    start: number,
    end: number,
    metadataStart: number,
    metadataEnd: number,
  ): void {
    const at = this.#count;
    if (at === this.#starts.length) this.#grow();
    this.#words[2 * at] = low;
    this.#words[2 * at + 1] = high;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#metadataStarts[at] = metadataStart;
    this.#metadataEnds[at] = metadataEnd;
    this.#count = at + 1;
    this.#streamEnds[this.#streamEnds.length - 1] = this.#count;
  }

  /** What was gathered; the builder takes nothing more. */
  build(): LineBatch {
    return {
      count: this.#count,
      streams: this.#streams,
      streamEnds: this.#streamEnds,
      words: this.#words,
      bytes: this.#bytes,
      starts: this.#starts,
      ends: this.#ends,
      metadata: this.#metadata.view(),
      metadataStarts: this.#metadataStarts,
      metadataEnds: this.#metadataEnds,
    };
  }

  #grow(): void {
    const capacity = 2 * this.#starts.length;
    this.#words = widened(this.#words, 2 * capacity);
    this.#starts = widened(this.#starts, capacity);
    this.#ends = widened(this.#ends, capacity);
    this.#metadataStarts = widened(this.#metadataStarts, capacity);
    this.#metadataEnds = widened(this.#metadataEnds, capacity);
  }
}

/** A batch of lines given as text, for whoever has few of them. */
export function lineBatchOf(
  streams: Iterable<{ readonly labels: Labels; readonly lines: readonly PlainLine[] }>,
): LineBatch {
  const groups = [...streams];
  const bytes = Buffer.from(
    groups.flatMap(({ lines }) => lines.map(({ line }) => line)).join(''),
    'utf8',
  );
  const builder = new LineBatchBuilder(bytes);
  const time = new Nanos();
  let at = 0;
  for (const { labels, lines } of groups) {
    builder.beginStream(labels);
    for (const { timeNs, line, metadata } of lines) {
      time.setClamped(timeNs);
      const start = builder.metadata.length;
      if (metadata !== undefined && metadata.size > 0) writeMetadata(builder.metadata, metadata);
      const end = at + Buffer.byteLength(line);
      builder.add(time.low, time.high, at, end, start, builder.metadata.length);
      at = end;
    }
  }
  return builder.build();
}

/** A longer copy of a column. */
export function widened(column: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(length);
  wider.set(column);
  return wider;
}
