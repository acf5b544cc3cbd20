import type { ScrapeConfig } from '#libs/discovery';
import {
  ContentTypeError,
  createExpositionParser,
  ExpositionError,
  type ExpositionParser,
  selectFormat,
} from '#libs/exposition';
import { type Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { SeriesCache } from './series-cache.ts';
import { seriesComplaint, type SeriesLabelOptions, toSeriesLabels } from './series-labels.ts';

/** What came of the request. */
export type ScrapeOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly statusText: string;
      /** Empty where the header was missing. */
      readonly contentType: string;
      /** Uncompressed, and within the limit. May be reused once `accept` has returned. */
      readonly body: Buffer;
      readonly durationSeconds: number;
    }
  | {
      readonly kind: 'failure';
      /** As the operator is to read it. */
      readonly reason: string;
      /** The limit that ended the request, where one did. */
      readonly exceeded?: ExceededLimit;
      readonly durationSeconds: number;
    };

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
>;

/** Samples of a scrape that were not taken, by reason. */
export interface ScrapeDrops {
  /** A series twice in a body, or again with a timestamp it already had. The first is kept. */
  readonly duplicates: number;
  /** A timestamp before one the series already had. */
  readonly outOfOrder: number;
  /** A timestamp more than ten minutes ahead. */
  readonly outOfBounds: number;
}

/** A limit that failed a scrape. */
export type ExceededLimit = 'samples' | 'labels' | 'body';

