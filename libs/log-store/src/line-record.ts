import { BlockError, ByteReader } from '#libs/block-files';
import { FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES, writeFrameHeader } from '#libs/record-log';
import { type LineBatch, LineBatchBuilder } from './line-batch.ts';
import type { OpenChunk } from './open-chunk.ts';
import { decodeLabels } from './stream-registry.ts';

/*
 * Payloads of the log's frames begin with a byte that says what they are:
 *
 *   0  segment  version
 *   1  lines    slices of streams until the end, each:
 *                 labels    their number, then names and values in turn, each a text after its length
 *                 number of lines, bytes of all lines, number of different metadata, bytes of them: 4 bytes each
 *                 times     8 bytes each
 *                 lengths   of the lines, 4 bytes each
 *                 where there is metadata the number of each line's, from 1 on, 0 for none; and the lengths: 4 bytes each
 *                 lines, metadata
 *
 * Numbers are little-endian. Every slice has the labels of its stream, so that a record can be read on its own and damage
 * costs nothing beside it.
 */

const FORMAT_VERSION = 1;
const SEGMENT_RECORD = 0;
const LINES_RECORD = 1;
/** A frame that has come to so much ends. */
const FRAME_BYTES = 1_024 * 1_024;
const NO_ENTRIES: readonly number[] = [];
const FIRST_BYTES = 64 * 1_024;
const MAX_SPARE_BYTES = 8 * 1_024 * 1_024;
const SLICE_HEADER_BYTES = 16;

