import { gunzipSync } from 'node:zlib';
import { ByteWriter } from '#libs/block-files';
import { ProtobufError, ProtobufReader } from '#libs/protobuf';
import { RemoteWriteError, uncompressBlock } from '#libs/remote-write';
import { type LineBatch, LineBatchBuilder } from './line-batch.ts';
import { Nanos } from './nanos.ts';
import { DEFAULT_PUSH_LIMITS, PushError, type PushLimits, tooMany } from './push-error.ts';
import { releaseBytes } from './release-bytes.ts';
import { StreamTexts } from './stream-text.ts';

/** Largest push over the wire and after decompression. JSON is less, since it takes more to parse. */
export const MAX_PUSH_BYTES = { protobuf: 32 * 1_024 * 1_024, json: 8 * 1_024 * 1_024 } as const;

/** Columns for more are not kept for the next push. */
const MAX_KEPT_LINES = 65_536;

const VARINT = 0;
const BYTES = 2;
// PushRequest
const STREAMS = (1 << 3) | BYTES;
// StreamAdapter
const LABELS = (1 << 3) | BYTES;
const ENTRIES = (2 << 3) | BYTES;
// EntryAdapter
const TIMESTAMP = (1 << 3) | BYTES;
const LINE = (2 << 3) | BYTES;
const METADATA = (3 << 3) | BYTES;
// Timestamp
const SECONDS = (1 << 3) | VARINT;
const NANOS = (2 << 3) | VARINT;
// LabelPairAdapter
const NAME = (1 << 3) | BYTES;
const VALUE = (2 << 3) | BYTES;

/**
 * Decodes Loki's `PushRequest`: a snappy block of protocol buffers. Keeps what senders repeat.
 * Lines are taken as they are, whatever their bytes.
 */
export class PushDecoder {
  readonly #limits: PushLimits;
  readonly #texts = new StreamTexts();
  readonly #time = new Nanos();
  #builder = new LineBatchBuilder(Buffer.alloc(0));
  #message: Buffer | null = null;

  constructor(limits: PushLimits = DEFAULT_PUSH_LIMITS) {
    this.#limits = limits;
  }

