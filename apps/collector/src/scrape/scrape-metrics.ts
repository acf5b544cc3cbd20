import type { RefusalReason } from '#libs/discovery';
import type { ScrapeResult } from '#libs/scrape';
import { Counter, Gauge, type Registry, Summary } from 'prom-client';

/** What scraping did, under the names dashboards and rules for Prometheus ask for. */
export class ScrapeMetrics {
  readonly #intervalLength: Summary;
  readonly #exceeded: Readonly<Record<NonNullable<ScrapeResult['exceeded']>, Counter>>;
  readonly #duplicates: Counter;
  readonly #outOfOrder: Counter;
  readonly #outOfBounds: Counter;
  readonly #discovered: Gauge;
  readonly #poolTargets: Gauge;
  readonly #poolSyncs: Counter;
  readonly #syncFailures: Counter;
  readonly #exceededTargets: Counter;
  readonly #scrapes: Counter;
  readonly #refused: Counter;
  readonly #guarded: Counter;
  readonly #invalidHistograms: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
      new Counter({ name, help, labelNames, registers });
    this.#intervalLength = new Summary({
      name: 'prometheus_target_interval_length_seconds',
      help: 'Actual intervals between scrapes.',
      labelNames: ['interval'],
      percentiles: [0.01, 0.05, 0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers,
    });
    this.#exceeded = {
      samples: counter(
        'prometheus_target_scrapes_exceeded_sample_limit_total',
        'Scrapes that failed because they had more samples than sample_limit.',
      ),
      labels: counter(
        'prometheus_target_scrape_pool_exceeded_label_limits_total',
        'Scrapes that failed because a series went over a label limit.',
      ),
      body: counter(
        'prometheus_target_scrapes_exceeded_body_size_limit_total',
        'Scrapes that failed because the body was larger than body_size_limit.',
      ),
      buckets: counter(
        'prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total',
        'Scrapes that failed because a native histogram could not be made to fit native_histogram_bucket_limit.',
      ),
    };
    this.#duplicates = counter(
      'prometheus_target_scrapes_sample_duplicate_timestamp_total',
      'Samples not taken because the series already had one at that time.',
    );
    this.#outOfOrder = counter(
      'prometheus_target_scrapes_sample_out_of_order_total',
      'Samples not taken because the series already had a later one.',
    );
    this.#outOfBounds = counter(
      'prometheus_target_scrapes_sample_out_of_bounds_total',
      'Samples not taken because their time is too far ahead.',
    );
    this.#discovered = new Gauge({
      name: 'prometheus_sd_discovered_targets',
      help: 'Targets found by discovery, before relabelling.',
      labelNames: ['name', 'config'],
      registers,
    });
    this.#poolTargets = new Gauge({
      name: 'prometheus_target_scrape_pool_targets',
      help: 'Targets that are scraped, by job.',
      labelNames: ['scrape_job'],
      registers,
    });
    this.#poolSyncs = counter(
      'prometheus_target_scrape_pool_sync_total',
      'How often the targets of a job were brought up to date.',
      ['scrape_job'],
    );
    this.#syncFailures = counter(
      'prometheus_target_sync_failed_total',
      'Targets that could not be scraped because their labels make no address.',
      ['scrape_job'],
    );
    this.#exceededTargets = counter(
      'prometheus_target_scrape_pool_exceeded_target_limit_total',
      'How often a job was found to have more targets than target_limit.',
    );
    this.#scrapes = counter(
      'binnacle_collector_scrapes_total',
      'Scrapes, by job and by whether the target was up.',
      ['scrape_job', 'result'],
    );
    this.#refused = counter(
      'binnacle_collector_targets_refused_total',
      'Targets that Kubernetes named and that are not asked because of where they lead.',
      ['scrape_job', 'reason'],
    );
    this.#guarded = counter(
      'binnacle_collector_scrape_guarded_samples_total',
      'Samples of new series not taken because their metric, or their target, brings too many; /api/v1/targets says which.',
      ['scrape_job'],
    );
    this.#invalidHistograms = counter(
      'binnacle_collector_scrape_invalid_histograms_total',
      'Native histograms not taken because they contradict themselves.',
      ['scrape_job'],
    );
  }

  scraped(jobName: string, result: ScrapeResult): void {
    this.#scrapes.inc({ scrape_job: jobName, result: result.isUp ? 'up' : 'down' });
    this.#duplicates.inc(result.drops.duplicates);
    this.#outOfOrder.inc(result.drops.outOfOrder);
    this.#outOfBounds.inc(result.drops.outOfBounds);
    if (result.drops.guarded > 0) {
      this.#guarded.inc({ scrape_job: jobName }, result.drops.guarded);
    }
    if (result.drops.invalidHistograms > 0) {
      this.#invalidHistograms.inc({ scrape_job: jobName }, result.drops.invalidHistograms);
    }
    if (result.exceeded !== null) this.#exceeded[result.exceeded].inc();
  }

  interval(interval: string, seconds: number): void {
    this.#intervalLength.observe({ interval }, seconds);
  }

  synced(
    jobName: string,
    counts: {
      readonly discovered: number;
      readonly active: number;
      readonly invalid: number;
      readonly hasTooMany: boolean;
    },
  ): void {
    this.#discovered.set({ name: 'scrape', config: jobName }, counts.discovered);
    this.#poolTargets.set({ scrape_job: jobName }, counts.active);
    this.#poolSyncs.inc({ scrape_job: jobName });
    this.#syncFailures.inc({ scrape_job: jobName }, counts.invalid);
    if (counts.hasTooMany) this.#exceededTargets.inc();
  }

  /** A target came up that must not be asked. */
  refused(jobName: string, reason: RefusalReason): void {
    this.#refused.inc({ scrape_job: jobName, reason });
  }

  forget(jobName: string): void {
    this.#discovered.remove({ name: 'scrape', config: jobName });
    this.#poolTargets.remove({ scrape_job: jobName });
  }
}
