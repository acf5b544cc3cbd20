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
  /** Null while nothing is known of any. Otherwise indexed like `labels`: null where nothing is known of a series. */
  readonly metadata: readonly (SeriesMetadata | null)[] | null;
  /** By the place of the sample they belong to; null while there are none. */
  readonly exemplars: ReadonlyMap<number, readonly SampleExemplar[]> | null;
}

/** What a series' metric family is. */
export interface SeriesMetadata {
  readonly family: string;
  readonly type: SeriesType;
  readonly help: string;
  readonly unit: string;
}

/** OpenMetrics' types. */
export type SeriesType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown';

/** One observation that stands for those a sample counts. */
export interface SampleExemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: number;
}

/** Collects a batch. Series are added one after the other, each followed by its samples. */
export class SampleBatchBuilder {
  #labels: Labels[] = [];
  #firstSample = new Uint32Array(64);
  #timesMs = new Float64Array(64);
  #values = new Float64Array(64);
  #histograms: (FloatHistogram | null)[] | null = null;
  #startTimesMs: Float64Array | null = null;
  #metadata: (SeriesMetadata | null)[] | null = null;
  #exemplars: Map<number, readonly SampleExemplar[]> | null = null;
  #sampleCount = 0;

  /** @param expectedSeries how many series of one sample each are likely to come, to save growing */
  constructor(expectedSeries = 0) {
    this.expect(expectedSeries);
  }

  get seriesCount(): number {
    return this.#labels.length;
  }

  get sampleCount(): number {
    return this.#sampleCount;
  }

  /** Makes room for so many series of one sample each; of use while the builder is empty. */
  expect(series: number): void {
    if (this.#labels.length > 0 || series < this.#timesMs.length) return;
    this.#firstSample = new Uint32Array(series + 1);
    this.#timesMs = new Float64Array(series);
    this.#values = new Float64Array(series);
  }

  /** Begins the next series. */
  addSeries(labels: Labels, metadata: SeriesMetadata | null = null): void {
    if (this.#labels.length + 1 >= this.#firstSample.length) {
      this.#firstSample = doubled(this.#firstSample, Uint32Array);
    }
    this.#firstSample[this.#labels.length] = this.#sampleCount;
    if (metadata !== null || this.#metadata !== null) {
      this.#metadata ??= this.#labels.map(() => null);
      this.#metadata.push(metadata);
    }
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

  /** Adds exemplars to the sample added last. */
  setExemplars(exemplars: readonly SampleExemplar[]): void {
    assert(this.#sampleCount > 0, 'an exemplar without a sample');
    this.#exemplars ??= new Map();
    this.#exemplars.set(this.#sampleCount - 1, exemplars);
  }

  /** Takes back everything after the first `seriesCount` series, as when a scrape fails half way. */
  truncate(seriesCount: number): void {
    assert(seriesCount <= this.#labels.length, 'truncate beyond the end');
    if (seriesCount === this.#labels.length) return;
    this.#sampleCount = this.#firstSample[seriesCount]!;
    this.#labels.length = seriesCount;
    if (this.#metadata !== null) this.#metadata.length = seriesCount;
    for (const sample of this.#exemplars?.keys() ?? []) {
      if (sample >= this.#sampleCount) this.#exemplars!.delete(sample);
    }
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
      metadata: this.#metadata,
      exemplars: this.#exemplars,
    };
    this.#labels = [];
    this.#firstSample = new Uint32Array(64);
    this.#timesMs = new Float64Array(64);
    this.#values = new Float64Array(64);
    this.#histograms = null;
    this.#startTimesMs = null;
    this.#metadata = null;
    this.#exemplars = null;
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
  const grown = new Column(Math.max(64, column.length * 2));
  grown.set(column);
  return grown;
}
