import { CUSTOM_BUCKETS_SCHEMA, isCounterReset, type FloatHistogram } from '#libs/histogram';
import { BitWriter } from './bit-writer.ts';
import { XorValues } from './xor-values.ts';

/*
 * Prometheus's chunks of native histograms (tsdb/docs/format/chunks.md, "Histogram chunk data" and "Float histogram chunk
 * data"): the number of samples, how the first one relates to what came before, the layout all of them share (zero
 * threshold, schema, spans, bounds), then each histogram as what changed since the one before it.
 */

/** Counts from here on are written as floats, so that no difference of differences has more than 53 bits. */
const MAX_INTEGER_COUNT = 2 ** 51;

/** The two highest bits of the third byte. */
const FLAGS: Readonly<Record<FloatHistogram['counterResetHint'], number>> = {
  unknown: 0,
  not_reset: 0x40,
  reset: 0x80,
  gauge: 0xc0,
};

const writer = new BitWriter();

/** Whether the counts of a histogram are all whole, so that it goes to a chunk of integers. */
export function hasIntegerCounts(histogram: FloatHistogram): boolean {
  const { count, zeroCount, positiveBuckets, negativeBuckets } = histogram;
  return (
    isCount(count) &&
    isCount(zeroCount) &&
    positiveBuckets.every(isCount) &&
    negativeBuckets.every(isCount)
  );
}

/** Whether a histogram may follow another in one chunk: the same layout, and no reset between them. */
export function fitsHistogramChunk(previous: FloatHistogram, next: FloatHistogram): boolean {
  if (hasIntegerCounts(previous) !== hasIntegerCounts(next)) return false;
  if (previous.schema !== next.schema || previous.zeroThreshold !== next.zeroThreshold)
    return false;
  if (!areSameSpans(previous.positiveSpans, next.positiveSpans)) return false;
  if (!areSameSpans(previous.negativeSpans, next.negativeSpans)) return false;
  if (!areSame(previous.customValues, next.customValues)) return false;
  const isGauge = previous.counterResetHint === 'gauge';
  if (isGauge !== (next.counterResetHint === 'gauge')) return false;
  // Whoever reads the chunk takes all but its first to continue the one before.
  return isGauge || (next.counterResetHint !== 'reset' && !isCounterReset(previous, next));
}

/**
 * Encodes histograms of which each fits the one before it ({@link fitsHistogramChunk}); at least one, at most 65,535.
 * @param isInteger as {@link hasIntegerCounts} says of them
 * @returns the chunk, valid until the next call
 */
export function encodeHistogramChunk(
  timesMs: readonly number[],
  histograms: readonly FloatHistogram[],
  isInteger: boolean,
): Uint8Array {
  const first = histograms[0]!;
  writer.clear();
  writer.bits(histograms.length, 16);
  writer.bits(FLAGS[first.counterResetHint], 8);
  writeZeroThreshold(first.zeroThreshold);
  writeSigned(first.schema);
  writeSpans(first.positiveSpans);
  writeSpans(first.negativeSpans);
  if (first.schema === CUSTOM_BUCKETS_SCHEMA) writeBounds(first.customValues);
  if (isInteger) writeIntegers(timesMs, histograms);
  else writeFloats(timesMs, histograms);
  return writer.written;
}

function writeIntegers(timesMs: readonly number[], histograms: readonly FloatHistogram[]): void {
  const sum = new XorValues();
  let previous: number[] = [];
  let previousDeltas: number[] = [];
  for (const [i, histogram] of histograms.entries()) {
    const { count, zeroCount } = histogram;
    const buckets = [
      ...differences(histogram.positiveBuckets),
      ...differences(histogram.negativeBuckets),
    ];
    const current = [timesMs[i]!, count, zeroCount, ...buckets];
    const deltas = current.map((value, at) => value - (previous[at] ?? 0));
    for (const [at, delta] of deltas.entries()) {
      // The sum stands between the counts and the buckets.
      if (at === 3) writeSum(sum, i, histogram.sum);
      if (i === 0 && (at === 1 || at === 2)) writeUnsigned(delta);
      else writeSigned(i < 2 ? delta : delta - previousDeltas[at]!);
    }
    if (deltas.length === 3) writeSum(sum, i, histogram.sum);
    previous = current;
    previousDeltas = deltas;
  }
}

