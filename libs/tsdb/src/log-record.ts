import { BlockError, ByteReader, ByteWriter } from '#libs/block-files';
import type { FloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { FRAME_HEADER_BYTES, writeFrameHeader } from '#libs/record-log';
import type { FamilyMetadata } from './batch-extras.ts';
import { type LoggedExemplar, readExemplars, readMetadata } from './extras-record.ts';
import { readHistogram, writeHistogram } from './histogram-codec.ts';
import { readStarts } from './starts-record.ts';
import { LOW_WORD } from './xor-chunk.ts';

/*
 * Payloads of the log's frames. Numbers are unsigned LEB128 varints, signed ones in zigzag; text is UTF-8 after its length.
 *
 *   0  segment   version, sequence
 *   1  series    count, then for each: id (difference to the one before), number of labels, its names and values in
 *                turn: 0 and the text where it is new to the record, otherwise 1 + its number among the record's texts
 *   2  samples   count, then for each a control byte and what it announces:
 *                  bits 0-3  how many bytes of the value follow, highest first; the others are zero
 *                  bit 4     the id is one above that of the sample before; otherwise the difference follows
 *                  bits 5-6  0: same time as the sample before, 1: the difference follows, 2: eight bytes of time follow
 *
 *   3  histograms  count, then for each: id, and the histogram with its time as `histogram-codec.ts` writes the first one
 *
 *   4  exemplars   as `extras-record.ts` writes them
 *   5  metadata    likewise
 *   6  starts      as `starts-record.ts` writes them
 *
 * Numbers from 7 on are free. A series id is given once in the life of a log and
 * means the same in each of its segments.
 */

const FORMAT_VERSION = 1;
const SEGMENT_RECORD = 0;
const SERIES_RECORD = 1;
const SAMPLES_RECORD = 2;
const HISTOGRAMS_RECORD = 3;
/** Records of exemplars. */
export const EXEMPLARS_RECORD = 4;
/** Records of metadata. */
export const METADATA_RECORD = 5;
/** Records of start times. */
export const STARTS_RECORD = 6;

const NEXT_ID = 0x10;
const TIME_DIFFERENCE = 0x20;
const TIME_ABSOLUTE = 0x40;
/** Differences beyond are written as times of their own. */
const MAX_TIME_DIFFERENCE = 2 ** 31;
/** Control byte, id, time and value of one sample take no more. */
const MAX_SAMPLE_RECORD_BYTES = 1 + 8 + 8 + 8;
const MAX_VARINT_BYTES = 8;

/** Collects frames in one growing buffer. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafe(64 * 1_024);
  #length = 0;
  #frameStart = -1;
  readonly #histogram = new ByteWriter(1_024);
  readonly #texts = new Map<string, number>();
  #previousId = 0;
  #previousTimeMs = 0;

  get length(): number {
    return this.#length;
  }

  /** Bytes of the frame being written. */
  get frameBytes(): number {
    return this.#frameStart < 0 ? 0 : this.#length - this.#frameStart;
  }

  /** The frames so far; the writer starts afresh. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(64 * 1_024);
    this.#length = 0;
    return taken;
  }

  writeSegment(sequence: number): void {
    this.#begin(SEGMENT_RECORD, 2 * MAX_VARINT_BYTES);
    this.#writeVarint(FORMAT_VERSION);
    this.#writeVarint(sequence);
    this.end();
  }

  beginSeries(count: number): void {
    this.#begin(SERIES_RECORD, MAX_VARINT_BYTES);
    this.#writeVarint(count);
    this.#texts.clear();
    this.#previousId = 0;
  }

  writeSeries(id: number, labels: Labels): void {
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#writeVarint(zigzag(id - this.#previousId));
    this.#previousId = id;
    this.#writeVarint(labels.size);
    for (const text of labels.flat) this.#writeText(text);
  }

  beginSamples(count: number): void {
    this.#begin(SAMPLES_RECORD, MAX_VARINT_BYTES + count * MAX_SAMPLE_RECORD_BYTES);
    this.#writeVarint(count);
    this.#previousId = 0;
    this.#previousTimeMs = 0;
  }

  /** `high` and `low` are the words of the value. */
  writeSample(id: number, timeMs: number, high: number, low: number): void {
    const bytes = this.#bytes;
    const controlAt = this.#length++;
    let control = 0;
    const step = id - this.#previousId;
    if (step === 1) control |= NEXT_ID;
    else this.#writeVarint(zigzag(step));
    const difference = timeMs - this.#previousTimeMs;
    if (difference >= MAX_TIME_DIFFERENCE || difference <= -MAX_TIME_DIFFERENCE) {
      control |= TIME_ABSOLUTE;
      this.#length = bytes.writeDoubleLE(timeMs, this.#length);
    } else if (difference !== 0) {
      control |= TIME_DIFFERENCE;
      this.#writeVarint(zigzag(difference));
    }
    let at = this.#length;
    let word = high;
    for (let left = high; left !== 0; left = (left << 8) >>> 0) bytes[at++] = left >>> 24;
    if (low !== 0) {
      at = this.#length;
      for (let i = 0; i < 4; i++) {
        bytes[at++] = word >>> 24;
        word <<= 8;
      }
      for (let left = low; left !== 0; left = (left << 8) >>> 0) bytes[at++] = left >>> 24;
    }
    bytes[controlAt] = control | (at - this.#length);
    this.#length = at;
    this.#previousId = id;
    this.#previousTimeMs = timeMs;
  }

  beginHistograms(count: number): void {
    this.#begin(HISTOGRAMS_RECORD, MAX_VARINT_BYTES);
    this.#writeVarint(count);
  }

  writeHistogram(id: number, timeMs: number, histogram: FloatHistogram): void {
    this.#histogram.clear();
    writeHistogram(this.#histogram, null, { timeMs, histogram });
    const bytes = this.#histogram.view();
    this.#reserve(MAX_VARINT_BYTES + bytes.length);
    this.#writeVarint(id);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A frame with a payload that has been encoded already. */
  writePayload(kind: number, payload: Buffer): void {
    this.#begin(kind, payload.length);
    payload.copy(this.#bytes, this.#length);
    this.#length += payload.length;
    this.end();
  }

  /** Closes the frame. */
  end(): void {
    writeFrameHeader(this.#bytes, this.#frameStart, this.#length);
    this.#frameStart = -1;
  }

  #begin(kind: number, room: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 1 + room);
    this.#frameStart = this.#length;
    this.#length += FRAME_HEADER_BYTES;
    this.#bytes[this.#length++] = kind;
  }

  #writeText(text: string): void {
    const known = this.#texts.get(text);
    if (known !== undefined) {
      this.#reserve(MAX_VARINT_BYTES);
      this.#writeVarint(known + 1);
      return;
    }
    this.#texts.set(text, this.#texts.size);
    const byteLength = Buffer.byteLength(text);
    this.#reserve(2 * MAX_VARINT_BYTES + byteLength);
    this.#writeVarint(0);
    this.#writeVarint(byteLength);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  #writeVarint(value: number): void {
    let left = value;
    while (left >= 0x80) {
      this.#bytes[this.#length++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#bytes[this.#length++] = left;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe((this.#length + bytes) * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function zigzag(value: number): number {
  return value >= 0 ? 2 * value : -2 * value - 1;
}

/** Who is told what a log's records hold. */
export interface RecordVisitor {
  segment(version: number, sequence: number): void;
  /** Whether the labels of a series are needed; if not, {@link RecordVisitor.series} is not told. */
  needsSeries(id: number): boolean;
  series(id: number, labels: Labels): void;
  /** The value comes as its two words in the machine's order. */
  sample(id: number, timeMs: number, firstWord: number, secondWord: number): void;
  histogram(id: number, timeMs: number, histogram: FloatHistogram): void;
  /** From that time of a sample on, a series has that start time; 0 for one that is not known. */
  start(id: number, fromMs: number, startMs: number): void;
  exemplar(exemplar: LoggedExemplar): void;
  metadata(metadata: FamilyMetadata): void;
}

/** A payload with a valid checksum that is not what this version writes. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

const MAX_LABELS = 10_000;

/**
 * Reads one payload. What comes before an error has been told already.
 * @throws RecordError for a payload of another version or one that contradicts itself
 */
export function readRecord(payload: Buffer, visitor: RecordVisitor): void {
  if (payload.length === 0) throw new RecordError('empty record');
  const cursor = new Cursor(payload, 1);
  const kind = payload[0]!;
  switch (kind) {
    case SEGMENT_RECORD:
      visitor.segment(cursor.readVarint(), cursor.readVarint());
      return;
    case SERIES_RECORD:
      readSeries(cursor, visitor);
      return;
    case SAMPLES_RECORD:
      readSamples(payload, visitor);
      return;
    case HISTOGRAMS_RECORD:
      readBytes(payload, (reader) => readHistograms(reader, visitor));
      return;
    case EXEMPLARS_RECORD:
      readBytes(payload, (reader) => readExemplars(reader, (one) => visitor.exemplar(one)));
      return;
    case METADATA_RECORD:
      readBytes(payload, (reader) => readMetadata(reader, (one) => visitor.metadata(one)));
      return;
    case STARTS_RECORD:
      readBytes(payload, (reader) =>
        readStarts(reader, (id, fromMs, startMs) => visitor.start(id, fromMs, startMs)),
      );
      return;
    default:
      throw new RecordError(`record of unknown kind ${kind}`);
  }
}

function readBytes(payload: Buffer, read: (reader: ByteReader) => void): void {
  try {
    read(new ByteReader(payload, 1));
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    throw new RecordError(error.message);
  }
}

function readHistograms(reader: ByteReader, visitor: RecordVisitor): void {
  for (let left = reader.count(); left > 0; left--) {
    const id = reader.varint();
    const { timeMs, histogram } = readHistogram(reader, null);
    visitor.histogram(id, timeMs, histogram);
  }
}

function readSeries(cursor: Cursor, visitor: RecordVisitor): void {
  const count = cursor.readVarint();
  const texts = new RecordTexts(cursor);
  let id = 0;
  for (let i = 0; i < count; i++) {
    id += cursor.readZigzag();
    const labelCount = cursor.readVarint();
    if (labelCount > MAX_LABELS) throw new RecordError('series with too many labels');
    if (!visitor.needsSeries(id)) {
      for (let text = 0; text < 2 * labelCount; text++) texts.skip();
      continue;
    }
    const flat: string[] = [];
    for (let text = 0; text < 2 * labelCount; text++) flat.push(texts.read());
    visitor.series(id, Labels.fromSortedFlat(flat));
  }
}

/** The texts of a record of series, decoded when first asked for: most definitions repeat what is known. */
class RecordTexts {
  readonly #cursor: Cursor;
  readonly #texts: (string | null)[] = [];
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  read(): string {
    const at = this.skip();
    const known = this.#texts[at]!;
    if (known !== null) return known;
    const start = this.#starts[at]!;
    const text = this.#cursor.bytes.toString('utf8', start, start + this.#lengths[at]!);
    this.#texts[at] = text;
    return text;
  }

  /** Steps over one text or reference. @returns its number */
  skip(): number {
    const reference = this.#cursor.readVarint();
    if (reference > this.#texts.length) {
      throw new RecordError('reference to a text that is not there');
    }
    if (reference > 0) return reference - 1;
    const length = this.#cursor.readVarint();
    this.#starts.push(this.#cursor.take(length));
    this.#lengths.push(length);
    return this.#texts.push(null) - 1;
  }
}

/**
 * Samples are most of a log, so this is one loop over locals. It may read beyond the end, where there is nothing; that is
 * noticed after each sample.
 */
function readSamples(bytes: Buffer, visitor: RecordVisitor): void {
  const cursor = new Cursor(bytes, 1);
  const count = cursor.readVarint();
  let at = cursor.position;
  let id = 0;
  let timeMs = 0;
  for (let i = 0; i < count; i++) {
    const control = bytes[at++]!;
    if ((control & NEXT_ID) !== 0) id++;
    else {
      cursor.position = at;
      id += cursor.readZigzag();
      at = cursor.position;
    }
    if ((control & TIME_DIFFERENCE) !== 0) {
      cursor.position = at;
      timeMs += cursor.readZigzag();
      at = cursor.position;
    } else if ((control & TIME_ABSOLUTE) !== 0) {
      cursor.position = at;
      timeMs = cursor.readDouble();
      at = cursor.position;
    }
    const valueBytes = control & 0xf;
    let high = 0;
    let low = 0;
    for (let byte = 0, shift = 24; byte < valueBytes && byte < 4; byte++, shift -= 8) {
      high |= bytes[at + byte]! << shift;
    }
    for (let byte = 4, shift = 24; byte < valueBytes; byte++, shift -= 8) {
      low |= bytes[at + byte]! << shift;
    }
    at += valueBytes;
    if (at > bytes.length) throw new RecordError('record ends early');
    if (valueBytes > 8) throw new RecordError('value of more than eight bytes');
    if (LOW_WORD === 0) visitor.sample(id, timeMs, low, high);
    else visitor.sample(id, timeMs, high, low);
  }
}

class Cursor {
  readonly bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.#at = at;
  }

  /** Where it reads next. */
  get position(): number {
    return this.#at;
  }

  set position(at: number) {
    this.#at = at;
  }

  /** Steps over `count` bytes. @returns where they begin */
  take(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) throw new RecordError('record ends early');
    this.#at = at + count;
    return at;
  }

  readByte(): number {
    return this.bytes[this.take(1)]!;
  }

  readVarint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.readByte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new RecordError('number that does not end');
  }

  readZigzag(): number {
    const value = this.readVarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  readDouble(): number {
    return this.bytes.readDoubleLE(this.take(8));
  }
}
