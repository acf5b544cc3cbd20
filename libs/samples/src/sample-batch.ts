import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import { assert } from '#libs/invariant';

/**
 * Samples of many series in columns: what a scrape, a probe or a remote-write request hands on.
 *
 * Series `s` has the labels `labels[s]` and the samples from `firstSample[s]` up to `firstSample[s + 1]`, in the order
 * they came. Times are milliseconds since the epoch. The columns may be longer than `sampleCount`.
 */
export interface SampleBatch {
  readonly labels: readonly Labels[];
  /** One longer than `labels`; the last entry is `sampleCount`. */
  readonly firstSample: Uint32Array;
  readonly sampleCount: number;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  /**
   * Null while all samples are floats. Otherwise indexed like `values`: sample `i` is `histograms[i]`, or the float
   * `values[i]` where that is null or missing.
   */
  readonly histograms: readonly (FloatHistogram | null)[] | null;
  /**
   * Null while none is known. Otherwise indexed like `values`: when the counting of a sample began, in milliseconds, 0 where
   * that is not known.
   */
  readonly startTimesMs: Float64Array | null;
}

/** Collects a batch. Series are added one after the other, each followed by its samples. */
export class SampleBatchBuilder {
  #labels: Labels[] = [];
  #firstSample = new Uint32Array(64);
  #timesMs = new Float64Array(64);
  #values = new Float64Array(64);
  #histograms: (FloatHistogram | null)[] | null = null;
  #startTimesMs: Float64Array | null = null;
  #sampleCount = 0;

  get seriesCount(): number {
    return this.#labels.length;
  }

  get sampleCount(): number {
    return this.#sampleCount;
  }

  /** Begins the next series. */
  addSeries(labels: Labels): void {
    if (this.#labels.length + 1 >= this.#firstSample.length) {
      this.#firstSample = doubled(this.#firstSample, Uint32Array);
    }
    this.#firstSample[this.#labels.length] = this.#sampleCount;
    this.#labels.push(labels);
  }

  /** Adds a sample to the last series begun. */
  addSample(timeMs: number, value: number): void {
    // In a statement of its own: what stands left of an assignment is looked up first, and growing replaces the column.
    const place = this.#place(timeMs);
    this.#values[place] = value;
  }

  /** Adds a native histogram to the last series begun. */
  addHistogram(timeMs: number, histogram: FloatHistogram): void {
    const place = this.#place(timeMs);
    this.#values[place] = 0;
    this.#histograms ??= [];
    while (this.#histograms.length < place) this.#histograms.push(null);
    this.#histograms[place] = histogram;
  }

  /** Adds the sample at `values[index]` keeping the bits of a NaN. */
  addSampleFrom(timeMs: number, values: Float64Array, index: number): void {
    const place = this.#place(timeMs);
    this.#values.set(values.subarray(index, index + 1), place);
  }

  /** Tells when the counting of the sample added last began. */
  setStartTime(startMs: number): void {
    assert(this.#sampleCount > 0, 'a start time without a sample');
    this.#startTimesMs ??= new Float64Array(this.#timesMs.length);
    this.#startTimesMs[this.#sampleCount - 1] = startMs;
  }

  /** Takes back everything after the first `seriesCount` series, as when a scrape fails half way. */
  truncate(seriesCount: number): void {
    assert(seriesCount <= this.#labels.length, 'truncate beyond the end');
    if (seriesCount === this.#labels.length) return;
    this.#sampleCount = this.#firstSample[seriesCount]!;
    this.#labels.length = seriesCount;
    if (this.#histograms !== null && this.#histograms.length > this.#sampleCount) {
      this.#histograms.length = this.#sampleCount;
    }
  }

  /** The batch so far; the builder is empty afterwards and shares nothing with it. */
  take(): SampleBatch {
    this.#firstSample[this.#labels.length] = this.#sampleCount;
    const batch = {
      labels: this.#labels,
      firstSample: this.#firstSample,
      sampleCount: this.#sampleCount,
      timesMs: this.#timesMs,
      values: this.#values,
      histograms: this.#histograms,
      startTimesMs: this.#startTimesMs,
    };
    this.#labels = [];
    this.#firstSample = new Uint32Array(64);
    this.#timesMs = new Float64Array(64);
    this.#values = new Float64Array(64);
    this.#histograms = null;
    this.#startTimesMs = null;
    this.#sampleCount = 0;
    return batch;
  }

  #place(timeMs: number): number {
    assert(this.#labels.length > 0, 'a sample without a series');
    if (this.#sampleCount >= this.#timesMs.length) {
      this.#timesMs = doubled(this.#timesMs, Float64Array);
      this.#values = doubled(this.#values, Float64Array);
      if (this.#startTimesMs !== null) {
        this.#startTimesMs = doubled(this.#startTimesMs, Float64Array);
      }
    }
    if (this.#startTimesMs !== null) this.#startTimesMs[this.#sampleCount] = 0;
    this.#timesMs[this.#sampleCount] = timeMs;
    return this.#sampleCount++;
  }
}

function doubled<T extends Uint32Array | Float64Array>(
  column: T,
  Column: new (length: number) => T,
): T {
  const grown = new Column(column.length * 2);
  grown.set(column);
  return grown;
}