function writeSum(sum: XorValues, index: number, value: number): void {
  if (index === 0) sum.firstOf(writer, value);
  else sum.nextOf(writer, value);
}

function writeFloats(timesMs: readonly number[], histograms: readonly FloatHistogram[]): void {
  const streams: XorValues[] = [];
  let deltaMs = 0;
  for (const [i, histogram] of histograms.entries()) {
    const { count, zeroCount, sum, positiveBuckets, negativeBuckets } = histogram;
    const nextDeltaMs = timesMs[i]! - (i === 0 ? 0 : timesMs[i - 1]!);
    writeSigned(i < 2 ? nextDeltaMs : nextDeltaMs - deltaMs);
    deltaMs = nextDeltaMs;
    const values = [count, zeroCount, sum, ...positiveBuckets, ...negativeBuckets];
    for (const [at, value] of values.entries()) {
      if (i === 0) (streams[at] = new XorValues()).firstOf(writer, value);
      else streams[at]!.nextOf(writer, value);
    }
  }
}

/** Zero, a power of two from 2^-243 to 2^10 as its exponent, or 255 and the double. */
function writeZeroThreshold(threshold: number): void {
  const exponent = threshold > 0 ? Math.round(Math.log2(threshold)) : Number.NaN;
  if (threshold === 0) writer.bits(0, 8);
  else if (exponent >= -243 && exponent <= 10 && 2 ** exponent === threshold) {
    writer.bits(exponent + 244, 8);
  } else {
    writer.bits(255, 8);
    writeDouble(threshold);
  }
}

function writeDouble(value: number): void {
  new XorValues().firstOf(writer, value);
}

function writeSpans(spans: FloatHistogram['positiveSpans']): void {
  writeUnsigned(spans.length);
  for (const { offset, length } of spans) {
    writeUnsigned(length);
    writeSigned(offset);
  }
}

/** Bounds that are thousandths are written as whole numbers, others as they are. */
function writeBounds(bounds: readonly number[]): void {
  writeUnsigned(bounds.length);
  for (const bound of bounds) {
    const thousandths = Math.round(bound * 1_000);
    // Readers differ in how they undo it; only where both ways give the bound back it is used.
    const isExact = thousandths / 1_000 === bound && thousandths * 0.001 === bound;
    if (bound >= 0 && thousandths <= MAX_THOUSANDTHS && isExact) {
      writeUnsigned(thousandths + 1);
    } else {
      writer.bits(0, 1);
      writeDouble(bound);
    }
  }
}

/** The largest that Prometheus writes so. */
const MAX_THOUSANDTHS = 2 ** 25 - 2;

/** How many bits a number gets behind how many ones and a zero. */
const CLASSES: readonly number[] = [3, 6, 9, 12, 18, 25, 56];

/** Prometheus's `varbit_int`. */
function writeSigned(value: number): void {
  const index = CLASSES.findIndex((bits) => value > -(2 ** (bits - 1)) && value <= 2 ** (bits - 1));
  writeClassed(value, index);
}

/** Prometheus's `varbit_uint`. */
function writeUnsigned(value: number): void {
  writeClassed(
    value,
    CLASSES.findIndex((bits) => value < 2 ** bits),
  );
}

function writeClassed(value: number, index: number): void {
  if (value === 0) {
    writer.bits(0, 1);
    return;
  }
  // One more one than the index says, then a zero: 10 for the first of the classes.
  const bits = CLASSES[index]!;
  writer.bits(2 ** (index + 2) - 2, index + 2);
  if (bits > 32) writer.longBits(value, bits);
  else writer.bits(value, bits);
}

function differences(counts: readonly number[]): number[] {
  return counts.map((count, i) => (i === 0 ? count : count - counts[i - 1]!));
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < MAX_INTEGER_COUNT;
}

function areSame(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((value, i) => value === right[i]);
}

function areSameSpans(
  left: FloatHistogram['positiveSpans'],
  right: FloatHistogram['positiveSpans'],
): boolean {
  return (
    left.length === right.length &&
    left.every(
      ({ offset, length }, i) => offset === right[i]!.offset && length === right[i]!.length,
    )
  );
}
