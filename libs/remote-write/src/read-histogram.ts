import {
  type BucketSpan,
  type CounterResetHint,
  type FloatHistogram,
  runningSums,
} from '#libs/histogram';
import { isStaleMarker } from '#libs/samples';
import {
  type ProtobufReader,
  readBucketSpan,
  readDouble,
  readDoubles,
  readUnsigned,
  readZigzags,
  VARINT,
} from '#libs/protobuf';

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
        negativeSpans.push(readBucketSpan(reader, tag));
        break;
      case NEGATIVE_DELTAS:
        readZigzags(reader, tag, negativeDeltas);
        break;
      case NEGATIVE_COUNTS:
        readDoubles(reader, tag, negativeCounts);
        break;
      case POSITIVE_SPANS:
        positiveSpans.push(readBucketSpan(reader, tag));
        break;
      case POSITIVE_DELTAS:
        readZigzags(reader, tag, positiveDeltas);
        break;
      case POSITIVE_COUNTS:
        readDoubles(reader, tag, positiveCounts);
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
        readDoubles(reader, tag, customValues);
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

function isStaleBytes(bytes: Buffer, at: number): boolean {
  return isStaleMarker(new Float64Array(Uint8Array.from(bytes.subarray(at, at + 8)).buffer), 0);
}
