import type { BucketSpan, FloatHistogram } from '#libs/histogram';
import { BYTES, FIXED64, type ProtobufWriter, VARINT } from '#libs/protobuf';

/** Tags of both versions' `Histogram`. */
const COUNT_INT = 1 * 8 + VARINT;
const COUNT_FLOAT = 2 * 8 + FIXED64;
const SUM = 3 * 8 + FIXED64;
const SCHEMA = 4 * 8 + VARINT;
const ZERO_THRESHOLD = 5 * 8 + FIXED64;
const ZERO_COUNT_INT = 6 * 8 + VARINT;
const ZERO_COUNT_FLOAT = 7 * 8 + FIXED64;
const NEGATIVE_SPANS = 8 * 8 + BYTES;
const NEGATIVE_DELTAS = 9 * 8 + BYTES;
const NEGATIVE_COUNTS = 10 * 8 + BYTES;
const POSITIVE_SPANS = 11 * 8 + BYTES;
const POSITIVE_DELTAS = 12 * 8 + BYTES;
const POSITIVE_COUNTS = 13 * 8 + BYTES;
const RESET_HINT = 14 * 8 + VARINT;
const TIMESTAMP = 15 * 8 + VARINT;
const CUSTOM_VALUES = 16 * 8 + BYTES;
const SPAN_OFFSET = 1 * 8 + VARINT;
const SPAN_LENGTH = 2 * 8 + VARINT;

const HINTS: Readonly<Record<FloatHistogram['counterResetHint'], number>> = {
  unknown: 0,
  reset: 1,
  not_reset: 2,
  gauge: 3,
};
const scratch = new Float64Array(1);

/** Writes the fields of a `Histogram` message: counts as integers where all of them are. */
export function writeHistogram(
  writer: ProtobufWriter,
  timeMs: number,
  histogram: FloatHistogram,
): void {
  const { positiveBuckets, negativeBuckets, count, zeroCount } = histogram;
  const counts = [count, zeroCount, ...positiveBuckets, ...negativeBuckets];
  const isInteger = counts.every((one) => Number.isSafeInteger(one) && one >= 0);
  if (isInteger) {
    writer.writeVarint(COUNT_INT);
    writer.writeInt64(count);
    writer.writeVarint(ZERO_COUNT_INT);
    writer.writeInt64(zeroCount);
  } else {
    writeDoubleField(writer, COUNT_FLOAT, count);
    writeDoubleField(writer, ZERO_COUNT_FLOAT, zeroCount);
  }
  writeDoubleField(writer, SUM, histogram.sum);
  writer.writeVarint(SCHEMA);
  writer.writeVarint(zigzag(histogram.schema));
  writeDoubleField(writer, ZERO_THRESHOLD, histogram.zeroThreshold);
  writeSpans(writer, NEGATIVE_SPANS, histogram.negativeSpans);
  writeSpans(writer, POSITIVE_SPANS, histogram.positiveSpans);
  if (isInteger) {
    writeDeltas(writer, NEGATIVE_DELTAS, negativeBuckets);
    writeDeltas(writer, POSITIVE_DELTAS, positiveBuckets);
  } else {
    writeDoubles(writer, NEGATIVE_COUNTS, negativeBuckets);
    writeDoubles(writer, POSITIVE_COUNTS, positiveBuckets);
  }
  writer.writeVarint(RESET_HINT);
  writer.writeVarint(HINTS[histogram.counterResetHint]);
  writer.writeVarint(TIMESTAMP);
  writer.writeInt64(timeMs);
  writeDoubles(writer, CUSTOM_VALUES, histogram.customValues);
}

function writeSpans(writer: ProtobufWriter, tag: number, spans: readonly BucketSpan[]): void {
  for (const { offset, length } of spans) {
    writer.writeVarint(tag);
    const message = writer.beginMessage();
    writer.writeVarint(SPAN_OFFSET);
    writer.writeVarint(zigzag(offset));
    writer.writeVarint(SPAN_LENGTH);
    writer.writeVarint(length);
    writer.endMessage(message);
  }
}

function writeDeltas(writer: ProtobufWriter, tag: number, counts: readonly number[]): void {
  if (counts.length === 0) return;
  writer.writeVarint(tag);
  const message = writer.beginMessage();
  let before = 0;
  for (const count of counts) {
    writer.writeInt64(zigzag(count - before));
    before = count;
  }
  writer.endMessage(message);
}

function writeDoubles(writer: ProtobufWriter, tag: number, values: readonly number[]): void {
  if (values.length === 0) return;
  writer.writeVarint(tag);
  const message = writer.beginMessage();
  for (const value of values) {
    scratch[0] = value;
    writer.writeDouble(scratch, 0);
  }
  writer.endMessage(message);
}

function writeDoubleField(writer: ProtobufWriter, tag: number, value: number): void {
  writer.writeVarint(tag);
  scratch[0] = value;
  writer.writeDouble(scratch, 0);
}

function zigzag(value: number): number {
  return value >= 0 ? 2 * value : -2 * value - 1;
}
