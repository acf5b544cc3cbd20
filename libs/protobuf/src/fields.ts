import { BYTES, FIXED64, type ProtobufReader, VARINT } from './protobuf-reader.ts';

/** Makes an embedded message the reader's end. @returns the end before, to be put back */
export function enterMessage(reader: ProtobufReader, tag: number): number {
  reader.expectWireType(tag, BYTES);
  const end = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = end;
  return outerEnd;
}

/** The value of an unsigned field. */
export function readUnsigned(reader: ProtobufReader, tag: number): number {
  reader.expectWireType(tag, VARINT);
  return reader.readVarint();
}

/** The value of a `double` field. */
export function readDouble(reader: ProtobufReader, tag: number): number {
  reader.expectWireType(tag, FIXED64);
  return reader.readDouble();
}

/** Values of a repeated `sint` field: packed, as every writer does it, or one by one, as readers must allow. */
export function readZigzags(reader: ProtobufReader, tag: number, into: number[]): void {
  if (tag % 8 === VARINT) {
    into.push(reader.readZigzag());
    return;
  }
  const outerEnd = enterMessage(reader, tag);
  while (reader.position < reader.end) into.push(reader.readZigzag());
  reader.end = outerEnd;
}

/** Values of a repeated `double` field, packed or one by one. */
export function readDoubles(reader: ProtobufReader, tag: number, into: number[]): void {
  if (tag % 8 === FIXED64) {
    into.push(reader.readDouble());
    return;
  }
  const outerEnd = enterMessage(reader, tag);
  while (reader.position < reader.end) into.push(reader.readDouble());
  reader.end = outerEnd;
}

const SPAN_OFFSET = 1;
const SPAN_LENGTH = 2;

/** A span of buckets, which exposition and remote write have alike: `sint32 offset = 1`, `uint32 length = 2`. */
export function readBucketSpan(
  reader: ProtobufReader,
  outerTag: number,
): { readonly offset: number; readonly length: number } {
  const outerEnd = enterMessage(reader, outerTag);
  let offset = 0;
  let length = 0;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case SPAN_OFFSET:
        reader.expectWireType(tag, VARINT);
        offset = reader.readZigzag();
        break;
      case SPAN_LENGTH:
        length = readUnsigned(reader, tag);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  return { offset, length };
}
