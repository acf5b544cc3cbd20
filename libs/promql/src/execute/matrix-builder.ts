import type { FloatHistogram } from '#libs/histogram';
import { assert } from '#libs/invariant';
import { Labels } from '#libs/labels';
import { ABSENT, type Block, HISTOGRAM, noHistograms } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { compareLabels } from './label-set-order.ts';
import { sortInPieces } from './sort-in-pieces.ts';
import type { MatrixResult, MatrixSeries } from './query-result.ts';

/** Cells taken over between two looks at the clock. */
const WORK_PER_CHECK = 50_000;

/** One series on its way to becoming part of a matrix. */
interface OpenSeries {
  readonly labels: Labels;
  timesMs: Float64Array;
  values: Float64Array;
  histograms: (FloatHistogram | null)[] | null;
  count: number;
  /** The last step that has a point, or -1. */
  lastStep: number;
}

/** Puts the pieces of a range query together. */
export class MatrixBuilder {
  readonly #startMs: number;
  readonly #stepMs: number;
  readonly #stepCount: number;
  readonly #series = new Map<string, OpenSeries>();

  constructor(startMs: number, stepMs: number, stepCount: number) {
    this.#startMs = startMs;
    this.#stepMs = stepMs;
    this.#stepCount = stepCount;
  }

  addScalars(firstStep: number, values: Float64Array): void {
    const series = this.#seriesOf(Labels.EMPTY, this.#stepCount);
    for (let i = 0; i < values.length; i++) this.#addPoint(series, firstStep + i, values[i]!, null);
  }

  /**
   * Takes over a block whose first step is `firstStep`.
   * @returns how many points it had
   * @param block no two rows of which have the same labels
   */
  async addBlock(evaluation: Evaluation, firstStep: number, block: Block): Promise<number> {
    const { shape, stepCount, present, values, histograms } = block;
    let added = 0;
    let work = 0;
    for (let row = 0; row < shape.count; row++) {
      work += stepCount + 8;
      if (work >= WORK_PER_CHECK) {
        work = 0;
        if (evaluation.isPauseDue()) await evaluation.pause();
      }
      const from = row * stepCount;
      let count = 0;
      for (let step = 0; step < stepCount; step++) if (present[from + step] !== ABSENT) count++;
      if (count === 0) continue;
      added += count;
      const series = this.#seriesOf(shape.labelsAt(row), count);
      for (let step = 0; step < stepCount; step++) {
        const kind = present[from + step]!;
        if (kind === ABSENT) continue;
        const histogram = kind === HISTOGRAM ? histograms![from + step]! : null;
        const value = histogram === null ? values[from + step]! : Number.NaN;
        this.#addPoint(series, firstStep + step, value, histogram);
      }
    }
    return added;
  }

  async build(evaluation: Evaluation): Promise<MatrixResult> {
    const series: MatrixSeries[] = [];
    for (const { labels, timesMs, values, histograms, count } of this.#series.values()) {
      series.push({
        labels,
        timesMs: timesMs.length === count ? timesMs : timesMs.slice(0, count),
        values: values.length === count ? values : values.slice(0, count),
        histograms: histograms === null ? null : histograms.slice(0, count),
      });
    }
    const sorted = await sortInPieces(evaluation, series, (a, b) =>
      compareLabels(a.labels, b.labels),
    );
    return { kind: 'matrix', series: sorted };
  }

  #seriesOf(labels: Labels, capacity: number): OpenSeries {
    const { key } = labels;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const fresh: OpenSeries = {
      labels,
      timesMs: new Float64Array(capacity),
      values: new Float64Array(capacity),
      histograms: null,
      count: 0,
      lastStep: -1,
    };
    this.#series.set(key, fresh);
    return fresh;
  }

  #addPoint(
    series: OpenSeries,
    step: number,
    value: number,
    histogram: FloatHistogram | null,
  ): void {
    assert(step > series.lastStep, 'two points at the same step of a series');
    const index = series.count;
    if (index >= series.timesMs.length) grow(series, this.#stepCount);
    series.timesMs[index] = this.#startMs + step * this.#stepMs;
    series.values[index] = value;
    if (histogram !== null) {
      series.histograms ??= noHistograms(index);
    }
    if (series.histograms !== null) series.histograms[index] = histogram;
    series.count++;
    series.lastStep = step;
  }
}

function grow(series: OpenSeries, stepCount: number): void {
  const capacity = Math.min(stepCount, Math.max(16, series.timesMs.length * 2));
  const timesMs = new Float64Array(capacity);
  const values = new Float64Array(capacity);
  timesMs.set(series.timesMs);
  values.set(series.values);
  series.timesMs = timesMs;
  series.values = values;
}
