import {
  ANY_VALUE,
  type AnyValue,
  type Attribute,
  KEY_VALUE,
  type MessageShape,
  RESOURCE,
  shape,
} from './metrics-request.ts';

/** `ExportLogsServiceRequest` (opentelemetry-proto, logs v1) as both decoders give it. Absent fields have proto3's defaults. */
export interface LogsRequest {
  readonly resourceLogs?: readonly ResourceLogs[];
}

interface ResourceLogs {
  readonly resource?: { readonly attributes?: readonly Attribute[] };
  readonly scopeLogs?: readonly ScopeLogs[];
}

interface ScopeLogs {
  readonly scope?: { readonly name?: string; readonly version?: string };
  readonly logRecords?: readonly OtlpLogRecord[];
}

/** One record as it was sent. */
interface OtlpLogRecord {
  /** Nanoseconds since the epoch; 0 where the source told no time. */
  readonly timeUnixNano?: bigint;
  readonly observedTimeUnixNano?: bigint;
  /** 1 to 24, 0 for none. */
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: AnyValue;
  readonly attributes?: readonly Attribute[];
  /** In hexadecimal digits. */
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName?: string;
}

const LOG_RECORD = shape(
  [1, 'timeUnixNano', 'exact_nanos'],
  [11, 'observedTimeUnixNano', 'exact_nanos'],
  [2, 'severityNumber', 'severity'],
  [3, 'severityText', 'string'],
  [5, 'body', () => ANY_VALUE],
  [6, 'attributes', () => KEY_VALUE, 'repeated'],
  [9, 'traceId', 'id'],
  [10, 'spanId', 'id'],
  [12, 'eventName', 'string'],
);
const SCOPE = shape([1, 'name', 'string'], [2, 'version', 'string']);
const SCOPE_LOGS = shape(
  [1, 'scope', () => SCOPE],
  [2, 'logRecords', () => LOG_RECORD, 'repeated'],
);
const RESOURCE_LOGS = shape(
  [1, 'resource', () => RESOURCE],
  [2, 'scopeLogs', () => SCOPE_LOGS, 'repeated'],
);

/** The outermost message. */
export const LOGS_REQUEST: MessageShape = shape([
  1,
  'resourceLogs',
  () => RESOURCE_LOGS,
  'repeated',
]);