/** Collects frames in one growing buffer. */
export class LineRecordWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  #frameStart = -1;
  #numbers = new Uint32Array(64);
  #spare: Buffer | null = null;

  get length(): number {
    return this.#length;
  }

  /** The frames so far; the writer starts afresh. */
  take(): Buffer {
    this.end();
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = this.#spare ?? Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#spare = null;
    this.#length = 0;
    return taken;
  }

  /** Memory that was taken and is no longer needed, to be written to again: a new one for each write keeps the collector busy. */
  giveBack(taken: Buffer): void {
    const whole = Buffer.from(taken.buffer, taken.byteOffset);
    if (whole.length <= MAX_SPARE_BYTES && whole.length > (this.#spare?.length ?? 0)) {
      this.#spare = whole;
    }
  }

  writeSegment(): void {
    this.end();
    this.#begin(SEGMENT_RECORD);
    this.#reserve(1);
    this.#bytes[this.#length++] = FORMAT_VERSION;
    this.end();
  }

  /** The lines of a chunk from `fromLine` on, whose bytes begin at `fromByte`. */
  writeSlice(labels: Buffer, chunk: OpenChunk, fromLine: number, fromByte: number): void {
    const count = chunk.count - fromLine;
    const byteLength = chunk.byteLength - fromByte;
    const { metadata, metadataTable } = chunk;
    const used = metadata === null ? NO_ENTRIES : this.#entriesOf(metadata, chunk, fromLine);
    let metadataBytes = 0;
    for (const number of used) metadataBytes += metadataTable[number - 1]!.length;
    const sliceBytes =
      labels.length +
      SLICE_HEADER_BYTES +
      16 * count +
      4 * used.length +
      byteLength +
      metadataBytes;
    // A payload that is longer than a reader takes would be lost, so what does not fit begins a frame.
    const begun = this.#frameStart < 0 ? 0 : this.#length - this.#frameStart;
    if (begun + sliceBytes > MAX_PAYLOAD_BYTES) this.end();
    if (this.#frameStart < 0) this.#begin(LINES_RECORD);
    this.#reserve(sliceBytes);
    const bytes = this.#bytes;
    bytes.set(labels, this.#length);
    let at = this.#length + labels.length;
    at = bytes.writeUInt32LE(count, at);
    at = bytes.writeUInt32LE(byteLength, at);
    at = bytes.writeUInt32LE(used.length, at);
    at = bytes.writeUInt32LE(metadataBytes, at);
    const { words } = chunk;
    bytes.set(new Uint8Array(words.buffer, words.byteOffset + 8 * fromLine, 8 * count), at);
    at += 8 * count;
    let before = fromByte;
    for (let i = fromLine; i < chunk.count; i++) {
      const end = chunk.ends[i]!;
      at = writeUint32(bytes, end - before, at);
      before = end;
    }
    if (used.length > 0) {
      const numbers = this.#numbers;
      for (let i = fromLine; i < chunk.count; i++) {
        at = writeUint32(bytes, numbers[metadata![i]!]!, at);
      }
      for (const number of used) at = writeUint32(bytes, metadataTable[number - 1]!.length, at);
    }
    bytes.set(chunk.bytes.subarray(fromByte, chunk.byteLength), at);
    at += byteLength;
    for (const number of used) {
      const entry = metadataTable[number - 1]!;
      bytes.set(entry, at);
      at += entry.length;
    }
    this.#length = at;
    if (this.#length - this.#frameStart >= FRAME_BYTES) this.end();
  }

  /** Ends the frame that was begun, if one was. */
  end(): void {
    if (this.#frameStart < 0) return;
    writeFrameHeader(this.#bytes, this.#frameStart, this.#length);
    this.#frameStart = -1;
  }

  /** The metadata that lines of the chunk have, each once, and its number among these in `#numbers`. */
  #entriesOf(metadata: Uint32Array, chunk: OpenChunk, fromLine: number): readonly number[] {
    const size = chunk.metadataTable.length + 1;
    if (this.#numbers.length < size) this.#numbers = new Uint32Array(2 * size);
    else this.#numbers.fill(0, 0, size);
    const used: number[] = [];
    for (let i = fromLine; i < chunk.count; i++) {
      const number = metadata[i]!;
      if (number > 0 && this.#numbers[number] === 0) this.#numbers[number] = used.push(number);
    }
    return used;
  }

  #begin(kind: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 1);
    this.#frameStart = this.#length;
    this.#length += FRAME_HEADER_BYTES;
    this.#bytes[this.#length++] = kind;
  }

  #reserve(room: number): void {
    if (this.#length + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + room));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function writeUint32(bytes: Buffer, value: number, at: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  return at + 4;
}

/**
 * The lines of a payload; null where it is the beginning of a segment.
 * @param payload the batch holds views of it
 * @throws BlockError when this version does not understand it
 */
export function readLineRecord(payload: Buffer): LineBatch | null {
  const kind = payload[0];
  if (kind === SEGMENT_RECORD && payload[1] === FORMAT_VERSION) return null;
  if (kind !== LINES_RECORD) throw new BlockError('a record of another version');
  const builder = new LineBatchBuilder(payload);
  const reader = new ByteReader(payload, 1);
  while (reader.at < payload.length) {
    const labels = decodeLabels(reader);
    const count = reader.uint32();
    const byteLength = reader.uint32();
    const metadataCount = reader.uint32();
    const metadataBytes = reader.uint32();
    const columns = count * (metadataCount > 0 ? 16 : 12) + 4 * metadataCount;
    if (columns + byteLength + metadataBytes > payload.length - reader.at) {
      throw new BlockError('more lines announced than there are');
    }
    builder.beginStream(labels);
    const times = reader.at;
    const lengths = times + 8 * count;
    const numbers = lengths + 4 * count;
    const firstLine = times + columns;
    const metadataAt = firstLine + byteLength;
    const base = builder.metadata.length;
    builder.metadata.raw(payload.subarray(metadataAt, metadataAt + metadataBytes));
    // Where each metadata begins; the last one is where they end.
    const entries = new Uint32Array(metadataCount + 1).fill(base);
    for (let i = 0; i < metadataCount; i++) {
      entries[i + 1] = entries[i]! + payload.readUInt32LE(numbers + 4 * (count + i));
    }
    let line = firstLine;
    for (let i = 0; i < count; i++) {
      const low = payload.readUInt32LE(times + 8 * i);
      const high = payload.readUInt32LE(times + 8 * i + 4);
      const lineEnd = line + payload.readUInt32LE(lengths + 4 * i);
      const number = metadataCount > 0 ? payload.readUInt32LE(numbers + 4 * i) : 0;
      if (number > metadataCount) throw new BlockError('metadata that is not there');
      const start = number === 0 ? base : entries[number - 1]!;
      builder.add(low, high, line, lineEnd, start, number === 0 ? base : entries[number]!);
      line = lineEnd;
    }
    if (line !== metadataAt || entries[metadataCount] !== base + metadataBytes) {
      throw new BlockError('lines of another length than announced');
    }
    reader.at = metadataAt + metadataBytes;
  }
  return builder.build();
}
