import { type LogsRequest, mapLogs, type MappedLogRecord } from '#libs/otlp';
import { type LineBatch, LineBatchBuilder } from './line-batch.ts';
import { writeMetadata } from './line-metadata.ts';
import { Nanos } from './nanos.ts';
import { labelsOf } from './stream-text.ts';

/** Attributes of a resource that become labels, as Loki has it; the others become structured metadata of each line. */
const LABEL_ATTRIBUTES = [
  'service.name',
  'service.namespace',
  'service.instance.id',
  'deployment.environment',
  'deployment.environment.name',
  'cloud.region',
  'cloud.availability_zone',
  'container.name',
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.container.name',
  'k8s.deployment.name',
  'k8s.statefulset.name',
  'k8s.daemonset.name',
  'k8s.replicaset.name',
  'k8s.cronjob.name',
  'k8s.job.name',
] as const;
const LABEL_NAMES: ReadonlySet<string> = new Set(LABEL_ATTRIBUTES);
/** As many as Loki takes of a stream. */
const MAX_LABELS = 15;
const MAX_LABEL_LENGTH = 512;
const MAX_METADATA = 120;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** What came of a request with logs. */
export interface OtlpLines {
  readonly batch: LineBatch;
  readonly records: number;
  /** Records that are no lines, and why the first is none. */
  readonly rejected: number;
  readonly firstRejection: string | null;
}

/**
 * The lines of an OTLP request: the body of a record is the line, what its resource is known by are the labels, all else is
 * structured metadata. A record without a time has that of its arrival.
 */
export function otlpLines(request: LogsRequest, nowMs: number): OtlpLines {
  const parts: Buffer[] = [];
  const { groups, counts } = mapLogs(request);
  const found: { labels: ReturnType<typeof labelsOf>; records: Line[] }[] = [];
  const time = new Nanos();
  let at = 0;
  let lines = 0;
  let wrongTimes = 0;
  for (const { resource, records } of groups) {
    const group: Line[] = [];
    const shared = sharedMetadata(resource);
    for (const record of records) {
      const isTimed = Number.isNaN(record.seconds)
        ? (time.setMs(nowMs), true)
        : time.setSeconds(record.seconds, record.nanos);
      if (!isTimed) {
        wrongTimes++;
        continue;
      }
      const bytes = Buffer.from(record.body ?? '');
      parts.push(bytes);
      const metadata = metadataOf(record, shared);
      group.push({ low: time.low, high: time.high, start: at, end: at + bytes.length, metadata });
      at += bytes.length;
      lines++;
    }
    found.push({ labels: labelsOf(labelPairs(resource)), records: group });
  }
  const builder = new LineBatchBuilder(Buffer.concat(parts));
  for (const { labels, records } of found) {
    builder.beginStream(labels);
    for (const { low, high, start, end, metadata } of records) {
      const from = builder.metadata.length;
      if (metadata.size > 0) writeMetadata(builder.metadata, metadata);
      builder.add(low, high, start, end, from, builder.metadata.length);
    }
  }
  return {
    batch: builder.build(),
    records: counts.records,
    rejected: counts.records - lines,
    firstRejection:
      counts.firstRejection ?? (wrongTimes > 0 ? 'a record has an invalid time' : null),
  };
}

interface Line {
  readonly low: number;
  readonly high: number;
  readonly start: number;
  readonly end: number;
  readonly metadata: ReadonlyMap<string, string>;
}

function labelPairs(resource: ReadonlyMap<string, unknown>): [string, string][] {
  const pairs: [string, string][] = [];
  for (const name of LABEL_ATTRIBUTES) {
    const value = resource.get(name);
    if (value === undefined || pairs.length === MAX_LABELS) continue;
    const text = textOf(value).slice(0, MAX_LABEL_LENGTH);
    if (text !== '') pairs.push([labelName(name), text]);
  }
  if (!pairs.some(([name]) => name === 'service_name')) {
    // A stream needs a label, and this is the one that Loki gives.
    pairs.splice(MAX_LABELS - 1);
    pairs.push(['service_name', 'unknown_service']);
  }
  return pairs;
}

function sharedMetadata(resource: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const [name, value] of resource) {
    if (!LABEL_NAMES.has(name)) put(metadata, labelName(name), textOf(value));
  }
  return metadata;
}

function metadataOf(
  record: MappedLogRecord,
  shared: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const metadata = new Map(shared);
  if (record.severityNumber > 0) {
    put(metadata, 'detected_level', LEVELS[Math.floor((record.severityNumber - 1) / 4)]!);
    put(metadata, 'severity_number', String(record.severityNumber));
  }
  put(metadata, 'severity_text', record.severityText);
  put(metadata, 'trace_id', record.traceId);
  put(metadata, 'span_id', record.spanId);
  put(metadata, 'event_name', record.eventName);
  put(metadata, 'scope_name', record.scopeName);
  for (const [name, value] of record.attributes) put(metadata, labelName(name), textOf(value));
  return metadata;
}

function put(metadata: Map<string, string>, name: string, value: string): void {
  if (value === '' || name === '') return;
  if (metadata.size < MAX_METADATA || metadata.has(name)) metadata.set(name, value);
}

/** `k8s.pod.name` as `k8s_pod_name`. */
function labelName(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^\d/.test(plain) ? `_${plain}` : plain;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
