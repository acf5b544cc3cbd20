import { Counter, Gauge, type Registry, Summary } from 'prom-client';
import {
  type ArchiveStatistics,
  REJECT_REASONS,
  type RejectReason,
  type ReplayReport,
  type StoreStatistics,
} from '#libs/tsdb';

/** Reasons under names that dashboards for Prometheus ask for. */
const PROMETHEUS_REASONS: readonly (readonly [name: string, help: string, RejectReason])[] = [
  [
    'prometheus_tsdb_out_of_order_samples_total',
    'Total number of out of order samples ingestion failed attempts.',
    'out_of_order',
  ],
  [
    'prometheus_tsdb_too_old_samples_total',
    'Total number of samples refused because they were too old.',
    'too_old',
  ],
];

/** The store's metrics, under Prometheus's names where it has one for the same thing. */
export class StoreMetrics {
  readonly #registry: Registry;
  readonly #syncs: Summary;
  readonly #freeBytes: Gauge;
  readonly #maintenance: Summary;
  readonly #failedMaintenance: Counter;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#syncs = new Summary({
      name: 'prometheus_tsdb_wal_fsync_duration_seconds',
      help: 'Duration of write log fsync.',
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers: [registry],
    });
    this.#freeBytes = new Gauge({
      name: 'binnacle_store_disk_free_bytes',
      help: 'Free space on the disk under the store.',
      registers: [registry],
    });
    this.#maintenance = new Summary({
      name: 'binnacle_store_maintenance_seconds',
      help: 'How long moving samples to blocks, joining and dropping blocks took.',
      percentiles: [0.5, 0.99],
      maxAgeSeconds: 3_600,
      ageBuckets: 6,
      registers: [registry],
    });
    this.#failedMaintenance = new Counter({
      name: 'binnacle_store_maintenance_failures_total',
      help: 'Failed attempts to move samples to blocks, to join or to drop blocks.',
      registers: [registry],
    });
  }

  maintained(seconds: number): void {
    this.#maintenance.observe(seconds);
  }

  maintenanceFailed(): void {
    this.#failedMaintenance.inc();
  }

  synced(seconds: number): void {
    this.#syncs.observe(seconds);
  }

  diskFree(bytes: number): void {
    this.#freeBytes.set(bytes);
  }

  /** Registers what is read from the store itself at every scrape. */
  observe(
    statistics: () => StoreStatistics,
    isWritable: () => boolean,
    blocks: () => ArchiveStatistics,
  ): void {
    this.#observeBlocks(blocks);
    type Read = (now: StoreStatistics) => number;
    const registry = this.#registry;
    const gauge = (name: string, help: string, read: Read): Gauge =>
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read(statistics()));
        },
      });
    const counter = (name: string, help: string, read: Read): Counter =>
      new Counter({
        name,
        help,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(read(statistics()));
        },
      });
    gauge('prometheus_tsdb_head_series', 'Total number of series in the head.', (s) => s.series);
    gauge('prometheus_tsdb_head_chunks', 'Total number of chunks in the head.', (s) => s.chunks);
    gauge(
      'prometheus_tsdb_head_min_time_seconds',
      'Time of the oldest sample, 0 without any.',
      (s) => (Number.isFinite(s.minTimeMs) ? s.minTimeMs / 1000 : 0),
    );
    gauge(
      'prometheus_tsdb_head_max_time_seconds',
      'Time of the youngest sample, 0 without any.',
      (s) => (Number.isFinite(s.maxTimeMs) ? s.maxTimeMs / 1000 : 0),
    );
    gauge('prometheus_tsdb_wal_storage_size_bytes', 'Size of the write log.', (s) => s.logBytes);
    gauge('binnacle_store_log_segments', 'Segments of the write log.', (s) => s.logSegments);
    gauge(
      'binnacle_store_log_pending_bytes',
      'Bytes of the write log that are not confirmed by the disk.',
      (s) => s.logPendingBytes,
    );
    gauge(
      'binnacle_store_label_pairs',
      'Different pairs of a label name and a value.',
      (s) => s.labelPairs,
    );
    gauge('binnacle_store_sample_bytes', 'Memory held for samples.', (s) => s.sampleBytes);
    gauge(
      'binnacle_store_out_of_order_samples',
      'Samples kept apart because they came after younger ones.',
      (s) => s.outOfOrderSamples,
    );
    counter(
      'prometheus_tsdb_head_series_created_total',
      'Total number of series created in the head.',
      (s) => s.seriesCreated,
    );
    counter(
      'prometheus_tsdb_head_series_removed_total',
      'Total number of series removed in the head.',
      (s) => s.seriesRemoved,
    );
    counter(
      'prometheus_tsdb_wal_writes_failed_total',
      'Total number of write log writes that failed.',
      (s) => s.logFailedFlushes,
    );
    counter(
      'binnacle_store_log_flushes_total',
      'Group commits of the write log.',
      (s) => s.logFlushes,
    );
    counter(
      'binnacle_store_log_written_bytes_total',
      'Bytes written to the write log.',
      (s) => s.logWrittenBytes,
    );
    counter(
      'binnacle_store_samples_repeated_total',
      'Samples that were there already with the same value.',
      (s) => s.repeated,
    );
    counter(
      'binnacle_store_samples_unlogged_total',
      'Results of rules kept in memory only, because the disk was full or failing.',
      (s) => s.unlogged,
    );
    for (const [name, help, reason] of PROMETHEUS_REASONS) {
      counter(name, help, (s) => s.rejected[reason]);
    }
    gauge(
      'binnacle_store_writable',
      'Whether the store takes samples: 0 while it reads its log, the disk is nearly full or the log cannot be written.',
      () => (isWritable() ? 1 : 0),
    );
    const appended = new Counter({
      name: 'prometheus_tsdb_head_samples_appended_total',
      help: 'Total number of appended samples.',
      labelNames: ['type'],
      registers: [],
      collect() {
        this.reset();
        this.inc({ type: 'float' }, statistics().appended);
      },
    });
    const rejections = new Counter({
      name: 'binnacle_store_samples_rejected_total',
      help: 'Samples that were not stored, by reason.',
      labelNames: ['reason'],
      registers: [],
      collect() {
        this.reset();
        const { rejected } = statistics();
        for (const reason of REJECT_REASONS) this.inc({ reason }, rejected[reason]);
      },
    });
    const offenders = new Counter({
      name: 'binnacle_store_series_budget_refusals_total',
      help: 'Series refused because their target or namespace has as many as it may; those that come again count again.',
      labelNames: ['budget', 'offender'],
      registers: [],
      collect() {
        this.reset();
        for (const { label, value, refusedSeries } of statistics().offenders) {
          this.inc({ budget: label, offender: value }, refusedSeries);
        }
      },
    });
    registry.registerMetric(offenders);
    registry.registerMetric(appended);
    registry.registerMetric(rejections);
  }

  #observeBlocks(statistics: () => ArchiveStatistics): void {
    const gauges: readonly (readonly [string, string, (now: ArchiveStatistics) => number])[] = [
      [
        'prometheus_tsdb_blocks_loaded',
        'Number of currently loaded data blocks.',
        (now) => now.blocks,
      ],
      [
        'prometheus_tsdb_storage_blocks_bytes',
        'The number of bytes that are currently used for local storage by all blocks.',
        (now) => now.bytes,
      ],
      ['binnacle_store_block_samples', 'Samples in blocks.', (now) => now.samples],
      [
        'binnacle_store_block_cache_bytes',
        'Memory held for pages of blocks read last.',
        (now) => now.cacheBytes,
      ],
    ];
    for (const [name, help, read] of gauges) {
      const gauge = new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(read(statistics()));
        },
      });
      this.#registry.registerMetric(gauge);
    }
    const counters: typeof gauges = [
      ['binnacle_store_blocks_written_total', 'Blocks written.', (now) => now.written],
      [
        'prometheus_tsdb_compactions_total',
        'Total number of compactions that were executed for the partition.',
        (now) => now.compactions,
      ],
      [
        'binnacle_store_blocks_expired_total',
        'Blocks dropped because of the retention by time or size.',
        (now) => now.expired,
      ],
      [
        'binnacle_store_block_damage_total',
        'Blocks set aside, and damaged parts that reading came across.',
        (now) => now.damaged,
      ],
    ];
    for (const [name, help, read] of counters) {
      const counter = new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(read(statistics()));
        },
      });
      this.#registry.registerMetric(counter);
    }
  }

  /** Publishes what the replay at the start found. */
  replayed(report: ReplayReport, seconds: number): void {
    const figures: readonly (readonly [string, string, number])[] = [
      [
        'prometheus_tsdb_data_replay_duration_seconds',
        'Time taken to replay the data on disk.',
        seconds,
      ],
      ['binnacle_store_replay_samples', 'Samples read back at the start.', report.samples],
      [
        'binnacle_store_replay_torn_bytes',
        'Bytes cut at the start from the ends of segments whose last write was interrupted.',
        report.tornBytes,
      ],
      [
        'binnacle_store_replay_damaged_records',
        'Stretches of segments without a valid record found at the start.',
        report.damagedRecords,
      ],
      [
        'binnacle_store_replay_orphaned_samples',
        'Samples lost at the start because the definition of their series was damaged.',
        report.orphanedSamples,
      ],
      [
        'binnacle_store_replay_segments_set_aside',
        'Segments of which a copy was kept at the start because of damage.',
        report.segmentsSetAside.length,
      ],
    ];
    for (const [name, help, value] of figures) {
      new Gauge({ name, help, registers: [this.#registry] }).set(value);
    }
    new Counter({
      name: 'prometheus_tsdb_wal_corruptions_total',
      help: 'Total number of write log corruptions.',
      registers: [this.#registry],
    }).inc(report.damagedRecords + report.unknownRecords);
  }
}
