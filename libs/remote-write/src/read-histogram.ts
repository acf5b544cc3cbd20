import { type BucketSpan, type CounterResetHint, type FloatHistogram } from '#libs/histogram';
import { isStaleMarker } from '#libs/samples';
import { BYTES, FIXED64, type ProtobufReader, VARINT } from '#libs/protobuf';

/** Fields of both versions' `Histogram`. */
const COUNT_INT = 1;
const COUNT_FLOAT = 2;
const SUM = 3;
const SCHEMA = 4;
const ZERO_THRESHOLD = 5;
const ZERO_COUNT_INT = 6;
const ZERO_COUNT_FLOAT = 7;
const NEGATIVE_SPANS = 8;
const NEGATIVE_DELTAS = 9;
const NEGATIVE_COUNTS = 10;
const POSITIVE_SPANS = 11;
const POSITIVE_DELTAS = 12;
const POSITIVE_COUNTS = 13;
const RESET_HINT = 14;
const TIMESTAMP = 15;
const CUSTOM_VALUES = 16;
/** Of version 2 only. */
const START_TIMESTAMP = 17;
const SPAN_OFFSET = 1;
const SPAN_LENGTH = 2;

const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge'];

/** A histogram as it was sent; nothing of it has been checked but its form. */
export interface ReadHistogram {
  readonly timeMs: number;
  /** When its counting began; 0 where that was not sent. */
  readonly startMs: number;
  readonly histogram: FloatHistogram;
  /** Its counts were sent as integers. */
  readonly isInteger: boolean;
  /** It says that the series has ended. */
  readonly isStale: boolean;
}

/** Reads the `Histogram` message between the reader's position and its end. @throws RemoteWriteError */
export function readHistogram(reader: ProtobufReader): ReadHistogram {
  let timeMs = 0;
  let startMs = 0;
  let schema = 0;
  let zeroThreshold = 0;
  let sum = 0;
  let isStale = false;
  let isInteger = true;
  let count = 0;
  let zeroCount = 0;
  let hint = 0;
  const positiveSpans: BucketSpan[] = [];
  const negativeSpans: BucketSpan[] = [];
  const positiveDeltas: number[] = [];
  const negativeDeltas: number[] = [];
  const positiveCounts: number[] = [];
  const negativeCounts: number[] = [];
  const customValues: number[] = [];
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case COUNT_INT:
        count = readUnsigned(reader, tag);
        break;
      case COUNT_FLOAT:
        isInteger = false;
        count = readDouble(reader, tag);
        break;
      case SUM: {
        const at = reader.position;
        sum = readDouble(reader, tag);
        isStale = isStaleBytes(reader.bytes, at);
        break;
      }
      case SCHEMA:
        reader.expectWireType(tag, VARINT);
        schema = reader.readZigzag();
        break;
      case ZERO_THRESHOLD:
        zeroThreshold = readDouble(reader, tag);
        break;
      case ZERO_COUNT_INT:
        zeroCount = readUnsigned(reader, tag);
        break;
      case ZERO_COUNT_FLOAT:
        isInteger = false;
        zeroCount = readDouble(reader, tag);
        break;
      case NEGATIVE_SPANS:
        negativeSpans.push(readSpan(reader, tag));
        break;
      case NEGATIVE_DELTAS:
        readPacked(reader, tag, VARINT, negativeDeltas, () => reader.readZigzag());
        break;
      case NEGATIVE_COUNTS:
        readPacked(reader, tag, FIXED64, negativeCounts, () => reader.readDouble());
        break;
      case POSITIVE_SPANS:
        positiveSpans.push(readSpan(reader, tag));
        break;
      case POSITIVE_DELTAS:
        readPacked(reader, tag, VARINT, positiveDeltas, () => reader.readZigzag());
        break;
      case POSITIVE_COUNTS:
        readPacked(reader, tag, FIXED64, positiveCounts, () => reader.readDouble());
        break;
      case RESET_HINT:
        hint = readUnsigned(reader, tag);
        break;
      case TIMESTAMP:
        reader.expectWireType(tag, VARINT);
        timeMs = reader.readInt64();
        break;
      case START_TIMESTAMP:
        reader.expectWireType(tag, VARINT);
        startMs = reader.readInt64();
        break;
      case CUSTOM_VALUES:
        readPacked(reader, tag, FIXED64, customValues, () => reader.readDouble());
        break;
      default:
        reader.skip(tag);
    }
  }
  const histogram: FloatHistogram = {
    schema,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    positiveSpans,
    positiveBuckets: isInteger ? runningSums(positiveDeltas) : positiveCounts,
    negativeSpans,
    negativeBuckets: isInteger ? runningSums(negativeDeltas) : negativeCounts,
    customValues,
    counterResetHint: HINTS[hint] ?? 'unknown',
  };
  return { timeMs, startMs, histogram, isInteger, isStale };
}

function readUnsigned(reader: ProtobufReader, tag: number): number {
  reader.expectWireType(tag, VARINT);
  return reader.readVarint();
}

function readDouble(reader: ProtobufReader, tag: number): number {
  reader.expectWireType(tag, FIXED64);
  return reader.readDouble();
}

function readSpan(reader: ProtobufReader, outerTag: number): BucketSpan {
  reader.expectWireType(outerTag, BYTES);
  const spanEnd = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = spanEnd;
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

/** Packed, as every writer does it, or one by one, as readers must allow. */
function readPacked(
  reader: ProtobufReader,
  tag: number,
  wireType: number,
  into: number[],
  read: () => number,
): void {
  if (tag % 8 === wireType) {
    into.push(read());
    return;
  }
  reader.expectWireType(tag, BYTES);
  const end = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = end;
  while (reader.position < end) into.push(read());
  reader.end = outerEnd;
}

function runningSums(deltas: readonly number[]): number[] {
  let sum = 0;
  return deltas.map((delta) => (sum += delta));
}

function isStaleBytes(bytes: Buffer, at: number): boolean {
  return isStaleMarker(new Float64Array(Uint8Array.from(bytes.subarray(at, at + 8)).buffer), 0);
}
