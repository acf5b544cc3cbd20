import { type MsgpackKind, MsgpackReader } from '#libs/forward';
import { compressBlock } from '#libs/remote-write';
import { addFields, entriesOf } from './log-entries.ts';
import type { LogBody, LokiLabelOptions } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';

/** Of structured metadata of one line; the engine takes 64 KiB. */
const MAX_METADATA = 120;
const MAX_METADATA_BYTES = 60 * 1024;
const MAX_LABEL_LENGTH = 512;
/** So many different beginnings of records are kept in a body; sources times levels. */
const MAX_PREFIXES = 64;
/** Where a pod's labels tell the application's name, the best known first. */
const APP_FIELDS = ['labels.app.kubernetes.io/name', 'labels.app'];
/** The key `message` as our encoder writes it. */
const MESSAGE_KEY_BYTES = 8;
const EVENT_TIME_BYTES = 10;
/** Array of two, and the EventTime of eight bytes. */
const ENTRY_START = 0x92;
const FIXEXT8 = 0xd7;
const FIRST_BYTES = 64 * 1024;

// PushRequest, StreamAdapter, EntryAdapter, LabelPairAdapter: fields with a length.
const STREAM = 0x0a;
const LABELS = 0x0a;
const ENTRY = 0x12;
const TIMESTAMP = 0x0a;
const LINE = 0x12;
const METADATA = 0x1a;
const NAME = 0x0a;
const VALUE = 0x12;
// Timestamp: varints.
const SECONDS = 0x08;
const NANOS = 0x10;

