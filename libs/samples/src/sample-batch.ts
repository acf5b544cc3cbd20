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

/** What a batch was made of, for the next one that is likely to be of the same series. */
type BatchShape = Pick<SampleBatch, 'labels' | 'metadata'>;

const NO_SHAPE: BatchShape = { labels: [], metadata: null };
const NO_TIMES = new Float64Array(0);

/**
 * Collects a batch. Series are added one after the other, each followed by its samples.
 *
 * A batch of the same series as an earlier one shares its `labels` and `metadata` with it: a target has the same series in
 * each scrape, so that nothing is made for them, and what is known of these arrays can be remembered by whoever gets them.
 */
export class SampleBatchBuilder {
  /** What this batch is like as far as it goes; its own columns begin where it is not. */
  #shape = NO_SHAPE;
  #isAlike = true;
  #labels: Labels[] = [];
  #metadata: (SeriesMetadata | null)[] | null = null;
  #seriesCount = 0;
  /** Null as long as each series has one sample. */
  #firstSample: Uint32Array | null = null;
  #timesMs = NO_TIMES;
  #values = NO_TIMES;
  #histograms: (FloatHistogram | null)[] | null = null;
  #startTimesMs: Float64Array | null = null;
  #exemplars: Map<number, readonly SampleExemplar[]> | null = null;
  #sampleCount = 0;

  /** @param expectedSeries how many series of one sample each are likely to come, to save growing */
  constructor(expectedSeries = 0) {
    this.expect(expectedSeries);
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  get sampleCount(): number {
    return this.#sampleCount;
  }

  /** Makes room for so many series of one sample each; of use while the builder is empty. */
  expect(series: number): void {
    if (this.#seriesCount > 0 || series < this.#timesMs.length) return;
    this.#timesMs = new Float64Array(series);
    this.#values = new Float64Array(series);
  }

  /** Says that a batch like this one is likely to come; of use while the builder is empty. */
  expectLike(shape: BatchShape): void {
    if (this.#seriesCount > 0) return;
    this.expect(shape.labels.length);
    this.#shape = shape;
    this.#isAlike = true;
  }

  /** Begins the next series. */
  addSeries(labels: Labels, metadata: SeriesMetadata | null = null): void {
    const series = this.#seriesCount++;
    if (this.#firstSample !== null) this.#noteFirstSample(series);
    else if (series !== this.#sampleCount) this.#firstSample = this.#unevenFrom(series);
    if (this.#isAlike) {
      const shape = this.#shape;
      const known = shape.metadata === null ? null : shape.metadata[series];
      if (shape.labels[series] === labels && known === metadata) return;
      this.#ownColumns(series);
    }
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
    assert(seriesCount <= this.#seriesCount, 'truncate beyond the end');
    if (seriesCount === this.#seriesCount) return;
    this.#sampleCount = this.#firstSample?.[seriesCount] ?? seriesCount;
    this.#seriesCount = seriesCount;
    if (!this.#isAlike) {
      this.#labels.length = seriesCount;
      if (this.#metadata !== null) this.#metadata.length = seriesCount;
    }
    for (const sample of this.#exemplars?.keys() ?? []) {
      if (sample >= this.#sampleCount) this.#exemplars!.delete(sample);
    }
    if (this.#histograms !== null && this.#histograms.length > this.#sampleCount) {
      this.#histograms.length = this.#sampleCount;
    }
  }

  /** The batch so far; the builder is empty afterwards and shares nothing with it that either would change. */
  take(): SampleBatch {
    const series = this.#seriesCount;
    if (this.#firstSample !== null) this.#noteFirstSample(series);
    else if (series !== this.#sampleCount) this.#firstSample = this.#unevenFrom(series);
    if (this.#isAlike && series !== this.#shape.labels.length) this.#ownColumns(series);
    const { labels, metadata } = this.#isAlike
      ? this.#shape
      : { labels: this.#labels, metadata: this.#metadata };
    const batch = {
      labels,
      firstSample: this.#firstSample ?? oneEach(series),
      sampleCount: this.#sampleCount,
      timesMs: this.#timesMs,
      values: this.#values,
      histograms: this.#histograms,
      startTimesMs: this.#startTimesMs,
      metadata,
      exemplars: this.#exemplars,
    };
    this.#shape = NO_SHAPE;
    this.#isAlike = true;
    this.#labels = [];
    this.#metadata = null;
    this.#seriesCount = 0;
    this.#firstSample = null;
    this.#timesMs = this.#values = NO_TIMES;
    this.#histograms = null;
    this.#startTimesMs = null;
    this.#exemplars = null;
    this.#sampleCount = 0;
    return batch;
  }

  /** From here on the batch is not like the earlier one. */
  #ownColumns(series: number): void {
    const { labels, metadata } = this.#shape;
    this.#isAlike = false;
    this.#labels = labels.slice(0, series);
    this.#metadata = metadata?.slice(0, series) ?? null;
  }

  /** The column where the series before the last were the first not to have one sample each. */
  #unevenFrom(series: number): Uint32Array {
    const column = new Uint32Array(Math.max(64, series * 2, this.#timesMs.length + 1));
    for (let i = 0; i < series; i++) column[i] = i;
    column[series] = this.#sampleCount;
    return column;
  }

  #noteFirstSample(series: number): void {
    if (series >= this.#firstSample!.length) {
      this.#firstSample = doubled(this.#firstSample!, Uint32Array);
    }
    this.#firstSample![series] = this.#sampleCount;
  }

  #place(timeMs: number): number {
    assert(this.#seriesCount > 0, 'a sample without a series');
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

/** Batches of more series have a column of their own. */
const MAX_SHARED = 0x1_0000;
let shared = new Uint32Array(0);

/** The column of so many series of one sample each: the same for all batches, and longer than it has to be. */
function oneEach(series: number): Uint32Array {
  if (series < shared.length) return shared;
  const column = new Uint32Array(Math.max(1_024, series + 1, Math.min(series * 2, MAX_SHARED)));
  for (let i = 0; i < column.length; i++) column[i] = i;
  if (series < MAX_SHARED) shared = column;
  return column;
}
