import type { RecordFields } from './record-fields.ts';

/** Streams of a container. A stream's id is its index here; files that tell none have the first. */
export const LOG_STREAMS = ['', 'stdout', 'stderr'] as const;

export type LogStream = (typeof LOG_STREAMS)[number];

export const NO_STREAM = 0;
export const STDOUT = 1;
export const STDERR = 2;

/** A record that was put together from several lines. */
export interface JoinedRecord {
  /** Its row in the batch. */
  readonly row: number;
  readonly parts: number;
  readonly firstSeconds: number;
  readonly firstNanos: number;
  /** Its end never came; this is what there was. */
  readonly isUnfinished: boolean;
}

/**
 * Records as columns: row `i` is the message `bytesOf(i)[starts[i]]` up to `ends[i]`, its time, stream and level. Columns
 * may be longer than `count`. The bytes are those of the lines the records were made from, and valid as long as those;
 * only messages that had to be put together or unescaped lie in `extra`.
 */
export class RecordBatch {
  count = 0;
  starts: Uint32Array;
  ends: Uint32Array;
  /** 1 where the message lies in `extra`. */
  isExtra: Uint8Array;
  /** Ids of `LOG_LEVELS`. */
  levels: Uint8Array;
  /** Ids of `LOG_STREAMS`. */
  streams: Uint8Array;
  /** Seconds since the epoch, NaN where the line tells no time. */
  timeSeconds: Float64Array;
  timeNanos: Uint32Array;
  /** 1 where the line is not of the format; its message is the whole line. */
  isMalformed: Uint8Array;
  /** Where in the file the line begins, of a joined message its first. */
  lineOffsets: Float64Array;
  readonly joined: JoinedRecord[] = [];
  lines: Buffer;
  extra: Buffer = NO_BYTES;
  /** What parsers found in the messages; null where nothing was parsed. */
  fields: RecordFields | null = null;
  #extraLength = 0;

  /** @param lines where messages lie that are part of their line */
  constructor(lines: Buffer, capacity: number) {
    const size = Math.max(4, capacity);
    this.lines = lines;
    this.starts = new Uint32Array(size);
    this.ends = new Uint32Array(size);
    this.isExtra = new Uint8Array(size);
    this.levels = new Uint8Array(size);
    this.streams = new Uint8Array(size);
    this.timeSeconds = new Float64Array(size);
    this.timeNanos = new Uint32Array(size);
    this.isMalformed = new Uint8Array(size);
    this.lineOffsets = new Float64Array(size);
  }

  /** Begins anew over other lines. */
  reset(lines: Buffer, capacity: number): void {
    this.lines = lines;
    this.count = 0;
    this.joined.length = 0;
    this.fields = null;
    this.#extraLength = 0;
    if (this.extra.length > MAX_KEPT_EXTRA_BYTES) this.extra = NO_BYTES;
    while (this.starts.length < capacity) this.#grow();
  }

  /** Where the message of a row lies. */
  bytesOf(row: number): Buffer {
    return this.isExtra[row] === 1 ? this.extra : this.lines;
  }

  /** The message of a row as text; invalid UTF-8 becomes U+FFFD. */
  text(row: number): string {
    return this.bytesOf(row).toString('utf8', this.starts[row], this.ends[row]);
  }

  /** Puts bytes into `extra`. @returns where they begin */
  addExtra(bytes: Uint8Array, start: number, end: number): number {
    const at = this.reserveExtra(end - start);
    this.extra.set(bytes.subarray(start, end), at);
    this.#extraLength += end - start;
    return at;
  }

  /** Makes room at the end of `extra`, of which {@link keepExtra} takes what was used. @returns where it begins */
  reserveExtra(length: number): number {
    const at = this.#extraLength;
    if (at + length > this.extra.length) {
      const larger = Buffer.allocUnsafe(Math.max((at + length) * 2, 1024));
      this.extra.copy(larger, 0, 0, at);
      this.extra = larger;
    }
    return at;
  }

  keepExtra(end: number): void {
    this.#extraLength = end;
  }

