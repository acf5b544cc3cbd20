import { LOG_LEVELS, levelOfValue, type LogSource, UNKNOWN_LEVEL } from '#libs/log-pipeline';
import type { MappedLogGroup, MappedLogRecord } from '#libs/otlp';
import type { ToldBySender } from '../log-inputs/sender-fields.ts';
import type { RecordBuilder } from '../logs/record-builder.ts';

/** Attributes that have a field of their own here. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ['k8s.namespace.name', 'namespace'],
  ['k8s.pod.name', 'pod'],
  ['k8s.pod.uid', 'pod_uid'],
  ['k8s.container.name', 'container'],
  ['k8s.node.name', 'node'],
]);
const LEVELS_OF_SEVERITY = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
const MAX_FIELDS = 256;

/** Writes a record with everything it says; of a name given twice the record's own attribute counts. */
export function writeLogRecord(
  builder: RecordBuilder,
  source: LogSource,
  resource: MappedLogGroup['resource'],
  record: MappedLogRecord,
  nowMs: number,
): void {
  builder.begin(source, record.seconds, record.nanos, nowMs);
  const fields = new Map<string, unknown>();
  for (const attributes of [resource, record.attributes]) {
    for (const [key, value] of attributes) {
      const name = FIELD_NAMES.get(key) ?? key;
      if (name !== '' && name !== 'level' && (fields.has(name) || fields.size < MAX_FIELDS)) {
        fields.set(name, value);
      }
    }
  }
  for (const [name, value] of fields) builder.field(name, value);
  builder.field('severity_text', record.severityText);
  builder.field('scope', record.scopeName);
  builder.field('event_name', record.eventName);
  builder.field('trace_id', record.traceId);
  builder.field('span_id', record.spanId);
  builder.level(levelOf(record));
  if (record.body !== null) builder.message(Buffer.from(record.body));
  builder.end();
}

/** What a resource says of whom its records are. */
export function toldByResource(resource: MappedLogGroup['resource']): ToldBySender {
  const text = (name: string): string => {
    const value = resource.get(name);
    return typeof value === 'string' ? value : '';
  };
  return {
    podUid: text('k8s.pod.uid'),
    namespace: text('k8s.namespace.name'),
    pod: text('k8s.pod.name'),
    container: text('k8s.container.name'),
    workload: WORKLOADS.map(text).find((name) => name !== '') ?? '',
  };
}

/** The owner that a pod goes by, before those that it has between. */
const WORKLOADS = [
  'k8s.deployment.name',
  'k8s.statefulset.name',
  'k8s.daemonset.name',
  'k8s.cronjob.name',
  'k8s.job.name',
  'k8s.replicaset.name',
];

function levelOf({ severityNumber, severityText }: MappedLogRecord): number {
  // Four numbers for each of OpenTelemetry's levels.
  const name = LEVELS_OF_SEVERITY[Math.floor((severityNumber - 1) / 4)];
  if (name !== undefined) return LOG_LEVELS.indexOf(name);
  const text = Buffer.from(severityText.slice(0, 64));
  return text.length === 0 ? UNKNOWN_LEVEL : levelOfValue(text, 0, text.length);
}