/** What a scrape came to. */
export interface ScrapeResult {
  /** The samples, stale markers and report series of the scrape. */
  readonly batch: SampleBatch;
  readonly isUp: boolean;
  /** Why the target is down; empty where it is up. */
  readonly error: string;
  /** Something the operator should know of a target that is up, or null. */
  readonly warning: string | null;
  readonly samplesScraped: number;
  readonly samplesKept: number;
  readonly seriesAdded: number;
  readonly drops: ScrapeDrops;
  readonly exceeded: ExceededLimit | null;
}

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
 * A row is one label set as stored; several spellings in a body may lead to it. A row is live from the scrape that brought
 * it until a stale marker ends it.
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
  #rowByKey = new Map<string, number>();
  #rowLabels: Labels[] = [];
  #rowSeenRound = new Float64Array(64);
  /** 1 where this round's sample keeps the row from going stale. */
  #rowIsTracked = new Uint8Array(64);
  #rowIsLive = new Uint8Array(64);
  #rowTimeMs = new Float64Array(64);
  #areReportsLive = false;
  #lastTimeMs = -Infinity;

  constructor(options: {
    readonly targetLabels: Labels;
    readonly timeoutMs: number;
    readonly rules: ScrapeRules;
  }) {
    const { targetLabels, rules } = options;
    this.#rules = rules;
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
    let count = 0;
    for (let row = 0; row < this.#rowLabels.length; row++) count += this.#rowIsLive[row]!;
    return count;
  }

  /**
   * Takes what a request brought.
   * @param timeMs when the scrape began: the time of its samples
   */
  accept(outcome: ScrapeOutcome, timeMs: number): ScrapeResult {
    const tally = new Tally();
    this.#round++;
    this.#cache.rewind();
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
    return {
      batch: this.#builder.take(),
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
      },
      exceeded,
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
    const parser = createExpositionParser(format, response.body);
    for (let entry = parser.next(); entry !== null; entry = parser.next()) {
      if (entry === 'series') this.#takeSeries(parser, timeMs, tally);
    }
    if (tally.taken > this.#rules.limits.samples) {
      throw new ScrapeFailure('sample limit exceeded', 'samples');
    }
    return warning;
  }

  #takeSeries(parser: ExpositionParser, timeMs: number, tally: Tally): void {
    const { bytes, seriesStart, seriesEnd } = parser;
    tally.scraped++;
    const entry = this.#cache.find(bytes, seriesStart, seriesEnd, this.#round);
    const row = entry >= 0 ? this.#cache.rowOf(entry) : this.#resolveSeries(parser, tally);
    if (row === DROPPED) return;
    tally.kept++;
    const ownTimeMs = this.#rules.honorsTimestamps ? parser.timestampMs : Number.NaN;
    const hasOwnTime = ownTimeMs === ownTimeMs;
    const isSeen = row >= 0 && this.#rowSeenRound[row] === this.#round;
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
    const lastTimeMs = this.#rowTimeMs[row]!;
    if (sampleTimeMs <= lastTimeMs) {
      // A target that repeats a timestamp says nothing new; it is as alive as before.
      if (sampleTimeMs < lastTimeMs) tally.outOfOrder++;
      else if (isSeen) tally.duplicates++;
      if (sampleTimeMs < lastTimeMs || isSeen) return;
    }
    if (this.#rowSeenRound[row]! < this.#lastGoodRound) tally.added++;
    this.#rowSeenRound[row] = this.#round;
    this.#rowIsTracked[row] = !hasOwnTime || this.#rules.tracksTimestampsStaleness ? 1 : 0;
    if (sampleTimeMs === lastTimeMs) return;
    this.#rowTimeMs[row] = sampleTimeMs;
    this.#builder.addSeries(this.#rowLabels[row]!);
    const { value } = parser;
    if (value === value) this.#builder.addSample(sampleTimeMs, value);
    else this.#builder.addSampleFrom(sampleTimeMs, parser.valueColumn, 0);
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
    let row = this.#rowByKey.get(labels.key);
    row ??= this.#addRow(labels);
    this.#cache.add(bytes, seriesStart, seriesEnd, row, this.#round);
    return row;
  }

  #addRow(labels: Labels): number {
    const row = this.#rowLabels.length;
    if (row === this.#rowIsLive.length) this.#growRows();
    this.#rowByKey.set(labels.key, row);
    this.#rowLabels.push(labels);
    this.#rowSeenRound[row] = -1;
    this.#rowIsTracked[row] = 0;
    this.#rowIsLive[row] = 0;
    this.#rowTimeMs[row] = -Infinity;
    return row;
  }

  /** Ends the series that did not come again (none did where the scrape is no good) and forgets what is long gone. */
  #endRound(timeMs: number, isGood: boolean): void {
    for (let row = 0; row < this.#rowLabels.length; row++) {
      const isSeen = this.#rowSeenRound[row] === this.#round;
      if (isGood && isSeen) {
        this.#rowIsLive[row] = this.#rowIsTracked[row]!;
        continue;
      }
      if (this.#rowIsLive[row] === 1) {
        this.#rowIsLive[row] = 0;
        this.#addStaleMarker(this.#rowLabels[row]!, timeMs);
      }
      // What a failed scrape brought was never stored.
      if (isSeen) this.#rowTimeMs[row] = -Infinity;
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
    const newRowOf = new Int32Array(this.#rowLabels.length).fill(-1);
    this.#cache.markRows(this.#round, newRowOf);
    const rowByKey = new Map<string, number>();
    const rowLabels: Labels[] = [];
    for (let row = 0; row < newRowOf.length; row++) {
      if (newRowOf[row]! < 0) continue;
      const moved = rowLabels.length;
      newRowOf[row] = moved;
      const labels = this.#rowLabels[row]!;
      rowLabels.push(labels);
      rowByKey.set(labels.key, moved);
      this.#rowSeenRound[moved] = this.#rowSeenRound[row]!;
      this.#rowIsTracked[moved] = this.#rowIsTracked[row]!;
      this.#rowIsLive[moved] = this.#rowIsLive[row]!;
      this.#rowTimeMs[moved] = this.#rowTimeMs[row]!;
    }
    this.#rowByKey = rowByKey;
    this.#rowLabels = rowLabels;
    this.#cache.keepRound(this.#round, newRowOf);
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

  #growRows(): void {
    const length = this.#rowIsLive.length * 2;
    this.#rowSeenRound = grow(this.#rowSeenRound, new Float64Array(length));
    this.#rowIsTracked = grow(this.#rowIsTracked, new Uint8Array(length));
    this.#rowIsLive = grow(this.#rowIsLive, new Uint8Array(length));
    this.#rowTimeMs = grow(this.#rowTimeMs, new Float64Array(length));
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
}

function grow<Column extends Uint8Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