  /** A batch over the same bytes, without rows. What is added to either of them is not in the other. */
  emptied(): RecordBatch {
    const batch = new RecordBatch(this.lines, this.count);
    batch.extra = this.extra.subarray(0, this.#extraLength);
    batch.#extraLength = this.#extraLength;
    return batch;
  }

  /** The same records over the same bytes. What is changed or added in either of them is not in the other. */
  copy(): RecordBatch {
    const copy = new RecordBatch(this.lines, this.count);
    for (let row = 0; row < this.count; row++) copy.addRowOf(this, row);
    copy.joined.push(...this.joined);
    // Beyond what is used now each has memory of its own.
    copy.extra = this.extra.subarray(0, this.#extraLength);
    copy.#extraLength = this.#extraLength;
    copy.fields = this.fields?.copy(this.count) ?? null;
    return copy;
  }

  /** Adds a row of the batch that this one was {@link emptied} from. */
  addRowOf(other: RecordBatch, row: number): void {
    const to = this.reserve();
    this.starts[to] = other.starts[row]!;
    this.ends[to] = other.ends[row]!;
    this.isExtra[to] = other.isExtra[row]!;
    this.levels[to] = other.levels[row]!;
    this.streams[to] = other.streams[row]!;
    this.timeSeconds[to] = other.timeSeconds[row]!;
    this.timeNanos[to] = other.timeNanos[row]!;
    this.isMalformed[to] = other.isMalformed[row]!;
    this.lineOffsets[to] = other.lineOffsets[row]!;
  }

  /** Puts the message of a row somewhere else. */
  place(row: number, isExtra: boolean, start: number, end: number): void {
    this.isExtra[row] = isExtra ? 1 : 0;
    this.starts[row] = start;
    this.ends[row] = end;
  }

  /** Leaves out the rows for which `keep` has 0. The order of the others stays, and what was joined is told of them. */
  retain(keep: Uint8Array): void {
    const rowsBefore = this.count;
    const moved = this.joined.length === 0 ? null : new Map<number, number>();
    let to = 0;
    for (let from = 0; from < rowsBefore; from++) {
      if (keep[from] === 0) continue;
      moved?.set(from, to);
      if (from !== to) this.#moveRow(from, to);
      to++;
    }
    this.count = to;
    if (moved === null) return;
    const kept = this.joined.flatMap((record) => {
      const row = moved.get(record.row);
      return row === undefined ? [] : [{ ...record, row }];
    });
    this.joined.splice(0, this.joined.length, ...kept);
  }

  #moveRow(from: number, to: number): void {
    this.starts[to] = this.starts[from]!;
    this.ends[to] = this.ends[from]!;
    this.isExtra[to] = this.isExtra[from]!;
    this.levels[to] = this.levels[from]!;
    this.streams[to] = this.streams[from]!;
    this.timeSeconds[to] = this.timeSeconds[from]!;
    this.timeNanos[to] = this.timeNanos[from]!;
    this.isMalformed[to] = this.isMalformed[from]!;
    this.lineOffsets[to] = this.lineOffsets[from]!;
    this.fields?.moveRow(from, to);
  }

  /** Makes room for one row more. */
  reserve(): number {
    if (this.count === this.starts.length) this.#grow();
    this.isExtra[this.count] = 0;
    this.isMalformed[this.count] = 0;
    return this.count++;
  }

  #grow(): void {
    const size = this.starts.length * 2;
    this.starts = grown(this.starts, new Uint32Array(size));
    this.ends = grown(this.ends, new Uint32Array(size));
    this.isExtra = grown(this.isExtra, new Uint8Array(size));
    this.levels = grown(this.levels, new Uint8Array(size));
    this.streams = grown(this.streams, new Uint8Array(size));
    this.timeSeconds = grown(this.timeSeconds, new Float64Array(size));
    this.timeNanos = grown(this.timeNanos, new Uint32Array(size));
    this.isMalformed = grown(this.isMalformed, new Uint8Array(size));
    this.lineOffsets = grown(this.lineOffsets, new Float64Array(size));
  }
}

const NO_BYTES = Buffer.alloc(0);
/** Messages put together can be long, and are seldom. */
const MAX_KEPT_EXTRA_BYTES = 1024 * 1024;

function grown<Column extends Uint8Array | Uint32Array | Float64Array>(
  column: Column,
  larger: Column,
): Column {
  larger.set(column);
  return larger;
}
