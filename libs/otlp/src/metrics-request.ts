/**
 * `ExportMetricsServiceRequest` (opentelemetry-proto, metrics v1) as both decoders give it. Absent fields have proto3's
 * defaults; times are milliseconds, cut; counts beyond 2^53 are rounded.
 */
export interface MetricsRequest {
  readonly resourceMetrics?: readonly ResourceMetrics[];
}

interface ResourceMetrics {
  readonly resource?: { readonly attributes?: readonly Attribute[] };
  readonly scopeMetrics?: readonly { readonly metrics?: readonly Metric[] }[];
}

export interface Attribute {
  readonly key?: string;
  readonly value?: AnyValue;
}

export interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: bigint;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly Attribute[] };
  /** In base64. */
  readonly bytesValue?: string;
}

/** `AggregationTemporality`. */
export const CUMULATIVE = 2;
export const DELTA = 1;

export interface Metric {
  readonly name?: string;
  readonly description?: string;
  readonly unit?: string;
  readonly gauge?: { readonly dataPoints?: readonly NumberPoint[] };
  readonly sum?: {
    readonly dataPoints?: readonly NumberPoint[];
    readonly aggregationTemporality?: number;
    readonly isMonotonic?: boolean;
  };
  readonly histogram?: {
    readonly dataPoints?: readonly HistogramPoint[];
    readonly aggregationTemporality?: number;
  };
  readonly exponentialHistogram?: {
    readonly dataPoints?: readonly ExponentialPoint[];
    readonly aggregationTemporality?: number;
  };
  readonly summary?: { readonly dataPoints?: readonly SummaryPoint[] };
}

export interface Point {
  readonly attributes?: readonly Attribute[];
  readonly startTimeUnixNano?: number;
  readonly timeUnixNano?: number;
  readonly flags?: number;
}

export interface NumberPoint extends Point {
  readonly asDouble?: number;
  readonly asInt?: number;
  readonly exemplars?: readonly OtlpExemplar[];
}

export interface HistogramPoint extends Point {
  readonly count?: number;
  readonly sum?: number;
  readonly bucketCounts?: readonly number[];
  readonly explicitBounds?: readonly number[];
  readonly exemplars?: readonly OtlpExemplar[];
}

/** Buckets of one sign, from index `offset` on. */
export interface ExponentialBuckets {
  readonly offset?: number;
  readonly bucketCounts?: readonly number[];
}

export interface ExponentialPoint extends Point {
  readonly count?: number;
  readonly sum?: number;
  readonly scale?: number;
  readonly zeroCount?: number;
  readonly zeroThreshold?: number;
  readonly positive?: ExponentialBuckets;
  readonly negative?: ExponentialBuckets;
  readonly exemplars?: readonly OtlpExemplar[];
}

export interface SummaryPoint extends Point {
  readonly count?: number;
  readonly sum?: number;
  readonly quantileValues?: readonly { readonly quantile?: number; readonly value?: number }[];
}

export interface OtlpExemplar {
  readonly filteredAttributes?: readonly Attribute[];
  readonly timeUnixNano?: number;
  readonly asDouble?: number;
  readonly asInt?: number;
  /** In hexadecimal digits. */
  readonly spanId?: string;
  readonly traceId?: string;
}

/** How a field's value is written. `nanos` is a `fixed64` of nanoseconds, read as milliseconds, `exact_nanos` as
 * they are; `id` is bytes. */
export type ScalarKind =
  | 'string'
  | 'bool'
  | 'double'
  | 'fixed64'
  | 'sfixed64'
  | 'nanos'
  | 'uint64'
  | 'int64'
  | 'sint32'
  | 'uint32'
  | 'temporality'
  | 'severity'
  | 'exact_nanos'
  | 'base64'
  | 'id';

/** A field that is read. A message's shape is called for late, since attribute values hold themselves. */
export type FieldShape = {
  readonly number: number;
  readonly name: string;
  readonly isRepeated: boolean;
} & (
  | { readonly kind: 'message'; readonly message: () => MessageShape }
  | { readonly kind: ScalarKind; readonly message: null }
);

/** The fields of a message that are read; all others are skipped. */
export interface MessageShape {
  readonly byNumber: ReadonlyMap<number, FieldShape>;
  readonly byName: ReadonlyMap<string, FieldShape>;
}

type FieldSpec = readonly [number, string, ScalarKind | (() => MessageShape), 'repeated'?];

export function shape(...specs: readonly FieldSpec[]): MessageShape {
  const fields = specs.map(([number, name, kind, repeated]): FieldShape => {
    const isRepeated = repeated !== undefined;
    return typeof kind === 'string'
      ? { number, name, isRepeated, kind, message: null }
      : { number, name, isRepeated, kind: 'message', message: kind };
  });
  return {
    byNumber: new Map(fields.map((field) => [field.number, field])),
    byName: new Map(fields.map((field) => [field.name, field])),
  };
}

