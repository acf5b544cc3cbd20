import { BYTES, ProtobufError, ProtobufReader, ProtobufWriter, VARINT } from '#libs/protobuf';

/** The method of grpc.health.v1 that answers once. */
export const HEALTH_CHECK_PATH = '/grpc.health.v1.Health/Check';

/** grpc.health.v1's ServingStatus, by number. */
export const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

const SERVICE = 1 * 8 + BYTES;
const STATUS = 1 * 8 + VARINT;
const PREFIX_BYTES = 5;

/** A HealthCheckRequest with the prefix that gRPC puts before a message. */
export function encodeHealthCheck(service: string): Buffer {
  const writer = new ProtobufWriter();
  if (service !== '') {
    const name = Buffer.from(service, 'utf8');
    writer.writeVarint(SERVICE);
    writer.writeVarint(name.length);
    const head = Buffer.from(writer.written);
    return prefixed(Buffer.concat([head, name]));
  }
  return prefixed(Buffer.alloc(0));
}

function prefixed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The name of the status in a HealthCheckResponse, or null for what is none. */
export function decodeHealthCheck(body: Buffer): string | null {
  if (body.length < PREFIX_BYTES) return null;
  const length = body.readUInt32BE(1);
  // The one message there is, and not compressed: we offer no encoding.
  if (body[0] !== 0 || body.length !== PREFIX_BYTES + length) return null;
  try {
    const reader = new ProtobufReader(body.subarray(PREFIX_BYTES));
    let status = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag === STATUS) status = reader.readVarint();
      else reader.skip(tag);
    }
    return SERVING_STATUSES[status] ?? String(status);
  } catch (error) {
    if (error instanceof ProtobufError) return null;
    throw error;
  }
}
