import { gzipSync } from 'node:zlib';
import { ProtobufWriter } from '#libs/protobuf';
import { compressBlock } from '#libs/remote-write';
import type { LogChunk } from './log-chunk.ts';
import { entriesOf, isoText, type LogEntry, nanosText } from './log-entries.ts';

/** One request: what its headers say of the body, and the body. */
export interface LogBody {
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

/** What Loki indexes; everything else becomes structured metadata. */
export interface LokiLabelOptions {
  /** Of every stream. */
  readonly labels: Readonly<Record<string, string>>;
  /** Fields of records that become labels where they are there. */
  readonly labelFields: readonly string[];
}

/** Loki's own limits are 128 pairs and 64 KiB for a line's metadata, and 2,048 bytes for a label. */
const MAX_METADATA = 120;
const MAX_METADATA_BYTES = 60 * 1024;
const MAX_LABEL_LENGTH = 512;

interface Stream {
  readonly labels: Readonly<Record<string, string>>;
  readonly entries: LogEntry[];
}

const LENGTH_DELIMITED = 2;
const FIXED64 = 1;
/** Severity numbers of OpenTelemetry by our levels. */
const SEVERITIES: ReadonlyMap<string, number> = new Map([
  ['trace', 1],
  ['debug', 5],
  ['info', 9],
  ['warn', 13],
  ['error', 17],
  ['fatal', 21],
]);

/** What OpenTelemetry's semantic conventions call our fields. */
const SEMANTIC_NAMES: ReadonlyMap<string, string> = new Map([
  ['namespace', 'k8s.namespace.name'],
  ['pod', 'k8s.pod.name'],
  ['pod_uid', 'k8s.pod.uid'],
  ['container', 'k8s.container.name'],
  ['node', 'k8s.node.name'],
  ['container_id', 'container.id'],
  ['file', 'log.file.path'],
  ['stream', 'log.iostream'],
]);

/** Loki's PushRequest, compressed as a snappy block. */
export function lokiProtobuf(chunks: readonly LogChunk[], options: LokiLabelOptions): LogBody {
  const writer = new ProtobufWriter();
  for (const { labels, entries } of streamsOf(chunks, options)) {
    message(writer, 1, () => {
      text(writer, 1, labelText(labels));
      for (const entry of entries) {
        message(writer, 2, () => {
          message(writer, 1, () => {
            varint(writer, 1, entry.seconds);
            varint(writer, 2, entry.nanos);
          });
          text(writer, 2, entry.message);
          for (const [name, value] of metadataOf(entry, options)) {
            message(writer, 3, () => {
              text(writer, 1, name);
              text(writer, 2, value);
            });
          }
        });
      }
    });
  }
  return {
    headers: [['content-type', 'application/x-protobuf']],
    body: compressBlock(writer.written),
  };
}

/** Loki's push as JSON, compressed with gzip. */
export function lokiJson(chunks: readonly LogChunk[], options: LokiLabelOptions): LogBody {
  const streams = streamsOf(chunks, options).map(({ labels, entries }) => ({
    stream: labels,
    values: entries.map((entry) => [
      nanosText(entry),
      entry.message,
      Object.fromEntries(metadataOf(entry, options)),
    ]),
  }));
  return {
    headers: [
      ['content-type', 'application/json'],
      ['content-encoding', 'gzip'],
    ],
    body: gzipSync(JSON.stringify({ streams })),
  };
}

/** OpenTelemetry's ExportLogsServiceRequest, compressed with gzip. */
export function otlpProtobuf(
  chunks: readonly LogChunk[],
  resource: Readonly<Record<string, string>>,
): LogBody {
  const writer = new ProtobufWriter();
  message(writer, 1, () => {
    message(writer, 1, () => {
      for (const [name, value] of Object.entries(resource)) attribute(writer, 1, name, value);
    });
    message(writer, 2, () => {
      message(writer, 1, () => text(writer, 1, 'binnacle'));
      for (const chunk of chunks) {
        for (const entry of entriesOf(chunk)) message(writer, 2, () => logRecord(writer, entry));
      }
    });
  });
  return {
    headers: [
      ['content-type', 'application/x-protobuf'],
      ['content-encoding', 'gzip'],
    ],
    body: gzipSync(writer.written),
  };
}

/** A record as an object of its own. */
export function jsonRecord(tag: string, entry: LogEntry): Readonly<Record<string, unknown>> {
  return { time: isoText(entry), tag, message: entry.message, ...entry.record };
}

/** One JSON object a line, compressed with gzip. */
export function jsonLines(chunks: readonly LogChunk[]): LogBody {
  const lines: string[] = [];
  for (const chunk of chunks) {
    for (const entry of entriesOf(chunk)) {
      lines.push(JSON.stringify(jsonRecord(chunk.tag, entry)), '\n');
    }
  }
  return {
    headers: [
      ['content-type', 'application/x-ndjson'],
      ['content-encoding', 'gzip'],
    ],
    body: gzipSync(lines.join('')),
  };
}

function logRecord(writer: ProtobufWriter, entry: LogEntry): void {
  const nanos = Buffer.alloc(8);
  nanos.writeBigUInt64LE(BigInt(entry.seconds) * 1_000_000_000n + BigInt(entry.nanos));
  writer.writeVarint((1 << 3) | FIXED64);
  writer.append(nanos);
  const level = entry.fields.find(([name]) => name === 'level')?.[1] ?? '';
  const severity = SEVERITIES.get(level);
  if (severity !== undefined) {
    varint(writer, 2, severity);
    text(writer, 3, level);
  }
  message(writer, 5, () => text(writer, 1, entry.message));
  for (const [name, value] of entry.fields) {
    if (name !== 'level') attribute(writer, 6, SEMANTIC_NAMES.get(name) ?? name, value);
  }
}

function attribute(writer: ProtobufWriter, field: number, name: string, value: string): void {
  message(writer, field, () => {
    text(writer, 1, name);
    message(writer, 2, () => text(writer, 1, value));
  });
}

function message(writer: ProtobufWriter, field: number, body: () => void): void {
  writer.writeVarint((field << 3) | LENGTH_DELIMITED);
  const start = writer.beginMessage();
  body();
  writer.endMessage(start);
}

function text(writer: ProtobufWriter, field: number, value: string): void {
  writer.writeVarint((field << 3) | LENGTH_DELIMITED);
  writer.writeString(value);
}

function varint(writer: ProtobufWriter, field: number, value: number): void {
  writer.writeVarint(field << 3);
  writer.writeInt64(value);
}

function streamsOf(chunks: readonly LogChunk[], options: LokiLabelOptions): Stream[] {
  const streams = new Map<string, Stream>();
  for (const chunk of chunks) {
    for (const entry of entriesOf(chunk)) {
      const labels: Record<string, string> = { tag: chunk.tag, ...options.labels };
      for (const [name, value] of entry.fields) {
        if (options.labelFields.includes(name) && value !== '') labels[name] = cut(value);
      }
      const key = labelText(labels);
      const stream = streams.get(key);
      if (stream === undefined) streams.set(key, { labels, entries: [entry] });
      else stream.entries.push(entry);
    }
  }
  return [...streams.values()];
}

function metadataOf({ fields }: LogEntry, { labelFields }: LokiLabelOptions): [string, string][] {
  const pairs: [string, string][] = [];
  let bytes = 0;
  let leftOut = 0;
  for (const [name, value] of fields) {
    if (labelFields.includes(name) || value === '') continue;
    const size = name.length + Buffer.byteLength(value);
    if (pairs.length >= MAX_METADATA || bytes + size > MAX_METADATA_BYTES) leftOut++;
    else {
      bytes += size;
      pairs.push([name.replaceAll(/[^A-Za-z0-9_]/g, '_'), value]);
    }
  }
  // Loki would refuse the whole line.
  if (leftOut > 0) pairs.push(['fields_left_out', String(leftOut)]);
  return pairs;
}

/** A label's value as far as Loki takes it. */
function cut(value: string): string {
  return value.length <= MAX_LABEL_LENGTH ? value : value.slice(0, MAX_LABEL_LENGTH).toWellFormed();
}

/** `{a="b", c="d"}`, sorted by name, as Loki writes a stream's labels. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
}
