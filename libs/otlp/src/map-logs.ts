import { attributeText, plainValue } from './attribute-labels.ts';
import type { LogsRequest } from './logs-request.ts';
import type { Attribute } from './metrics-request.ts';
import { DEFAULT_OTLP_LIMITS, type OtlpLimits } from './otlp-error.ts';

/** A record with what it has of its resource and scope. */
export interface MappedLogRecord {
  /** Seconds since the epoch, NaN where nobody told a time; and nanoseconds within the second. */
  readonly seconds: number;
  readonly nanos: number;
  /** `SeverityNumber`, 1 to 24; 0 for none. */
  readonly severityNumber: number;
  readonly severityText: string;
  /** Text as it is, anything else as JSON; null for none. */
  readonly body: string | null;
  /** Attributes of the record, by name, with their parts. */
  readonly attributes: ReadonlyMap<string, unknown>;
  readonly traceId: string;
  readonly spanId: string;
  readonly eventName: string;
  readonly scopeName: string;
}

/** Records of one resource. */
export interface MappedLogGroup {
  readonly resource: ReadonlyMap<string, unknown>;
  readonly records: Iterable<MappedLogRecord>;
}

/** What came of a request. */
export interface MappedLogs {
  readonly groups: Iterable<MappedLogGroup>;
  /** Records that were sent, those that are refused included; known once the groups were gone over. */
  readonly counts: { records: number; rejected: number; firstRejection: string | null };
}

const NANOS_PER_SECOND = 1_000_000_000n;
const MAX_SEVERITY = 24;

/** The records of a request, made as they are gone over. One with too many attributes is refused, not the request. */
export function mapLogs(
  request: LogsRequest,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): MappedLogs {
  const counts: MappedLogs['counts'] = { records: 0, rejected: 0, firstRejection: null };
  return { groups: groupsOf(request, limits, counts), counts };
}

function* groupsOf(
  request: LogsRequest,
  limits: OtlpLimits,
  counts: MappedLogs['counts'],
): Generator<MappedLogGroup, void, undefined> {
  for (const { resource, scopeLogs } of request.resourceLogs ?? []) {
    const attributes = resource?.attributes ?? [];
    const problem = tooMany('a resource', attributes, limits);
    yield {
      resource: problem === null ? valuesOf(attributes) : new Map(),
      records: recordsOf(scopeLogs ?? [], problem, limits, counts),
    };
  }
}

function* recordsOf(
  scopes: NonNullable<NonNullable<LogsRequest['resourceLogs']>[number]['scopeLogs']>,
  problem: string | null,
  limits: OtlpLimits,
  counts: MappedLogs['counts'],
): Generator<MappedLogRecord, void, undefined> {
  for (const { scope, logRecords } of scopes) {
    for (const record of logRecords ?? []) {
      counts.records++;
      const attributes = record.attributes ?? [];
      const refusal = problem ?? tooMany('a record', attributes, limits);
      if (refusal !== null) {
        counts.rejected++;
        counts.firstRejection ??= refusal;
        continue;
      }
      const time = record.timeUnixNano || record.observedTimeUnixNano || null;
      const severity = record.severityNumber ?? 0;
      yield {
        seconds: time === null ? Number.NaN : Number(time / NANOS_PER_SECOND),
        nanos: time === null ? 0 : Number(time % NANOS_PER_SECOND),
        severityNumber: severity >= 1 && severity <= MAX_SEVERITY ? severity : 0,
        severityText: record.severityText ?? '',
        body: record.body === undefined ? null : attributeText(record.body),
        attributes: valuesOf(attributes),
        traceId: record.traceId ?? '',
        spanId: record.spanId ?? '',
        eventName: record.eventName ?? '',
        scopeName: scope?.name ?? '',
      };
    }
  }
}

function tooMany(
  what: string,
  attributes: readonly Attribute[],
  { maxAttributes }: OtlpLimits,
): string | null {
  const { length } = attributes;
  return length > maxAttributes
    ? `${what} has ${length} attributes, at most ${maxAttributes}`
    : null;
}

/** Of a key given twice the last one counts. */
function valuesOf(attributes: readonly Attribute[]): ReadonlyMap<string, unknown> {
  return new Map(attributes.map(({ key, value }) => [key ?? '', plainValue(value)]));
}
