import { isUtf8 } from 'node:buffer';
import {
  JSON_FIELD,
  LOG_LEVELS,
  LOG_STREAMS,
  NUMBER_FIELD,
  PACKED_FIELD,
  type RecordBatch,
  type RecordFields,
} from '#libs/log-pipeline';
import { MsgpackWriter } from './msgpack-writer.ts';

/** What all records of a file say beside their message. */
export type EntryAttributes = Readonly<Record<string, unknown>>;

/** `[EventTime, record]` of some records, one behind the other, as PackedForward has them. */
export interface EncodedEntries {
  readonly bytes: Buffer;
  readonly count: number;
}

const EVENT_TIME_BYTES = 10;
/** What stands before the message: array of two, EventTime, a map's size, and the length of a text. */
const MAX_HEADER_BYTES = 1 + EVENT_TIME_BYTES + 3 + 5;
/** The key `message`, which stands last before it. */
const MESSAGE_KEY_BYTES = 8;
/** Integers with more digits would lose the last of them. */
const MAX_EXACT_DIGITS = 15;
/** What stands before the name and the value of a field, or a number. */
const MAX_FIELD_HEADER_BYTES = 14;
const MAX_UINT32 = 0xffff_ffff;

/**
 * Makes Fluentd entries of the records of one file. What does not change from record to record is encoded once for each
 * stream and level; a message goes from its line's bytes straight into the entry.
 */
export class EntryEncoder {
  readonly #attributes: EntryAttributes;
  /** The record behind its size, up to and with the key `message`, by stream and level. */
  readonly #prefixes: (Buffer | undefined)[] = [];
  readonly #ownCount: number;
  readonly #leavesOutEmpty: boolean;

  /**
   * @param attributes fields of every record; `message`, `level` and `stream` among them are not taken
   * @param leavesOutEmpty whether a record with an empty message has none
   */
  constructor(attributes: EntryAttributes, leavesOutEmpty = false) {
    this.#attributes = attributes;
    this.#leavesOutEmpty = leavesOutEmpty;
    this.#ownCount = this.#own().length + 2;
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
    const { starts, ends, levels, streams, timeSeconds, timeNanos, fields } = records;
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
      const time = timeSeconds[row]!;
      const hasTime = time === time;
      const seconds = hasTime ? Math.min(Math.max(0, time), MAX_UINT32) : nowSeconds;
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
      const hasMessage = end > start || !this.#leavesOutEmpty;
      const told = (streams[row] === 0 ? 0 : 1) + (hasMessage ? 0 : -1);
      const size = this.#ownCount + told + (fields?.counts[row] ?? 0);
      if (size < 16) bytes[at++] = 0x80 | size;
      else {
        bytes[at++] = 0xde;
        bytes[at++] = size >>> 8;
        bytes[at++] = size;
      }
      prefix.copy(bytes, at);
      writer.length = at + prefix.length;
      if (hasMessage) {
        writer.textHeader(end - start);
        source.copy(bytes, writer.length, start, end);
        writer.length += end - start;
      } else writer.length -= MESSAGE_KEY_BYTES;
      if (fields !== null) writeFields(writer, records, row);
    }
    return { bytes: writer.written, count: to - from };
  }

  #estimate(records: RecordBatch, from: number, to: number): number {
    let total = 0;
    for (let row = from; row < to; row++) {
      const prefix = this.#prefix(records.streams[row]!, records.levels[row]!);
      total += MAX_HEADER_BYTES + prefix.length + records.ends[row]! - records.starts[row]!;
      if (records.fields !== null) total += fieldBytes(records.fields, row);
    }
    return total;
  }

  #prefix(stream: number, level: number): Buffer {
    const at = stream * LOG_LEVELS.length + level;
    return (this.#prefixes[at] ??= this.#makePrefix(stream, level));
  }

  #own(): readonly (readonly [string, unknown])[] {
    return Object.entries(this.#attributes).filter(
      ([key]) => key !== 'message' && key !== 'level' && key !== 'stream',
    );
  }

  #makePrefix(stream: number, level: number): Buffer {
    const streamName = LOG_STREAMS[stream]!;
    const writer = new MsgpackWriter();
    for (const [key, value] of this.#own()) {
      writer.text(key);
      writer.value(value);
    }
    writer.text('level');
    writer.text(LOG_LEVELS[level]!);
    if (streamName !== '') {
      writer.text('stream');
      writer.text(streamName);
    }
    writer.text('message');
    return Buffer.from(writer.written);
  }
}

/** About how much the fields of a row take. */
function fieldBytes(fields: RecordFields, row: number): number {
  const first = fields.first[row]!;
  let total = 0;
  for (let i = first; i < first + fields.counts[row]!; i++) {
    total += fields.nameEnds[i]! - fields.nameStarts[i]! + MAX_FIELD_HEADER_BYTES;
    total += fields.valueEnds[i]! - fields.valueStarts[i]!;
  }
  return total;
}

/** The pairs that parsers have found in a row. */
function writeFields(writer: MsgpackWriter, records: RecordBatch, row: number): void {
  const fields = records.fields!;
  const first = fields.first[row]!;
  for (let i = first; i < first + fields.counts[row]!; i++) {
    const name = fields.isNameExtra[i] === 1 ? records.extra : records.lines;
    writeSlice(writer, name, fields.nameStarts[i]!, fields.nameEnds[i]!);
    const value = fields.isValueExtra[i] === 1 ? records.extra : records.lines;
    const start = fields.valueStarts[i]!;
    const end = fields.valueEnds[i]!;
    if (fields.kinds[i] === NUMBER_FIELD && end - start <= MAX_EXACT_DIGITS) {
      writer.value(Number(value.toString('latin1', start, end)));
    } else if (fields.kinds[i] === JSON_FIELD) writeJson(writer, value, start, end);
    else if (fields.kinds[i] === PACKED_FIELD) writer.raw(value.subarray(start, end));
    else writeSlice(writer, value, start, end);
  }
}

/** Text; bytes that are not UTF-8 become U+FFFD. */
function writeSlice(writer: MsgpackWriter, bytes: Buffer, start: number, end: number): void {
  if (!isUtf8(bytes.subarray(start, end))) {
    writer.text(bytes.toString('utf8', start, end));
    return;
  }
  writer.textHeader(end - start);
  writer.reserve(end - start);
  bytes.copy(writer.bytes, writer.length, start, end);
  writer.length += end - start;
}

/** The value that JSON stands for; what cannot be written as one, being nested too deep, stays text. */
function writeJson(writer: MsgpackWriter, bytes: Buffer, start: number, end: number): void {
  const { length } = writer;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', start, end));
    writer.value(value);
  } catch {
    writer.length = length;
    writeSlice(writer, bytes, start, end);
  }
}

/** The part of the lines in which the rows lie that are part of their line. */
function rangeOf(records: RecordBatch, from: number, to: number): Buffer {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  // Records that were held back come out of their order.
  for (let row = from; row < to; row++) {
    if (records.isExtra[row] === 1) continue;
    start = Math.min(start, records.starts[row]!);
    end = Math.max(end, records.ends[row]!);
  }
  return records.lines.subarray(Math.min(start, end), end);
}
