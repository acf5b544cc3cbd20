import { LOGS_REQUEST, type LogsRequest } from './logs-request.ts';
import {
  CUMULATIVE,
  DELTA,
  type FieldShape,
  type MessageShape,
  METRICS_REQUEST,
  type MetricsRequest,
  type ScalarKind,
} from './metrics-request.ts';
import { DEFAULT_OTLP_LIMITS, ElementBudget, OtlpError, type OtlpLimits } from './otlp-error.ts';

const NANOS_PER_MS = 1_000_000n;
const INTEGER = /^-?\d{1,20}$/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const HEX = /^([0-9a-fA-F]{2})*$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const MAX_NUMBER_LENGTH = 400;

const TEMPORALITIES: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  ['AGGREGATION_TEMPORALITY_UNSPECIFIED', 0],
  ['AGGREGATION_TEMPORALITY_DELTA', DELTA],
  ['AGGREGATION_TEMPORALITY_CUMULATIVE', CUMULATIVE],
]);
/** `SEVERITY_NUMBER_TRACE` is 1, `SEVERITY_NUMBER_TRACE2` 2, and so on to `SEVERITY_NUMBER_FATAL4`. */
const SEVERITIES: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  ['SEVERITY_NUMBER_UNSPECIFIED', 0],
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name, i) =>
    ['', '2', '3', '4'].map((step, j): [unknown, number] => [
      `SEVERITY_NUMBER_${name}${step}`,
      i * 4 + j + 1,
    ]),
  ),
]);
const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  fixed64: [0n, 2n ** 64n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  nanos: [0n, 2n ** 64n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  temporality: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  exact_nanos: [0n, 2n ** 64n - 1n],
  severity: [-(2n ** 31n), 2n ** 31n - 1n],
};

type Fields = Record<string, unknown>;

/**
 * Decodes `ExportMetricsServiceRequest` in OTLP's JSON: proto3's mapping with lowerCamelCase names, 64-bit integers as
 * strings or numbers, and the ids of traces and spans in hexadecimal digits. Unknown fields are ignored.
 * @throws OtlpError when it is no such message or too large; nothing of it is usable then
 */
export function decodeOtlpJson(
  text: string,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): MetricsRequest {
  return decode(text, METRICS_REQUEST, limits);
}

/**
 * Decodes `ExportLogsServiceRequest` in OTLP's JSON, as {@link decodeOtlpJson} does metrics.
 * @throws OtlpError when it is no such message or too large; nothing of it is usable then
 */
export function decodeOtlpLogsJson(
  text: string,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): LogsRequest {
  return decode(text, LOGS_REQUEST, limits);
}

function decode(text: string, shape: MessageShape, limits: OtlpLimits): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OtlpError('malformed_json', `no JSON: ${reason.slice(0, 200)}`, { cause: error });
  }
  return readMessage(value, shape, 'the request', new ElementBudget(limits), 1);
}

function readMessage(
  value: unknown,
  shape: MessageShape,
  name: string,
  budget: ElementBudget,
  depth: number,
): Fields {
  budget.take(depth);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(name, 'an object', value);
  }
  const message: Fields = {};
  for (const [key, item] of Object.entries(value)) {
    const field = shape.byName.get(key);
    // In proto3's mapping null is the same as no field.
    if (field === undefined || item === null) continue;
    message[key] = field.isRepeated
      ? readList(item, field, budget, depth)
      : readValue(item, field, budget, depth);
  }
  return message;
}

function readList(
  value: unknown,
  field: FieldShape,
  budget: ElementBudget,
  depth: number,
): unknown[] {
  if (!Array.isArray(value)) return fail(field.name, 'an array', value);
  return value.map((item: unknown) => {
    if (field.kind !== 'message') budget.take(depth);
    return readValue(item, field, budget, depth);
  });
}

function readValue(
  value: unknown,
  field: FieldShape,
  budget: ElementBudget,
  depth: number,
): unknown {
  if (field.message === null) return readScalar(value, field.name, field.kind);
  return readMessage(value, field.message(), field.name, budget, depth + 1);
}

function readScalar(value: unknown, name: string, kind: ScalarKind): unknown {
  switch (kind) {
    case 'string':
      return typeof value === 'string' && value.isWellFormed()
        ? value
        : fail(name, 'a string', value);
    case 'bool':
      return typeof value === 'boolean' ? value : fail(name, 'true or false', value);
    case 'double':
      return readDouble(value, name);
    case 'id':
      return typeof value === 'string' && HEX.test(value)
        ? value.toLowerCase()
        : fail(name, 'hexadecimal digits', value);
    case 'base64':
      return typeof value === 'string' && BASE64.test(value)
        ? Buffer.from(value, 'base64').toString('base64')
        : fail(name, 'base64', value);
    case 'nanos':
      return Number(readInteger(value, name, kind) / NANOS_PER_MS);
    case 'exact_nanos':
    case 'int64':
      return readInteger(value, name, kind);
    case 'severity':
      return SEVERITIES.get(value) ?? Number(readInteger(value, name, kind));
    case 'temporality':
      return TEMPORALITIES.get(value) ?? Number(readInteger(value, name, kind));
    case 'fixed64':
    case 'sfixed64':
    case 'uint64':
    case 'uint32':
    case 'sint32':
      return Number(readInteger(value, name, kind));
  }
}

function readInteger(value: unknown, name: string, kind: string): bigint {
  let integer: bigint;
  if (typeof value === 'number' && Number.isInteger(value)) integer = BigInt(value);
  else if (typeof value === 'string' && INTEGER.test(value)) integer = BigInt(value);
  else return fail(name, 'a whole number', value);
  const [least, most] = RANGES[kind]!;
  return integer < least || integer > most
    ? fail(name, `a whole number from ${least} to ${most}`, value)
    : integer;
}

function readDouble(value: unknown, name: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  if (typeof value === 'string' && value.length <= MAX_NUMBER_LENGTH && NUMBER.test(value)) {
    return Number(value);
  }
  return fail(name, 'a number', value);
}

function fail(name: string, accepted: string, value: unknown): never {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
  const isShown = typeof value === 'string' || typeof value === 'number';
  const shown = isShown ? JSON.stringify(String(value).slice(0, 80).toWellFormed()) : kind;
  throw new OtlpError('malformed_json', `${name} is ${shown} where ${accepted} is due`);
}
