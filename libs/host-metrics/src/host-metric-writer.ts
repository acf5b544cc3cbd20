import { Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';

/** Types as the exposition formats name them. */
export type HostMetricType = 'counter' | 'gauge' | 'untyped';

/** What is known about all series of one name. */
export interface HostMetricFamily {
  readonly name: string;
  readonly type: HostMetricType;
  readonly help: string;
}

interface KnownSeries {
  readonly key: string;
  readonly labels: Labels;
  /** The collection that last wrote it, and the one that did so before. */
  round: number;
  previousRound: number;
}

const NEVER = -1;

const MAX_KEPT_FAMILIES = 20_000;

/**
 * Gathers the samples of one collection after the other. Label sets are made once and kept while their series lives; a
 * series that a collection does not write any more gets a stale marker, as Prometheus gives it after a scrape.
 */
export class HostMetricWriter {
  readonly #baseLabels: Labels;
  readonly #maxSeries: number;
  readonly #known = new Map<string, KnownSeries>();
  readonly #families = new Map<string, HostMetricFamily>();
  readonly #builder = new SampleBatchBuilder();
  #pending: KnownSeries[] = [];
  #pendingValues: number[] = [];
  #droppedSamples = 0;
  #round = 0;

  /** @param baseLabels put on every series; they win over none, since collectors set no `job` or `instance` */
  constructor(baseLabels: Labels, maxSeries: number) {
    this.#baseLabels = baseLabels;
    this.#maxSeries = maxSeries;
  }

  /** Samples left out so far because the collection was at its limit, or because a series was written twice. */
  get droppedSamples(): number {
    return this.#droppedSamples;
  }

  get families(): ReadonlyMap<string, HostMetricFamily> {
    return this.#families;
  }

  /** How many samples the collection holds; see {@link rollback}. */
  get sampleCount(): number {
    return this.#pending.length;
  }

  begin(): void {
    this.#round++;
    this.#pending = [];
    this.#pendingValues = [];
  }

  /**
   * Adds a sample.
   * @param labels names and values in turn; an empty value is no label
   */
  add(
    name: string,
    type: HostMetricType,
    help: string,
    value: number,
    labels: readonly string[] = [],
  ): void {
    const key = labels.length === 0 ? name : `${name}\0${labels.join('\0')}`;
    let series = this.#known.get(key);
    if (this.#pending.length >= this.#maxSeries || series?.round === this.#round) {
      this.#droppedSamples++;
      return;
    }
    if (!this.#families.has(name) && this.#families.size < MAX_KEPT_FAMILIES) {
      this.#families.set(name, { name, type, help });
    }
    if (series === undefined) {
      series = { key, labels: this.#labelsOf(name, labels), round: NEVER, previousRound: NEVER };
      this.#known.set(key, series);
    }
    series.previousRound = series.round;
    series.round = this.#round;
    this.#pending.push(series);
    this.#pendingValues.push(value);
  }

  /** Takes back all samples after the first `sampleCount`, as when a collector fails half way. */
  rollback(sampleCount: number): void {
    for (let i = sampleCount; i < this.#pending.length; i++) {
      const series = this.#pending[i]!;
      series.round = series.previousRound;
      if (series.round === NEVER) this.#known.delete(series.key);
    }
    this.#pending.length = sampleCount;
    this.#pendingValues.length = sampleCount;
  }

  /** Ends the collection: its samples, all at `timeMs`, and a stale marker for each series that has gone. */
  take(timeMs: number): SampleBatch {
    for (let i = 0; i < this.#pending.length; i++) {
      this.#builder.addSeries(this.#pending[i]!.labels);
      this.#builder.addSample(timeMs, this.#pendingValues[i]!);
    }
    for (const [key, series] of this.#known) {
      if (series.round === this.#round) continue;
      this.#builder.addSeries(series.labels);
      this.#builder.addSampleFrom(timeMs, STALE_MARKER, 0);
      this.#known.delete(key);
    }
    this.#pending = [];
    this.#pendingValues = [];
    return this.#builder.take();
  }

  #labelsOf(name: string, labels: readonly string[]): Labels {
    const pairs: [string, string][] = [[METRIC_NAME, name]];
    for (let i = 0; i < labels.length; i += 2) pairs.push([labels[i]!, labels[i + 1]!]);
    return Labels.fromPairs(pairs).merge(this.#baseLabels);
  }
}