/** Bytes in a growing buffer. */
class Bytes {
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  reserve(room: number): void {
    if (this.length + room <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.length + room));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  varint(value: number): void {
    let left = value;
    while (left >= 0x80) {
      this.bytes[this.length++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    this.bytes[this.length++] = left;
  }

  copy(source: Buffer, start: number, end: number): void {
    source.copy(this.bytes, this.length, start, end);
    this.length += end - start;
  }
}

/** What records that begin alike have in common. */
interface Prefix {
  /** From behind the size of the record to behind the key `message`. */
  readonly bytes: Buffer;
  /** Fields before the message. */
  readonly fields: number;
  readonly stream: Bytes;
  /** Their structured metadata, encoded. */
  readonly metadata: Buffer;
  readonly metadataCount: number;
}

/**
 * Makes pushes for the engine, byte by byte: what records of a source say before their message is read once, and the
 * message goes from the chunk to the body. It is Loki's `PushRequest`, which any Loki takes as well.
 */
export class EngineBody {
  readonly #options: LokiLabelOptions;
  /** By the text of their labels. */
  readonly #streams = new Map<string, Bytes>();
  #prefixes: Prefix[] = [];
  #tag = '';
  readonly #extra = new Bytes();

  constructor(options: LokiLabelOptions) {
    this.#options = options;
  }

  of(chunks: readonly LogChunk[]): LogBody {
    this.#streams.clear();
    for (const chunk of chunks) {
      // Labels have the tag in them.
      this.#prefixes = [];
      this.#tag = chunk.tag;
      this.#addChunk(chunk);
    }
    return {
      headers: [
        ['content-type', 'application/x-protobuf'],
        ['content-encoding', 'snappy'],
      ],
      body: compressBlock(this.#assemble()),
    };
  }

  #assemble(): Buffer {
    const body = new Bytes();
    for (const [text, entries] of this.#streams) {
      const labels = Buffer.from(text);
      const length = 1 + varintBytes(labels.length) + labels.length + entries.length;
      body.reserve(length + 16);
      body.byte(STREAM);
      body.varint(length);
      body.byte(LABELS);
      body.varint(labels.length);
      body.copy(labels, 0, labels.length);
      body.copy(entries.bytes, 0, entries.length);
    }
    return body.bytes.subarray(0, body.length);
  }

  #addChunk(chunk: LogChunk): void {
    const reader = new MsgpackReader(chunk.entries);
    while (!reader.isAtEnd) {
      const start = reader.position;
      if (this.#addEntry(reader)) continue;
      // A record without a message, or not of our making.
      reader.position = start;
      reader.skip();
      this.#addPlain({ ...chunk, entries: chunk.entries.subarray(start, reader.position) });
    }
  }

  /** @returns false where the entry is not as our encoder writes it; nothing was added then */
  #addEntry(reader: MsgpackReader): boolean {
    const { bytes, position: start } = reader;
    if (start + 1 + EVENT_TIME_BYTES > bytes.length) return false;
    if (bytes[start] !== ENTRY_START || bytes[start + 1] !== FIXEXT8 || bytes[start + 2] !== 0) {
      return false;
    }
    const seconds = bytes.readUInt32BE(start + 3);
    const nanos = bytes.readUInt32BE(start + 7);
    reader.position = start + 1 + EVENT_TIME_BYTES;
    if (nextKind(reader) !== 'map') return false;
    const { count } = reader;
    const prefix = this.#prefixAt(reader, count);
    if (prefix === null) return false;
    if (nextKind(reader) !== 'text') return false;
    const { valueStart: lineStart, valueEnd: lineEnd } = reader;
    const extra = this.#extra;
    extra.length = 0;
    const others = count - prefix.fields - 1;
    if (others > 0) this.#readOthers(reader, others, prefix);
    addLine(prefix.stream, seconds, nanos, bytes, lineStart, lineEnd, prefix.metadata, extra);
    return true;
  }

  /** The prefix that lies at the reader's position, which is behind it then; null where there is none. */
  #prefixAt(reader: MsgpackReader, count: number): Prefix | null {
    const { bytes, position: start } = reader;
    for (let i = 0; i < this.#prefixes.length; i++) {
      const known = this.#prefixes[i]!;
      const end = start + known.bytes.length;
      if (end > bytes.length || known.fields >= count) continue;
      if (bytes.compare(known.bytes, 0, known.bytes.length, start, end) !== 0) continue;
      // The next record most likely begins the same way.
      if (i > 0) {
        this.#prefixes[i] = this.#prefixes[0]!;
        this.#prefixes[0] = known;
      }
      reader.position = end;
      return known;
    }
    const prefix = this.#readPrefix(reader, count);
    if (prefix === null) return null;
    if (this.#prefixes.length === MAX_PREFIXES) this.#prefixes.pop();
    this.#prefixes.unshift(prefix);
    return prefix;
  }

  #readPrefix(reader: MsgpackReader, count: number): Prefix | null {
    const start = reader.position;
    const fields: [string, string][] = [];
    for (let i = 0; i < count; i++) {
      const at = reader.position;
      reader.next();
      if (reader.kind !== 'text') return null;
      const name = reader.text();
      if (name === 'message') {
        // Written in the shortest way, or the bytes of a prefix would not tell where it ends.
        if (reader.position - at !== MESSAGE_KEY_BYTES) return null;
        const bytes = Buffer.from(reader.bytes.subarray(start, reader.position));
        return { bytes, fields: i, ...this.#sharedOf(fields) };
      }
      addFields(fields, name, reader.readValue());
    }
    return null;
  }

  /** Labels and metadata of what a source says. */
  #sharedOf(fields: readonly (readonly [string, string])[]): {
    stream: Bytes;
    metadata: Buffer;
    metadataCount: number;
  } {
    const { labels: given, labelFields } = this.#options;
    const labels = new Map<string, string>([['tag', this.#tag], ...Object.entries(given)]);
    const rest: (readonly [string, string])[] = [];
    for (const field of fields) {
      const [name, value] = field;
      if (labelFields.includes(name) && value !== '') labels.set(name, cut(value));
      else rest.push(field);
    }
    if (labelFields.includes('app') && !labels.has('app')) {
      const app = APP_FIELDS.map((name) => fields.find(([key]) => key === name)?.[1] ?? '');
      const told = app.find((value) => value !== '');
      if (told !== undefined) labels.set('app', cut(told));
    }
    const { bytes, count } = metadataOf(rest);
    return { stream: this.#streamOf(labels), metadata: bytes, metadataCount: count };
  }

  #streamOf(labels: ReadonlyMap<string, string>): Bytes {
    const pairs = [...labels].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const text = `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
    let stream = this.#streams.get(text);
    if (stream === undefined) this.#streams.set(text, (stream = new Bytes()));
    return stream;
  }

  /** What parsers have found in a record, as metadata. */
  #readOthers(reader: MsgpackReader, count: number, prefix: Prefix): void {
    const extra = this.#extra;
    let left = MAX_METADATA - prefix.metadataCount;
    let leftOut = 0;
    const fields: [string, string][] = [];
    for (let i = 0; i < count; i++) {
      reader.next();
      const name = reader.kind === 'text' ? reader.text() : '';
      addFields(fields, name, reader.readValue());
    }
    for (const [name, value] of fields) {
      if (name === '' || value === '') continue;
      const size = name.length + Buffer.byteLength(value);
      if (left <= 0 || prefix.metadata.length + extra.length + size > MAX_METADATA_BYTES) leftOut++;
      else {
        addPair(extra, name, value);
        left--;
      }
    }
    if (leftOut > 0) addPair(extra, 'fields_left_out', String(leftOut));
  }

  /** A record read as objects: slower, and right for any. */
  #addPlain(chunk: LogChunk): void {
    for (const { seconds, nanos, message, fields } of entriesOf(chunk)) {
      const { stream, metadata } = this.#sharedOf(fields);
      const line = Buffer.from(message);
      this.#extra.length = 0;
      addLine(stream, seconds, nanos, line, 0, line.length, metadata, this.#extra);
    }
  }
}

function nextKind(reader: MsgpackReader): MsgpackKind {
  reader.next();
  return reader.kind;
}

function addLine(
  stream: Bytes,
  seconds: number,
  nanos: number,
  source: Buffer,
  start: number,
  end: number,
  metadata: Buffer,
  extra: Bytes,
): void {
  const timeBytes = 2 + varintBytes(seconds) + varintBytes(nanos);
  const lineBytes = end - start;
  const length =
    2 + timeBytes + 1 + varintBytes(lineBytes) + lineBytes + metadata.length + extra.length;
  stream.reserve(length + 6);
  stream.byte(ENTRY);
  stream.varint(length);
  stream.byte(TIMESTAMP);
  stream.byte(timeBytes);
  stream.byte(SECONDS);
  stream.varint(seconds);
  stream.byte(NANOS);
  stream.varint(nanos);
  stream.byte(LINE);
  stream.varint(lineBytes);
  stream.copy(source, start, end);
  stream.copy(metadata, 0, metadata.length);
  if (extra.length > 0) stream.copy(extra.bytes, 0, extra.length);
}

function metadataOf(fields: readonly (readonly [string, string])[]): {
  bytes: Buffer;
  count: number;
} {
  const pairs = new Bytes();
  let count = 0;
  let leftOut = 0;
  for (const [name, value] of fields) {
    if (value === '') continue;
    const size = name.length + Buffer.byteLength(value);
    if (count >= MAX_METADATA || pairs.length + size > MAX_METADATA_BYTES) {
      leftOut++;
      continue;
    }
    addPair(pairs, name, value);
    count++;
  }
  if (leftOut > 0) addPair(pairs, 'fields_left_out', String(leftOut));
  return { bytes: Buffer.from(pairs.bytes.subarray(0, pairs.length)), count };
}

function addPair(target: Bytes, name: string, value: string): void {
  const nameBytes = Buffer.from(name.replaceAll(/[^A-Za-z0-9_]/g, '_'));
  const valueBytes = Buffer.from(value);
  const length =
    2 +
    varintBytes(nameBytes.length) +
    nameBytes.length +
    varintBytes(valueBytes.length) +
    valueBytes.length;
  target.reserve(length + 6);
  target.byte(METADATA);
  target.varint(length);
  target.byte(NAME);
  target.varint(nameBytes.length);
  target.copy(nameBytes, 0, nameBytes.length);
  target.byte(VALUE);
  target.varint(valueBytes.length);
  target.copy(valueBytes, 0, valueBytes.length);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left >>>= 7) bytes++;
  return bytes;
}

/** A label's value as far as it is taken. */
function cut(value: string): string {
  return value.length <= MAX_LABEL_LENGTH ? value : value.slice(0, MAX_LABEL_LENGTH).toWellFormed();
}
