import { formatDurationMs } from '#libs/labels';
import type { ScrapeConfig, Target } from '#libs/discovery';
import { withSpan } from '#libs/platform';
import {
  alignScrapeTimeMs,
  type CardinalityLimits,
  type HeldMetric,
  type ScrapeOutcome,
  spreadOffsetMs,
  type StringPool,
  TargetScraper,
} from '#libs/scrape';
import type { MetricSink } from '../outputs/metric-sink.ts';
import type { ConcurrencyGate } from './concurrency-gate.ts';
import { PeriodicTimer } from './periodic-timer.ts';
import type { ScrapeMetrics } from './scrape-metrics.ts';

/** Brings what a target says. */
export interface TargetSource {
  /** Never fails: what goes wrong is an outcome. */
  fetch(
    target: Pick<Target, 'url' | 'labels' | 'intervalMs' | 'timeoutMs'>,
    signal: AbortSignal,
  ): Promise<ScrapeOutcome>;
  close(): Promise<void>;
}

/** What the loops of a collector share. */
export interface LoopSurroundings {
  readonly sink: MetricSink;
  readonly metrics: ScrapeMetrics;
  readonly gate: ConcurrencyGate;
  /** Tells collectors apart that scrape the same targets. */
  readonly spreadSeed: string;
  readonly cardinality: CardinalityLimits;
  readonly strings: StringPool;
}

/** How a target's last scrape went. */
export interface TargetStatus {
  readonly health: 'unknown' | 'up' | 'down';
  readonly lastError: string;
  /** NaN before the first scrape. */
  readonly lastScrapeMs: number;
  readonly lastDurationSeconds: number;
  readonly lastSamples: number;
  /** Metrics that bring too many new series; none is taken of them at the moment. */
  readonly held: readonly HeldMetric[];
}

const NEVER: TargetStatus = {
  health: 'unknown',
  lastError: '',
  lastScrapeMs: Number.NaN,
  lastDurationSeconds: 0,
  lastSamples: 0,
  held: [],
};

/** Scrapes one target at its interval, until it is stopped. */
export class TargetLoop {
  readonly target: Target;
  readonly #jobName: string;
  readonly #fetcher: TargetSource;
  readonly #around: LoopSurroundings;
  readonly #scraper: TargetScraper;
  readonly #timer: PeriodicTimer;
  readonly #abort = new AbortController();
  #lastStartMs = Number.NaN;
  /** Why every scrape fails without a request, or null. */
  failure: string | null = null;
  status: TargetStatus = NEVER;

  constructor(options: {
    readonly target: Target;
    readonly config: ScrapeConfig;
    readonly fetcher: TargetSource;
    readonly around: LoopSurroundings;
  }) {
    const { target, config, fetcher, around } = options;
    this.target = target;
    this.#jobName = config.jobName;
    this.#fetcher = fetcher;
    this.#around = around;
    const { intervalMs } = target;
    const offsetMs = spreadOffsetMs(target.key, intervalMs, around.spreadSeed);
    this.#timer = new PeriodicTimer({ intervalMs, offsetMs }, (plannedMs) =>
      around.gate.run(() => this.#scrape(plannedMs)),
    );
    this.#scraper = new TargetScraper({
      targetLabels: target.labels,
      timeoutMs: target.timeoutMs,
      rules: config,
      cardinality: around.cardinality,
      intern: (text) => around.strings.intern(text),
    });
  }

  start(): void {
    this.#timer.start();
  }

  /** Ends the loop and every series of the target. Stopping twice, or before starting, is harmless. */
  stop(): void {
    this.#timer.stop();
    this.#abort.abort();
    const batch = this.#scraper.stop(Date.now());
    if (batch.sampleCount > 0) this.#around.sink.push(batch);
  }

  async #scrape(plannedMs: number): Promise<void> {
    const { signal } = this.#abort;
    if (signal.aborted) return;
    const { target } = this;
    const { metrics, sink } = this.#around;
    const nowMs = Date.now();
    const timeMs = alignScrapeTimeMs(nowMs, plannedMs, target.intervalMs);
    if (!Number.isNaN(this.#lastStartMs)) {
      metrics.interval(formatDurationMs(target.intervalMs), (nowMs - this.#lastStartMs) / 1_000);
    }
    this.#lastStartMs = nowMs;
    const outcome = await this.#request(signal);
    // Whoever stopped the loop has said the last word about its series.
    if (this.#abort.signal.aborted) return;
    const result = this.#scraper.accept(outcome, timeMs);
    metrics.scraped(this.#jobName, result);
    this.status = {
      health: result.isUp ? 'up' : 'down',
      lastError: result.error,
      lastScrapeMs: timeMs,
      lastDurationSeconds: outcome.durationSeconds,
      lastSamples: result.samplesKept,
      held: result.held,
    };
    sink.push(result.batch);
  }

  #request(signal: AbortSignal): Promise<ScrapeOutcome> {
    const { failure, target } = this;
    if (failure !== null) {
      return Promise.resolve({ kind: 'failure', reason: failure, durationSeconds: 0 });
    }
    const attributes = { 'scrape.job': this.#jobName, 'url.full': target.url };
    return withSpan('scrape', attributes, () => this.#fetcher.fetch(target, signal));
  }
}
