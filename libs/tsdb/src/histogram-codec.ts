import { BlockError, type ByteReader, type ByteWriter } from '#libs/block-files';
import type { BucketSpan, CounterResetHint, FloatHistogram } from '#libs/histogram';

/*
 * Native histograms one after the other. Each begins with a control byte:
 *
 *   bit 0      same layout as the one before; otherwise the layout follows: schema, zero threshold, custom bounds, spans
 *   bits 1-2   what is known of a reset: 0 nothing, 1 there was one, 2 there was none, 3 it is a gauge
 *
 * Then the time (a double at the beginning and with a new layout's first, else the difference), the sum as a double, and
 * the counts: of all, of the zero bucket, of the positive and the negative buckets in turn. A count is written as its
 * difference from the same count of the one before, doubled, where both are integers; otherwise as 1 and a double.
 */

const SAME_LAYOUT = 1;
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge'];
const RAW_COUNT = 1;
/** Differences beyond are written as doubles. */
const MAX_DIFFERENCE = 2 ** 50;

/** A histogram and when it was. */
export interface TimedHistogram {
  readonly timeMs: number;
  readonly histogram: FloatHistogram;
  /** When its counting began; 0 or absent where that is not known. It is not part of the encoding. */
  readonly startMs?: number;
}

/** Appends one histogram. @param before the one written just before it, or null for the first */
export function writeHistogram(
  writer: ByteWriter,
  before: TimedHistogram | null,
  { timeMs, histogram }: TimedHistogram,
): void {
  const isSame = before !== null && hasSameLayout(before.histogram, histogram);
  writer.varint((isSame ? SAME_LAYOUT : 0) | (HINTS.indexOf(histogram.counterResetHint) << 1));
  if (isSame) {
    writer.signed(timeMs - before.timeMs);
  } else {
    writer.double(timeMs);
    writer.signed(histogram.schema);
    writer.double(histogram.zeroThreshold);
    writer.varint(histogram.customValues.length);
    for (const bound of histogram.customValues) writer.double(bound);
    writeSpans(writer, histogram.positiveSpans);
    writeSpans(writer, histogram.negativeSpans);
  }
  const last = isSame ? before.histogram : null;
  writer.double(histogram.sum);
  writeCount(writer, last?.count ?? 0, histogram.count);
  writeCount(writer, last?.zeroCount ?? 0, histogram.zeroCount);
  for (const [i, count] of histogram.positiveBuckets.entries()) {
    writeCount(writer, last?.positiveBuckets[i] ?? 0, count);
  }
  for (const [i, count] of histogram.negativeBuckets.entries()) {
    writeCount(writer, last?.negativeBuckets[i] ?? 0, count);
  }
}

/** Reads one histogram. @throws BlockError where the bytes are no such thing */
export function readHistogram(reader: ByteReader, before: TimedHistogram | null): TimedHistogram {
  const control = reader.varint();
  const counterResetHint = HINTS[control >> 1];
  if (counterResetHint === undefined) throw new BlockError('histogram of an unknown kind');
  const isSame = (control & SAME_LAYOUT) !== 0;
  if (isSame && before === null) throw new BlockError('histogram without a layout');
  const last = isSame ? before!.histogram : null;
  const timeMs = isSame ? before!.timeMs + reader.signed() : reader.double();
  const layout = last ?? readLayout(reader);
  const sum = reader.double();
  const count = readCount(reader, last?.count ?? 0);
  const zeroCount = readCount(reader, last?.zeroCount ?? 0);
  const positiveBuckets = readCounts(reader, layout.positiveSpans, last?.positiveBuckets ?? null);
  const negativeBuckets = readCounts(reader, layout.negativeSpans, last?.negativeBuckets ?? null);
  const { schema, zeroThreshold, customValues, positiveSpans, negativeSpans } = layout;
  return {
    timeMs,
    histogram: {
      schema,
      zeroThreshold,
      zeroCount,
      count,
      sum,
      positiveSpans,
      positiveBuckets,
      negativeSpans,
      negativeBuckets,
      customValues,
      counterResetHint,
    },
  };
}

type Layout = Pick<
  FloatHistogram,
  'schema' | 'zeroThreshold' | 'customValues' | 'positiveSpans' | 'negativeSpans'
>;

function readLayout(reader: ByteReader): Layout {
  const schema = reader.signed();
  const zeroThreshold = reader.double();
  const customValues = Array.from({ length: reader.count() }, () => reader.double());
  return {
    schema,
    zeroThreshold,
    customValues,
    positiveSpans: readSpans(reader),
    negativeSpans: readSpans(reader),
  };
}

function writeSpans(writer: ByteWriter, spans: readonly BucketSpan[]): void {
  writer.varint(spans.length);
  for (const { offset, length } of spans) {
    writer.signed(offset);
    writer.varint(length);
  }
}

function readSpans(reader: ByteReader): BucketSpan[] {
  return Array.from({ length: reader.count() }, () => ({
    offset: reader.signed(),
    length: reader.varint(),
  }));
}

function writeCount(writer: ByteWriter, before: number, count: number): void {
  const difference = count - before;
  if (
    Number.isInteger(count) &&
    Number.isInteger(before) &&
    !Object.is(count, -0) &&
    Math.abs(difference) < MAX_DIFFERENCE &&
    before + difference === count
  ) {
    writer.varint(2 * (difference >= 0 ? 2 * difference : -2 * difference - 1));
  } else {
    writer.varint(RAW_COUNT);
    writer.double(count);
  }
}

function readCount(reader: ByteReader, before: number): number {
  const coded = reader.varint();
  if (coded === RAW_COUNT) return reader.double();
  const zigzag = coded / 2;
  return before + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
}

function readCounts(
  reader: ByteReader,
  spans: readonly BucketSpan[],
  before: readonly number[] | null,
): number[] {
  let length = 0;
  for (const span of spans) length += span.length;
  if (length > reader.bytes.length - reader.at) throw new BlockError('more buckets than bytes');
  return Array.from({ length }, (_, i) => readCount(reader, before?.[i] ?? 0));
}

function hasSameLayout(a: FloatHistogram, b: FloatHistogram): boolean {
  return (
    a.schema === b.schema &&
    Object.is(a.zeroThreshold, b.zeroThreshold) &&
    a.customValues.length === b.customValues.length &&
    a.customValues.every((bound, i) => Object.is(bound, b.customValues[i])) &&
    haveSameSpans(a.positiveSpans, b.positiveSpans) &&
    haveSameSpans(a.negativeSpans, b.negativeSpans) &&
    a.positiveBuckets.length === b.positiveBuckets.length &&
    a.negativeBuckets.length === b.negativeBuckets.length
  );
}

function haveSameSpans(a: readonly BucketSpan[], b: readonly BucketSpan[]): boolean {
  return (
    a.length === b.length &&
    a.every((span, i) => span.offset === b[i]!.offset && span.length === b[i]!.length)
  );
}
