import { ProtobufWriter } from '#libs/protobuf';

/** The two ways to write OTLP over HTTP. */
export type OtlpEncoding = 'protobuf' | 'json';

const PARTIAL_SUCCESS = 0x0a;
const REJECTED_DATA_POINTS = 0x08;
const ERROR_MESSAGE = 0x12;
const STATUS_CODE = 0x08;
const STATUS_MESSAGE = 0x12;

/**
 * `ExportMetricsServiceResponse`, or `ExportLogsServiceResponse`, which has the same numbers.
 * @param rejectedPoints data points or records that will never be taken; 0 and an empty message leave `partial_success` out
 */
export function encodeExportAnswer(
  encoding: OtlpEncoding,
  rejectedPoints: number,
  message: string,
  signal: 'metrics' | 'logs' = 'metrics',
): Buffer {
  const isPartial = rejectedPoints > 0 || message !== '';
  if (encoding === 'json') {
    const name = signal === 'logs' ? 'rejectedLogRecords' : 'rejectedDataPoints';
    const partialSuccess = { [name]: String(rejectedPoints), errorMessage: message };
    return Buffer.from(JSON.stringify(isPartial ? { partialSuccess } : {}));
  }
  const writer = new ProtobufWriter();
  if (isPartial) {
    writer.writeVarint(PARTIAL_SUCCESS);
    const start = writer.beginMessage();
    writer.writeVarint(REJECTED_DATA_POINTS);
    writer.writeInt64(rejectedPoints);
    writer.writeVarint(ERROR_MESSAGE);
    writer.writeString(message);
    writer.endMessage(start);
  }
  return Buffer.from(writer.written);
}

/** `google.rpc.Status`, the body of an answer that is no success. @param code of gRPC */
export function encodeStatus(encoding: OtlpEncoding, code: number, message: string): Buffer {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  const writer = new ProtobufWriter();
  writer.writeVarint(STATUS_CODE);
  writer.writeVarint(code);
  writer.writeVarint(STATUS_MESSAGE);
  writer.writeString(message);
  return Buffer.from(writer.written);
}
