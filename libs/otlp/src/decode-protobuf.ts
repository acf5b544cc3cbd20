import { BYTES, FIXED64, ProtobufReader, VARINT } from '#libs/protobuf';
import { isUtf8 } from 'node:buffer';
import { LOGS_REQUEST, type LogsRequest } from './logs-request.ts';
import {
  type FieldShape,
  type MessageShape,
  METRICS_REQUEST,
  type MetricsRequest,
  type ScalarKind,
} from './metrics-request.ts';
import { DEFAULT_OTLP_LIMITS, ElementBudget, OtlpError, type OtlpLimits } from './otlp-error.ts';

const NANOS_PER_MS = 1_000_000n;

const WIRE_TYPES: Readonly<Record<ScalarKind | 'message', number>> = {
  string: BYTES,
  base64: BYTES,
  id: BYTES,
  message: BYTES,
  double: FIXED64,
  fixed64: FIXED64,
  sfixed64: FIXED64,
  nanos: FIXED64,
  bool: VARINT,
  uint64: VARINT,
  int64: VARINT,
  sint32: VARINT,
  uint32: VARINT,
  temporality: VARINT,
  severity: VARINT,
  exact_nanos: FIXED64,
};

class OtlpReader extends ProtobufReader {
  override fail(reason: string, offset: number): never {
    throw new OtlpError('malformed_protobuf', `byte ${offset}: ${reason}`);
  }
}

type Fields = Record<string, unknown>;

/**
 * Decodes `ExportMetricsServiceRequest` in protocol buffers.
 * @throws OtlpError when it is no such message or too large; nothing of it is usable then
 */
export function decodeOtlpProtobuf(
  message: Buffer,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): MetricsRequest {
  return decode(message, METRICS_REQUEST, limits);
}

/**
 * Decodes `ExportLogsServiceRequest` in protocol buffers.
 * @throws OtlpError when it is no such message or too large; nothing of it is usable then
 */
export function decodeOtlpLogsProtobuf(
  message: Buffer,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): LogsRequest {
  return decode(message, LOGS_REQUEST, limits);
}

function decode(message: Buffer, shape: MessageShape, limits: OtlpLimits): Fields {
  const into: Fields = {};
  readMessage(new OtlpReader(message), shape, into, new ElementBudget(limits), 1);
  return into;
}

function readMessage(
  reader: OtlpReader,
  shape: MessageShape,
  into: Fields,
  budget: ElementBudget,
  depth: number,
): void {
  budget.take(depth);
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    const field = shape.byNumber.get(Math.floor(tag / 8));
    if (field === undefined) reader.skip(tag);
    else readField(reader, tag, field, into, budget, depth);
  }
}

function readField(
  reader: OtlpReader,
  tag: number,
  field: FieldShape,
  into: Fields,
  budget: ElementBudget,
  depth: number,
): void {
  const wireType = WIRE_TYPES[field.kind];
  if (!field.isRepeated) {
    reader.expectWireType(tag, wireType);
    into[field.name] = readValue(reader, field, into[field.name], budget, depth);
    return;
  }
  const held = into[field.name];
  const list: unknown[] = Array.isArray(held) ? held : [];
  into[field.name] = list;
  const isPacked = wireType !== BYTES && tag % 8 === BYTES;
  if (!isPacked) {
    reader.expectWireType(tag, wireType);
    if (field.kind !== 'message') budget.take(depth);
    list.push(readValue(reader, field, undefined, budget, depth));
    return;
  }
  const end = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = end;
  while (reader.position < end) {
    budget.take(depth);
    list.push(readValue(reader, field, undefined, budget, depth));
  }
  reader.end = outerEnd;
}

/** @param before what the field holds already: a message that comes in parts is merged, as protocol buffers want it */
function readValue(
  reader: OtlpReader,
  field: FieldShape,
  before: unknown,
  budget: ElementBudget,
  depth: number,
): unknown {
  if (field.message === null) return readScalar(reader, field.kind);
  const message = isFields(before) ? before : {};
  const end = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = end;
  readMessage(reader, field.message(), message, budget, depth + 1);
  reader.end = outerEnd;
  return message;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function readScalar(reader: OtlpReader, kind: ScalarKind): unknown {
  switch (kind) {
    case 'double':
      return reader.readDouble();
    case 'fixed64':
      return Number(reader.readFixed64());
    case 'sfixed64':
      return Number(BigInt.asIntN(64, reader.readFixed64()));
    case 'nanos':
      return Number(reader.readFixed64() / NANOS_PER_MS);
    case 'bool':
      return reader.readVarint() !== 0;
    case 'uint64':
      return reader.readVarint();
    case 'uint32':
      return Number(BigInt.asUintN(32, reader.readBigInt64()));
    case 'exact_nanos':
      return reader.readFixed64();
    case 'severity':
    case 'temporality':
      return Number(BigInt.asIntN(32, reader.readBigInt64()));
    case 'int64':
      return reader.readBigInt64();
    case 'sint32':
      return reader.readZigzag();
    case 'string':
    case 'base64':
    case 'id':
      return readBytes(reader, kind);
  }
}

function readBytes(reader: OtlpReader, kind: 'string' | 'base64' | 'id'): string {
  const end = reader.readLengthEnd();
  const start = reader.position;
  reader.position = end;
  if (kind === 'string' && isAscii(reader.bytes, start, end)) {
    return reader.bytes.toString('latin1', start, end);
  }
  const part = reader.bytes.subarray(start, end);
  if (kind === 'base64') return part.toString('base64');
  if (kind === 'id') return part.toString('hex');
  if (!isUtf8(part)) reader.fail('a string is not UTF-8', start);
  return part.toString('utf8');
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! >= 0x80) return false;
  return true;
}
