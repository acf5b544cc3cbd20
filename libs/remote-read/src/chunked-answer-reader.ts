import { DuplicateLabelError, Labels } from '#libs/labels';
import { BYTES, VARINT } from '#libs/protobuf';
import { crc32c } from './crc32c.ts';
import { ReadMessage } from './read-message.ts';
import { RemoteReadError } from './remote-read-error.ts';

/** A chunk as it was sent; `data` is a view on what was read. */
export interface ReadChunk {
  readonly minMs: number;
  readonly maxMs: number;
  /** One of `CHUNK_ENCODINGS`, or one that is not known here. */
  readonly encoding: number;
  readonly data: Buffer;
}

/** What one frame holds of a series; further frames may go on with it. */
export interface ReadChunkedSeries {
  readonly queryIndex: number;
  readonly labels: Labels;
  readonly chunks: readonly ReadChunk[];
}

/** As Prometheus's client: a frame that says to be longer is refused. */
const DEFAULT_MAX_FRAME_BYTES = 50_000_000;
const CRC_BYTES = 4;
const MAX_LENGTH_BYTES = 5;
const NOTHING = Buffer.alloc(0);

const SERIES = 1;
const QUERY_INDEX = 2;
const LABELS = 1;
const CHUNKS = 2;
const LABEL_NAME = 1;
const LABEL_VALUE = 2;
const CHUNK_MIN_TIME = 1;
const CHUNK_MAX_TIME = 2;
const CHUNK_TYPE = 3;
const CHUNK_DATA = 4;

/** Reads an answer of the type `STREAMED_XOR_CHUNKS` as it comes in, however it is cut. */
export class ChunkedAnswerReader {
  readonly #maxFrameBytes: number;
  /** What has come and not been read: not more than one frame, and what came with its end. */
  #parts: Buffer[] = [];
  #length = 0;
  #needed = 1;

  constructor(maxFrameBytes = DEFAULT_MAX_FRAME_BYTES) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** @returns the series of the frames that are complete now @throws RemoteReadError */
  push(bytes: Buffer): ReadChunkedSeries[] {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    const found: ReadChunkedSeries[] = [];
    // Joining parts for every packet of a large frame would take quadratic time.
    if (this.#length < this.#needed) return found;
    let rest = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    for (;;) {
      const frame = this.#frameOf(rest);
      if (frame === null) break;
      readFrame(frame.message, found);
      rest = rest.subarray(frame.end);
    }
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return found;
  }

  /** To be called at the end. @throws RemoteReadError when the answer ended within a frame */
  end(): void {
    if (this.#length > 0) throw malformed('the answer ends within a frame');
  }

  #frameOf(bytes: Buffer): { readonly message: Buffer; readonly end: number } | null {
    let length = 0;
    let at = 0;
    for (; ; at++) {
      if (at >= bytes.length) {
        this.#needed = bytes.length + 1;
        return null;
      }
      if (at >= MAX_LENGTH_BYTES) throw malformed('a frame of no sensible length');
      const byte = bytes[at]!;
      length += (byte & 0x7f) * 2 ** (7 * at);
      if (byte < 0x80) break;
    }
    if (length > this.#maxFrameBytes) {
      throw new RemoteReadError(
        'too_large',
        `a frame has ${length} bytes; at most ${this.#maxFrameBytes} are accepted`,
      );
    }
    const start = at + 1 + CRC_BYTES;
    this.#needed = start + length;
    if (bytes.length < this.#needed) return null;
    const message = bytes.subarray(start, start + length);
    if (crc32c(message) !== bytes.readUInt32BE(at + 1)) {
      throw malformed("a frame's checksum does not fit");
    }
    this.#needed = 1;
    return { message, end: start + length };
  }
}

function malformed(reason: string): RemoteReadError {
  return new RemoteReadError('malformed', reason);
}

function readFrame(message: Buffer, found: ReadChunkedSeries[]): void {
  const reader = new ReadMessage(message);
  const series: { labels: Labels; chunks: ReadChunk[] }[] = [];
  let queryIndex = 0;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case SERIES:
        reader.expectWireType(tag, BYTES);
        series.push(within(reader, readSeries));
        break;
      case QUERY_INDEX:
        reader.expectWireType(tag, VARINT);
        queryIndex = reader.readVarint();
        break;
      default:
        reader.skip(tag);
    }
  }
  for (const { labels, chunks } of series) found.push({ queryIndex, labels, chunks });
}

/** Reads an embedded message. */
function within<T>(reader: ReadMessage, read: (reader: ReadMessage) => T): T {
  const outerEnd = reader.end;
  reader.end = reader.readLengthEnd();
  const value = read(reader);
  reader.end = outerEnd;
  return value;
}

function readSeries(reader: ReadMessage): { labels: Labels; chunks: ReadChunk[] } {
  const start = reader.position;
  const pairs: [string, string][] = [];
  const chunks: ReadChunk[] = [];
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case LABELS:
        reader.expectWireType(tag, BYTES);
        pairs.push(within(reader, readLabel));
        break;
      case CHUNKS:
        reader.expectWireType(tag, BYTES);
        chunks.push(within(reader, readChunk));
        break;
      default:
        reader.skip(tag);
    }
  }
  try {
    return { labels: Labels.fromPairs(pairs), chunks };
  } catch (error) {
    if (!(error instanceof DuplicateLabelError)) throw error;
    return reader.fail(error.message, start);
  }
}

function readLabel(reader: ReadMessage): [string, string] {
  let name = '';
  let value = '';
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    const field = tag >>> 3;
    if (field === LABEL_NAME || field === LABEL_VALUE) {
      reader.expectWireType(tag, BYTES);
      const text = reader.readText(reader.readLengthEnd());
      if (field === LABEL_NAME) name = text;
      else value = text;
    } else {
      reader.skip(tag);
    }
  }
  return [name, value];
}

function readChunk(reader: ReadMessage): ReadChunk {
  let minMs = 0;
  let maxMs = 0;
  let encoding = 0;
  let data: Buffer = NOTHING;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case CHUNK_MIN_TIME:
        reader.expectWireType(tag, VARINT);
        minMs = reader.readInt64();
        break;
      case CHUNK_MAX_TIME:
        reader.expectWireType(tag, VARINT);
        maxMs = reader.readInt64();
        break;
      case CHUNK_TYPE:
        reader.expectWireType(tag, VARINT);
        encoding = reader.readVarint();
        break;
      case CHUNK_DATA: {
        reader.expectWireType(tag, BYTES);
        const end = reader.readLengthEnd();
        data = reader.bytes.subarray(reader.position, end);
        reader.position = end;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  return { minMs, maxMs, encoding, data };
}
