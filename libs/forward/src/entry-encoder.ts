import { isUtf8 } from 'node:buffer';
import { LOG_LEVELS, LOG_STREAMS, type RecordBatch } from '#libs/log-pipeline';
import { MsgpackWriter } from './msgpack-writer.ts';

/** What all records of a file say beside their message. */
export type EntryAttributes = Readonly<Record<string, unknown>>;

/** `[EventTime, record]` of some records, one behind the other, as PackedForward has them. */
export interface EncodedEntries {
  readonly bytes: Buffer;
  readonly count: number;
}

const EVENT_TIME_BYTES = 10;
/** What stands before the message: array of two, EventTime, and the length of a text. */
const MAX_HEADER_BYTES = 1 + EVENT_TIME_BYTES + 5;
const MAX_UINT32 = 0xffff_ffff;

/**
 * Makes Fluentd entries of the records of one file. What does not change from record to record is encoded once for each
 * stream and level; a message goes from its line's bytes straight into the entry.
 */
export class EntryEncoder {
  readonly #attributes: EntryAttributes;
  /** The record up to and with the key `message`, by stream and level. */
  readonly #prefixes: (Buffer | undefined)[] = [];
  readonly #hasLevels: boolean;

  /**
   * @param attributes fields of every record; `message`, `level` and `stream` among them are not taken
   * @param hasLevels whether records tell their level
   */
  constructor(attributes: EntryAttributes, hasLevels = true) {
    this.#attributes = attributes;
    this.#hasLevels = hasLevels;
  }

  /**
   * Entries of rows `from` to `to`. Bytes that are not UTF-8 become U+FFFD; a record without a time has that of `nowMs`.
   * @param memory where memory of a size comes from, at the beginning of which the entries lie; by default it is made
   */
  encode(
    records: RecordBatch,
    nowMs: number,
    from = 0,
    to: number = records.count,
    memory?: (bytes: number) => Buffer,
  ): EncodedEntries {
    const { starts, ends, levels, streams, timeSeconds, timeNanos } = records;
    const estimate = this.#estimate(records, from, to);
    const writer = new MsgpackWriter(memory === undefined ? estimate : memory(estimate));
    const nowSeconds = Math.floor(nowMs / 1000);
    const nowNanos = Math.floor(nowMs % 1000) * 1_000_000;
    const areLinesText = to > from && isUtf8(rangeOf(records, from, to));
    for (let row = from; row < to; row++) {
      const isExtra = records.isExtra[row] === 1;
      let source = isExtra ? records.extra : records.lines;
      let start = starts[row]!;
      let end = ends[row]!;
      if (!(areLinesText && !isExtra) && !isUtf8(source.subarray(start, end))) {
        source = Buffer.from(source.toString('utf8', start, end));
        start = 0;
        end = source.length;
      }
      const prefix = this.#prefix(streams[row]!, levels[row]!);
      writer.reserve(MAX_HEADER_BYTES + prefix.length + end - start);
      const { bytes } = writer;
      let at = writer.length;
      const told = timeSeconds[row]!;
      const hasTime = told === told;
      const seconds = hasTime ? Math.min(Math.max(0, told), MAX_UINT32) : nowSeconds;
      const nanos = hasTime ? timeNanos[row]! : nowNanos;
      bytes[at++] = 0x92;
      bytes[at++] = 0xd7;
      bytes[at++] = 0;
      bytes[at++] = seconds >>> 24;
      bytes[at++] = seconds >>> 16;
      bytes[at++] = seconds >>> 8;
      bytes[at++] = seconds;
      bytes[at++] = nanos >>> 24;
      bytes[at++] = nanos >>> 16;
      bytes[at++] = nanos >>> 8;
      bytes[at++] = nanos;
      prefix.copy(bytes, at);
      writer.length = at + prefix.length;
      writer.textHeader(end - start);
      source.copy(bytes, writer.length, start, end);
      writer.length += end - start;
    }
    return { bytes: writer.written, count: to - from };
  }

  #estimate(records: RecordBatch, from: number, to: number): number {
    let total = 0;
    for (let row = from; row < to; row++) {
      const prefix = this.#prefix(records.streams[row]!, records.levels[row]!);
      total += MAX_HEADER_BYTES + prefix.length + records.ends[row]! - records.starts[row]!;
    }
    return total;
  }

  #prefix(stream: number, level: number): Buffer {
    const at = stream * LOG_LEVELS.length + level;
    return (this.#prefixes[at] ??= this.#makePrefix(stream, level));
  }

  #makePrefix(stream: number, level: number): Buffer {
    const own = Object.entries(this.#attributes).filter(
      ([key]) => key !== 'message' && key !== 'level' && key !== 'stream',
    );
    const streamName = LOG_STREAMS[stream]!;
    const writer = new MsgpackWriter();
    writer.mapHeader(own.length + 1 + (this.#hasLevels ? 1 : 0) + (streamName === '' ? 0 : 1));
    for (const [key, value] of own) {
      writer.text(key);
      writer.value(value);
    }
    if (this.#hasLevels) {
      writer.text('level');
      writer.text(LOG_LEVELS[level]!);
    }
    if (streamName !== '') {
      writer.text('stream');
      writer.text(streamName);
    }
    writer.text('message');
    return Buffer.from(writer.written);
  }
}

/** The part of the lines in which the rows lie that are part of their line. */
function rangeOf(records: RecordBatch, from: number, to: number): Buffer {
  let start = -1;
  let end = 0;
  for (let row = from; row < to; row++) {
    if (records.isExtra[row] === 1) continue;
    if (start < 0) start = records.starts[row]!;
    end = records.ends[row]!;
  }
  return records.lines.subarray(Math.max(0, start), end);
}
