import type { ScrapeConfig } from '#libs/discovery';
import {
  ContentTypeError,
  createExpositionParser,
  type Exemplar,
  ExpositionError,
  type ExpositionFormat,
  type ExpositionParser,
  selectFormat,
} from '#libs/exposition';
import {
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
  histogramProblem,
  MIN_EXPONENTIAL_SCHEMA,
  reduceResolution,
} from '#libs/histogram';
import { Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { CardinalityGuard, type CardinalityLimits } from './cardinality-guard.ts';
import { FamilyNotes } from './family-notes.ts';
import type { ExceededLimit, ScrapeOutcome, ScrapeResult } from './scrape-result.ts';
import { SeriesCache } from './series-cache.ts';
import { SeriesRows } from './series-rows.ts';
import { seriesComplaint, type SeriesLabelOptions, toSeriesLabels } from './series-labels.ts';

/** The part of a job that decides what becomes of a body. */
export type ScrapeRules = Pick<
  ScrapeConfig,
  | 'honorsLabels'
  | 'honorsTimestamps'
  | 'tracksTimestampsStaleness'
  | 'hasExtraMetrics'
  | 'metricRelabelRules'
  | 'limits'
  | 'fallbackProtocol'
  | 'histograms'
>;

const REPORT_NAMES = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const;

const EXTRA_REPORT_NAMES = [
  'scrape_timeout_seconds',
  'scrape_sample_limit',
  'scrape_body_size_bytes',
] as const;

const MAX_AHEAD_MS = 10 * 60_000;
/** The row of a series that relabelling dropped. */
const DROPPED = -2;
/** The row of a series that is only counted. */
const UNKNOWN = -1;
/** The row of a new series that was refused to keep its metric in bounds. */
const GUARDED = -3;

/** A body with so many times the samples that are allowed is refused without being looked at; some may be repetitions. */
const FLOOD_FACTOR = 2;
/** No series has less than a name, a blank, a digit and an end. */
const MIN_SERIES_BYTES = 4;

/** Fails a scrape half way. */
class ScrapeFailure extends Error {
  readonly exceeded: ExceededLimit | null;
  constructor(message: string, exceeded: ExceededLimit | null) {
    super(message);
    this.exceeded = exceeded;
  }
}

/**
 * One target over time: takes what each request brought and gives the samples to store, Prometheus 3's way. It remembers
 * the series of the last body, by their bytes and by their labels, to save work and to say which have gone.
 *
 * A row is one label set as stored; several spellings in a body may lead to it.
 */
export class TargetScraper {
  readonly #rules: ScrapeRules;
  readonly #labelOptions: SeriesLabelOptions;
  readonly #reportLabels: readonly Labels[];
  readonly #timeoutSeconds: number;
  readonly #cache = new SeriesCache();
  readonly #builder = new SampleBatchBuilder();
  #round = 0;
  /** The last round that was good and brought a body; a series not seen since then counts as added. */
  #lastGoodRound = 0;
  /** Entries of that round, the measure of what the cache may hold. */
  #goodSize = 0;
  readonly #rows = new SeriesRows();
  readonly #notes = new FamilyNotes();
  readonly #guard: CardinalityGuard | null;
  readonly #intern: (text: string) => string;
  /** By row, what its exemplars were last time; targets show the same ones again and again. */
  readonly #toldExemplars = new Map<number, string>();
  /** Whether the body may have exemplars; whether it may say when series were created. */
  #hasExemplars = false;
  #hasCreationTimes = false;
  /** The last batch, without its samples: the next is likely to be of the same series. */
  #lastShape: Pick<SampleBatch, 'labels' | 'metadata'> = { labels: [], metadata: null };
  #areReportsLive = false;
  #lastTimeMs = -Infinity;

  constructor(options: {
    readonly targetLabels: Labels;
    readonly timeoutMs: number;
    readonly rules: ScrapeRules;
    /** Null for no guard. */
    readonly cardinality?: CardinalityLimits | null;
    /** Gives equal texts as one string, so that targets with the same labels share them. */
    readonly intern?: (text: string) => string;
  }) {
    const { targetLabels, rules } = options;
    this.#rules = rules;
    const { cardinality = null } = options;
    this.#guard = cardinality === null ? null : new CardinalityGuard(cardinality);
    this.#intern = options.intern ?? ((text) => text);
    this.#timeoutSeconds = options.timeoutMs / 1_000;
    this.#labelOptions = {
      targetLabels,
      honorsLabels: rules.honorsLabels,
      metricRelabelRules: rules.metricRelabelRules,
    };
    const names = rules.hasExtraMetrics ? [...REPORT_NAMES, ...EXTRA_REPORT_NAMES] : REPORT_NAMES;
    this.#reportLabels = names.map((name) => targetLabels.with(METRIC_NAME, name));
  }

  /** How many series the target has at the moment, without `up` and its like. */
  get liveSeries(): number {
    return this.#rows.liveCount;
  }

  /**
   * Takes what a request brought.
   * @param timeMs when the scrape began: the time of its samples
   */
  accept(outcome: ScrapeOutcome, timeMs: number): ScrapeResult {
    const tally = new Tally();
    this.#round++;
    this.#cache.rewind();
    this.#builder.expectLike(this.#lastShape);
    if (this.#guard?.beginScrape(timeMs) === true) this.#cache.forgetRow(GUARDED);
    this.#lastTimeMs = Math.max(this.#lastTimeMs, timeMs);
    let error = '';
    let warning: string | null = null;
    let exceeded: ExceededLimit | null = null;
    let bodyBytes = 0;
    try {
      if (outcome.kind === 'failure')
        throw new ScrapeFailure(outcome.reason, outcome.exceeded ?? null);
      warning = this.#readBody(outcome, timeMs, tally);
      bodyBytes = outcome.body.length;
      this.#endRound(timeMs, /* isGood */ true);
    } catch (failure) {
      const isExpected =
        failure instanceof ScrapeFailure ||
        failure instanceof ExpositionError ||
        failure instanceof ContentTypeError;
      if (!isExpected) throw failure;
      error = failure.message;
      if (failure instanceof ScrapeFailure) exceeded = failure.exceeded;
      this.#builder.truncate(0);
      this.#endRound(timeMs, /* isGood */ false);
    }
    const isUp = error === '';
    this.#addReports(timeMs, [
      isUp ? 1 : 0,
      outcome.durationSeconds,
      tally.scraped,
      tally.kept,
      tally.added,
      this.#timeoutSeconds,
      this.#rules.limits.samples === Infinity ? 0 : this.#rules.limits.samples,
      bodyBytes,
    ]);
    const batch = this.#builder.take();
    this.#lastShape = { labels: batch.labels, metadata: batch.metadata };
    return {
      batch,
      isUp,
      error,
      warning,
      samplesScraped: tally.scraped,
      samplesKept: tally.kept,
      seriesAdded: tally.added,
      drops: {
        duplicates: tally.duplicates,
        outOfOrder: tally.outOfOrder,
        outOfBounds: tally.outOfBounds,
        guarded: tally.guarded,
        invalidHistograms: tally.invalidHistograms,
      },
      exceeded,
      held: this.#guard?.held ?? [],
    };
  }

  /**
   * Ends every series of the target, `up` and its like included, as when the target or the process goes away. A second
   * call gives an empty batch.
   */
  stop(nowMs: number): SampleBatch {
    // A marker at the time of the last sample would be a duplicate of it.
    const timeMs = Math.max(nowMs, this.#lastTimeMs + 1);
    this.#endRound(timeMs, /* isGood */ false);
    if (this.#areReportsLive) {
      for (const labels of this.#reportLabels) this.#addStaleMarker(labels, timeMs);
    }
    this.#areReportsLive = false;
    return this.#builder.take();
  }

  #readBody(
    response: Extract<ScrapeOutcome, { kind: 'response' }>,
    timeMs: number,
    tally: Tally,
  ): string | null {
    if (response.status !== 200) {
      const status = `${response.status} ${response.statusText}`.trimEnd();
      throw new ScrapeFailure(`server returned HTTP status ${status}`, null);
    }
    const { format, warning } = selectFormat(response.contentType, this.#rules.fallbackProtocol);
    this.#refuseFlood(format, response.body, tally);
    this.#notes.beginBody();
    this.#hasExemplars = format !== 'text';
    this.#hasCreationTimes =
      format === 'protobuf' || (format === 'openmetrics' && response.body.includes('_created'));
    const parser = this.#parserOf(format, response.body);
    for (let entry = parser.next(); entry !== null; entry = parser.next()) {
      if (entry === 'series') this.#takeSeries(parser, timeMs, tally, false);
      else if (entry === 'histogram') this.#takeSeries(parser, timeMs, tally, true);
      else if (entry !== 'comment' && this.#notes.isReading) this.#notes.take(parser, entry);
    }
    if (tally.taken > this.#rules.limits.samples) {
      throw new ScrapeFailure('sample limit exceeded', 'samples');
    }
    return warning;
  }

  #parserOf(format: ExpositionFormat, body: Buffer): ExpositionParser {
    const { histograms } = this.#rules;
    return createExpositionParser(format, body, {
      readsNativeHistograms: histograms.readsNative,
      keepsClassicHistograms: histograms.keepsClassic,
      convertsClassicHistograms: histograms.convertsClassic,
    });
  }

  /**
   * Refuses a body with far too many series before a single one is labelled, which takes memory and twenty times as long as
   * counting. A target that was good before is trusted.
   */
  #refuseFlood(format: ExpositionFormat, body: Buffer, tally: Tally): void {
    const most = this.#rules.limits.samples * FLOOD_FACTOR;
    const mayDrop = this.#rules.metricRelabelRules.length > 0;
    if (mayDrop || this.#goodSize > 0 || body.length < most * MIN_SERIES_BYTES) return;
    const parser = this.#parserOf(format, body);
    let count = 0;
    for (let entry = parser.next(); entry !== null; entry = parser.next()) {
      if (entry === 'series' || entry === 'histogram') count++;
    }
    if (count <= most) return;
    tally.scraped = tally.kept = count;
    throw new ScrapeFailure('sample limit exceeded', 'samples');
  }

  #takeSeries(parser: ExpositionParser, timeMs: number, tally: Tally, isHistogram: boolean): void {
    const rows = this.#rows;
    const { bytes, seriesStart, seriesEnd } = parser;
    tally.scraped++;
    const entry = this.#cache.find(bytes, seriesStart, seriesEnd, this.#round);
    const row = entry >= 0 ? this.#cache.rowOf(entry) : this.#resolveSeries(parser, tally);
    if (row === DROPPED) return;
    tally.kept++;
    const ownTimeMs = this.#rules.honorsTimestamps ? parser.timestampMs : Number.NaN;
    const hasOwnTime = ownTimeMs === ownTimeMs;
    if (row === GUARDED) {
      tally.guarded++;
      return;
    }
    const isSeen = row >= 0 && rows.seenRound[row] === this.#round;
    if (isSeen && !hasOwnTime) {
      tally.duplicates++;
      return;
    }
    // Over the limit the rest is only counted.
    if (++tally.taken > this.#rules.limits.samples || row === UNKNOWN) return;
    const sampleTimeMs = hasOwnTime ? ownTimeMs : timeMs;
    if (sampleTimeMs > timeMs + MAX_AHEAD_MS) {
      tally.outOfBounds++;
      return;
    }
    const histogram = isHistogram ? this.#readHistogram(parser, tally) : null;
    if (isHistogram && histogram === null) return;
    const lastTimeMs = rows.timeMs[row]!;
    if (sampleTimeMs <= lastTimeMs) {
      // A target that repeats a timestamp says nothing new; it is as alive as before.
      if (sampleTimeMs < lastTimeMs) tally.outOfOrder++;
      else if (isSeen) tally.duplicates++;
      if (sampleTimeMs < lastTimeMs || isSeen) return;
    }
    if (rows.seenRound[row]! < this.#lastGoodRound) tally.added++;
    rows.seenRound[row] = this.#round;
    rows.isTracked[row] = !hasOwnTime || this.#rules.tracksTimestampsStaleness ? 1 : 0;
    if (sampleTimeMs === lastTimeMs) return;
    rows.timeMs[row] = sampleTimeMs;
    if (this.#notes.isReading) this.#noteFamily(parser, row);
    this.#builder.addSeries(rows.labels[row]!, rows.metadata[row]);
    const { value } = parser;
    if (histogram !== null) this.#builder.addHistogram(sampleTimeMs, histogram);
    else if (value === value) this.#builder.addSample(sampleTimeMs, value);
    else this.#builder.addSampleFrom(sampleTimeMs, parser.valueColumn, 0);
    if (this.#hasCreationTimes) {
      const createdMs = parser.createdMs();
      if (createdMs > 0 && createdMs <= sampleTimeMs) this.#builder.setStartTime(createdMs);
    }
    if (this.#hasExemplars) this.#takeExemplars(parser.exemplars(), row, sampleTimeMs);
  }

  /** @returns null, and counts it, where the histogram contradicts itself */
  #readHistogram(parser: ExpositionParser, tally: Tally): FloatHistogram | null {
    let histogram = parser.histogram();
    if (histogramProblem(histogram, parser.isIntegerHistogram) !== null) {
      tally.invalidHistograms++;
      return null;
    }
    const { limits, histograms } = this.#rules;
    if (histogram.schema > histograms.maxSchema) {
      histogram = reduceResolution(histogram, histograms.maxSchema);
    }
    while (bucketsOf(histogram) > limits.histogramBuckets) {
      const { schema } = histogram;
      if (schema === CUSTOM_BUCKETS_SCHEMA || schema <= MIN_EXPONENTIAL_SCHEMA) {
        throw new ScrapeFailure('histogram bucket limit exceeded', 'buckets');
      }
      histogram = reduceResolution(histogram, schema - 1);
    }
    return histogram;
  }

  #takeExemplars(exemplars: readonly Exemplar[], row: number, sampleTimeMs: number): void {
    if (exemplars.length === 0) return;
    let told = '';
    for (const { labels, value, timestampMs } of exemplars) {
      told += `${labels.key}|${value}|${timestampMs}\n`;
    }
    if (this.#toldExemplars.get(row) === told) return;
    this.#toldExemplars.set(row, told);
    this.#builder.setExemplars(
      exemplars.map(({ labels, value, timestampMs }) => ({
        labels,
        value,
        // Without a time of its own it was seen with its sample.
        timeMs: Number.isNaN(timestampMs) ? sampleTimeMs : timestampMs,
      })),
    );
  }

  #noteFamily(parser: ExpositionParser, row: number): void {
    const name = parser.flatLabels()[1]!;
    this.#rows.metadata[row] = this.#notes.of(name) ?? this.#rows.metadata[row]!;
  }

  /**
   * Labels a series whose bytes are new, and remembers it.
   * @returns its row, `DROPPED`, or `UNKNOWN` where the sample limit is reached
   */
  #resolveSeries(parser: ExpositionParser, tally: Tally): number {
    // Over the limit nothing new is labelled, which takes twenty times as long as parsing it, or remembered.
    if (tally.taken >= this.#rules.limits.samples) return UNKNOWN;
    const { bytes, seriesStart, seriesEnd } = parser;
    const labels = toSeriesLabels(parser.labels(), this.#labelOptions);
    if (labels === null) {
      this.#cache.add(bytes, seriesStart, seriesEnd, DROPPED, this.#round);
      return DROPPED;
    }
    const complaint = seriesComplaint(labels, this.#rules.limits);
    if (complaint !== null) {
      throw new ScrapeFailure(complaint.message, complaint.isLimit ? 'labels' : null);
    }
    let row = this.#rows.find(labels);
    if (row < 0) {
      // What a target has from the beginning is not an explosion.
      const isGuarded = this.#goodSize > 0 && this.#guard?.admits(labels.metricName) === false;
      row = isGuarded ? GUARDED : this.#rows.add(this.#interned(labels));
      if (!this.#notes.isReading) this.#notes.wantNext();
    }
    this.#cache.add(bytes, seriesStart, seriesEnd, row, this.#round);
    return row;
  }

  #interned({ flat }: Labels): Labels {
    return Labels.fromSortedFlat(flat.map(this.#intern));
  }

  /** Ends the series that did not come again (none did where the scrape is no good) and forgets what is long gone. */
  #endRound(timeMs: number, isGood: boolean): void {
    const rows = this.#rows;
    for (let row = 0; row < rows.length; row++) {
      const isSeen = rows.seenRound[row] === this.#round;
      if (isGood && isSeen) {
        rows.isLive[row] = rows.isTracked[row]!;
        continue;
      }
      if (rows.isLive[row] === 1) {
        rows.isLive[row] = 0;
        this.#addStaleMarker(rows.labels[row]!, timeMs);
      }
      // What a failed scrape brought was never stored.
      if (isSeen) rows.timeMs[row] = -Infinity;
    }
    const isBodyGood = isGood && this.#cache.seenCount > 0;
    if (isBodyGood) {
      this.#goodSize = this.#cache.seenCount;
      this.#lastGoodRound = this.#round;
    }
    // A target whose series change all the time, or whose scrapes all fail, must not make the cache grow for ever.
    if (this.#cache.size > 2 * this.#goodSize + 1_000) this.#forget();
  }

  /** Keeps only the entries of this round and their rows. */
  #forget(): void {
    const newRowOf = new Int32Array(this.#rows.length).fill(-1);
    this.#cache.markRows(this.#round, newRowOf);
    this.#rows.keep(newRowOf);
    this.#cache.keepRound(this.#round, newRowOf);
    this.#toldExemplars.clear();
  }

  #addReports(timeMs: number, values: readonly number[]): void {
    for (let i = 0; i < this.#reportLabels.length; i++) {
      this.#builder.addSeries(this.#reportLabels[i]!);
      this.#builder.addSample(timeMs, values[i]!);
    }
    this.#areReportsLive = true;
  }

  #addStaleMarker(labels: Labels, timeMs: number): void {
    this.#builder.addSeries(labels);
    this.#builder.addSampleFrom(timeMs, STALE_MARKER, 0);
  }
}

/** What is counted in one round. */
class Tally {
  scraped = 0;
  kept = 0;
  /** Kept and no repetition, which is what the sample limit counts. */
  taken = 0;
  added = 0;
  duplicates = 0;
  outOfOrder = 0;
  outOfBounds = 0;
  guarded = 0;
  invalidHistograms = 0;
}

function bucketsOf({ positiveBuckets, negativeBuckets }: FloatHistogram): number {
  return positiveBuckets.length + negativeBuckets.length;
}
