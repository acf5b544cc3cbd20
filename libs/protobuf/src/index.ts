export {
  enterMessage,
  readBucketSpan,
  readDouble,
  readDoubles,
  readUnsigned,
  readZigzags,
} from './fields.ts';
export { ProtobufError } from './protobuf-error.ts';
export { BYTES, FIXED64, ProtobufReader, VARINT } from './protobuf-reader.ts';
export { ProtobufWriter } from './protobuf-writer.ts';