  /**
   * @returns lines that are views of what was decompressed, valid until the next call
   * @throws PushError
   */
  decode(body: Buffer): LineBatch {
    const message = uncompress(body);
    this.#message = message;
    // One large push must not keep its memory for good.
    if (this.#builder.count > MAX_KEPT_LINES) this.#builder = new LineBatchBuilder(message);
    else this.#builder.restart(message);
    try {
      return new PushReading(message, this.#builder, this.#limits, this.#texts, this.#time).read();
    } catch (error) {
      if (!(error instanceof ProtobufError)) throw error;
      throw new PushError('malformed_push', `no push: ${error.message}`, { cause: error });
    }
  }

  /** Gives back the memory of what was decoded last, once its lines are stored. */
  release(): void {
    if (this.#message !== null) releaseBytes(this.#message);
    this.#message = null;
  }
}

/** One push being read. */
class PushReading {
  readonly #reader: ProtobufReader;
  readonly #builder: LineBatchBuilder;
  readonly #limits: PushLimits;
  readonly #texts: StreamTexts;
  readonly #time: Nanos;
  readonly #pair = { nameStart: 0, nameEnd: 0, valueStart: 0, valueEnd: 0 };
  #streams = 0;
  // The metadata of the line before: where it stood in the message, and where in the batch.
  #rawStart = 0;
  #rawEnd = 0;
  #metadataStart = 0;
  #metadataEnd = 0;

  constructor(
    message: Buffer,
    builder: LineBatchBuilder,
    limits: PushLimits,
    texts: StreamTexts,
    time: Nanos,
  ) {
    this.#reader = new ProtobufReader(message);
    this.#builder = builder;
    this.#limits = limits;
    this.#texts = texts;
    this.#time = time;
  }

  read(): LineBatch {
    const reader = this.#reader;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag !== STREAMS) {
        reader.skip(tag);
        continue;
      }
      if (++this.#streams > this.#limits.maxStreams)
        throw tooMany('streams', this.#limits.maxStreams);
      const outer = reader.end;
      reader.end = reader.readLengthEnd();
      this.#readStream();
      reader.position = reader.end;
      reader.end = outer;
    }
    return this.#builder.build();
  }

  #readStream(): void {
    const reader = this.#reader;
    const start = reader.position;
    // The labels come first from every sender there is; but they need not.
    let text = '';
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag !== LABELS) {
        reader.skip(tag);
        continue;
      }
      const end = reader.readLengthEnd();
      text = reader.bytes.toString('utf8', reader.position, end);
      break;
    }
    this.#builder.beginStream(this.#texts.get(text));
    reader.position = start;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag !== ENTRIES) {
        reader.skip(tag);
        continue;
      }
      const outer = reader.end;
      reader.end = reader.readLengthEnd();
      this.#readEntry();
      reader.end = outer;
    }
  }

  #readEntry(): void {
    const reader = this.#reader;
    const { maxLines } = this.#limits;
    if (this.#builder.count >= maxLines) throw tooMany('lines', maxLines);
    let lineStart = 0;
    let lineEnd = 0;
    let rawStart = 0;
    let rawEnd = 0;
    let isContiguous = true;
    this.#time.low = 0;
    this.#time.high = 0;
    for (;;) {
      const at = reader.position;
      const tag = reader.readTag();
      if (tag === 0) break;
      switch (tag) {
        case TIMESTAMP:
          this.#readTime();
          break;
        case LINE:
          lineEnd = reader.readLengthEnd();
          lineStart = reader.position;
          reader.position = lineEnd;
          break;
        case METADATA:
          if (rawEnd === 0) rawStart = at;
          else if (rawEnd !== at) isContiguous = false;
          reader.position = reader.readLengthEnd();
          rawEnd = reader.position;
          break;
        default:
          reader.skip(tag);
      }
    }
    if (rawEnd === 0) {
      this.#metadataStart = 0;
      this.#metadataEnd = 0;
      this.#rawStart = 0;
      this.#rawEnd = 0;
    } else if (!isContiguous || !this.#isAsBefore(rawStart, rawEnd)) {
      this.#writeMetadata(rawStart, rawEnd);
      this.#rawStart = rawStart;
      this.#rawEnd = isContiguous ? rawEnd : rawStart;
    }
    const { low, high } = this.#time;
    this.#builder.add(low, high, lineStart, lineEnd, this.#metadataStart, this.#metadataEnd);
  }

  #readTime(): void {
    const reader = this.#reader;
    const outer = reader.end;
    reader.end = reader.readLengthEnd();
    let seconds = 0;
    let nanos = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag === SECONDS) seconds = reader.readInt64();
      else if (tag === NANOS) nanos = reader.readInt64();
      else reader.skip(tag);
    }
    reader.end = outer;
    if (!this.#time.setSeconds(seconds, nanos)) {
      throw new PushError(
        'malformed_push',
        `${seconds} seconds and ${nanos} nanoseconds are no time; accepted are times from 1970 to 2262`,
      );
    }
  }

  #isAsBefore(start: number, end: number): boolean {
    const length = end - start;
    if (length !== this.#rawEnd - this.#rawStart) return false;
    return (
      this.#reader.bytes.compare(this.#reader.bytes, this.#rawStart, this.#rawEnd, start, end) === 0
    );
  }

  /** Copies the pairs of a stretch of an entry to the batch, in their stored form. */
  #writeMetadata(start: number, end: number): void {
    const reader = this.#reader;
    const writer = this.#builder.metadata;
    const outer = reader.end;
    reader.end = end;
    this.#metadataStart = writer.length;
    reader.position = start;
    let count = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag === METADATA) count++;
      reader.skip(tag);
    }
    writer.varint(count);
    reader.position = start;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag === METADATA) this.#writePair(writer);
      else reader.skip(tag);
    }
    this.#metadataEnd = writer.length;
    reader.end = outer;
    reader.position = outer;
  }

  #writePair(writer: ByteWriter): void {
    const reader = this.#reader;
    const pair = this.#pair;
    const outer = reader.end;
    reader.end = reader.readLengthEnd();
    pair.nameStart = pair.nameEnd = pair.valueStart = pair.valueEnd = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag === NAME) {
        pair.nameEnd = reader.readLengthEnd();
        pair.nameStart = reader.position;
        reader.position = pair.nameEnd;
      } else if (tag === VALUE) {
        pair.valueEnd = reader.readLengthEnd();
        pair.valueStart = reader.position;
        reader.position = pair.valueEnd;
      } else {
        reader.skip(tag);
      }
    }
    reader.end = outer;
    writer.varint(pair.nameEnd - pair.nameStart);
    writer.raw(reader.bytes.subarray(pair.nameStart, pair.nameEnd));
    writer.varint(pair.valueEnd - pair.valueStart);
    writer.raw(reader.bytes.subarray(pair.valueStart, pair.valueEnd));
  }
}

function uncompress(body: Buffer): Buffer {
  try {
    return uncompressBlock(body, MAX_PUSH_BYTES.protobuf);
  } catch (error) {
    if (!(error instanceof RemoteWriteError)) throw error;
    const code = error.code === 'too_large' ? 'too_large' : 'malformed_snappy';
    throw new PushError(code, error.message, { cause: error });
  }
}

/** The bytes of a body that may be compressed with gzip. @throws PushError */
export function ungzip(body: Buffer, isGzipped: boolean): Buffer {
  const maxOutputLength = MAX_PUSH_BYTES.json;
  if (body.length > maxOutputLength) {
    throw new PushError('too_large', `the push has more than ${maxOutputLength} bytes`);
  }
  if (!isGzipped) return body;
  try {
    return gunzipSync(body, { maxOutputLength });
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      const text = `the push has more than ${maxOutputLength} bytes after decompression`;
      throw new PushError('too_large', text, { cause: error });
    }
    throw new PushError('malformed_gzip', `the body is no gzip: ${String(code)}`, { cause: error });
  }
}