const ARRAY_VALUE = shape([1, 'values', () => ANY_VALUE, 'repeated']);
export const KEY_VALUE = shape([1, 'key', 'string'], [2, 'value', () => ANY_VALUE]);
const KEY_VALUE_LIST = shape([1, 'values', () => KEY_VALUE, 'repeated']);
export const ANY_VALUE: MessageShape = shape(
  [1, 'stringValue', 'string'],
  [2, 'boolValue', 'bool'],
  [3, 'intValue', 'int64'],
  [4, 'doubleValue', 'double'],
  [5, 'arrayValue', () => ARRAY_VALUE],
  [6, 'kvlistValue', () => KEY_VALUE_LIST],
  [7, 'bytesValue', 'base64'],
);
const EXEMPLAR = shape(
  [7, 'filteredAttributes', () => KEY_VALUE, 'repeated'],
  [2, 'timeUnixNano', 'nanos'],
  [3, 'asDouble', 'double'],
  [6, 'asInt', 'sfixed64'],
  [4, 'spanId', 'id'],
  [5, 'traceId', 'id'],
);
const NUMBER_POINT = shape(
  [7, 'attributes', () => KEY_VALUE, 'repeated'],
  [2, 'startTimeUnixNano', 'nanos'],
  [3, 'timeUnixNano', 'nanos'],
  [4, 'asDouble', 'double'],
  [6, 'asInt', 'sfixed64'],
  [5, 'exemplars', () => EXEMPLAR, 'repeated'],
  [8, 'flags', 'uint32'],
);
const HISTOGRAM_POINT = shape(
  [9, 'attributes', () => KEY_VALUE, 'repeated'],
  [2, 'startTimeUnixNano', 'nanos'],
  [3, 'timeUnixNano', 'nanos'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'bucketCounts', 'fixed64', 'repeated'],
  [7, 'explicitBounds', 'double', 'repeated'],
  [8, 'exemplars', () => EXEMPLAR, 'repeated'],
  [10, 'flags', 'uint32'],
);
const BUCKETS = shape([1, 'offset', 'sint32'], [2, 'bucketCounts', 'uint64', 'repeated']);
const EXPONENTIAL_POINT = shape(
  [1, 'attributes', () => KEY_VALUE, 'repeated'],
  [2, 'startTimeUnixNano', 'nanos'],
  [3, 'timeUnixNano', 'nanos'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'scale', 'sint32'],
  [7, 'zeroCount', 'fixed64'],
  [8, 'positive', () => BUCKETS],
  [9, 'negative', () => BUCKETS],
  [10, 'flags', 'uint32'],
  [11, 'exemplars', () => EXEMPLAR, 'repeated'],
  [14, 'zeroThreshold', 'double'],
);
const QUANTILE = shape([1, 'quantile', 'double'], [2, 'value', 'double']);
const SUMMARY_POINT = shape(
  [7, 'attributes', () => KEY_VALUE, 'repeated'],
  [2, 'startTimeUnixNano', 'nanos'],
  [3, 'timeUnixNano', 'nanos'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'quantileValues', () => QUANTILE, 'repeated'],
  [8, 'flags', 'uint32'],
);
const GAUGE = shape([1, 'dataPoints', () => NUMBER_POINT, 'repeated']);
const SUM = shape(
  [1, 'dataPoints', () => NUMBER_POINT, 'repeated'],
  [2, 'aggregationTemporality', 'temporality'],
  [3, 'isMonotonic', 'bool'],
);
const HISTOGRAM = shape(
  [1, 'dataPoints', () => HISTOGRAM_POINT, 'repeated'],
  [2, 'aggregationTemporality', 'temporality'],
);
const EXPONENTIAL_HISTOGRAM = shape(
  [1, 'dataPoints', () => EXPONENTIAL_POINT, 'repeated'],
  [2, 'aggregationTemporality', 'temporality'],
);
const SUMMARY = shape([1, 'dataPoints', () => SUMMARY_POINT, 'repeated']);
const METRIC = shape(
  [1, 'name', 'string'],
  [2, 'description', 'string'],
  [3, 'unit', 'string'],
  [5, 'gauge', () => GAUGE],
  [7, 'sum', () => SUM],
  [9, 'histogram', () => HISTOGRAM],
  [10, 'exponentialHistogram', () => EXPONENTIAL_HISTOGRAM],
  [11, 'summary', () => SUMMARY],
);
export const RESOURCE = shape([1, 'attributes', () => KEY_VALUE, 'repeated']);
const SCOPE_METRICS = shape([2, 'metrics', () => METRIC, 'repeated']);
const RESOURCE_METRICS = shape(
  [1, 'resource', () => RESOURCE],
  [2, 'scopeMetrics', () => SCOPE_METRICS, 'repeated'],
);

/** The outermost message. */
export const METRICS_REQUEST: MessageShape = shape([
  1,
  'resourceMetrics',
  () => RESOURCE_METRICS,
  'repeated',
]);
