import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AppLogger, describeError, HealthState, DataDirectory } from '#libs/platform';
import {
  ArchiveClosedError,
  BlockArchive,
  type ReplayReport,
  StoreUnavailableError,
  TieredStore,
  TimeSeriesStore,
} from '#libs/tsdb';
import { closeWithin } from './close-within.ts';
import { DiskWatch, isNearlyFull } from './disk-watch.ts';
import { MeasuredSegmentStore } from './measured-segment-store.ts';
import { StoreMetrics } from './store-metrics.ts';

const MAINTAIN_EVERY_MS = 60_000;
const DISK_WATCH_EVERY_MS = 5_000;
const PROGRESS_EVERY_MS = 2_000;
/** What was acknowledged is on the disk already. */
const CLOSE_WITHIN_MS = 8_000;

/** Opens the store, moves what is old to blocks, keeps it within its retention and its disk, and closes it. */
@Injectable()
export class StoreRunner implements OnModuleInit, OnApplicationBootstrap {
  readonly #store: TimeSeriesStore;
  readonly #tiered: TieredStore;
  readonly #disk: DiskWatch;
  readonly #metrics: StoreMetrics;
  readonly #health: HealthState;
  readonly #logger: AppLogger;
  #wasFailing = false;

  constructor(
    store: TimeSeriesStore,
    tiered: TieredStore,
    archive: BlockArchive,
    segments: MeasuredSegmentStore,
    directory: DataDirectory,
    metrics: StoreMetrics,
    health: HealthState,
    logger: AppLogger,
  ) {
    this.#store = store;
    this.#tiered = tiered;
    this.#disk = new DiskWatch(
      {
        content: 'samples',
        space: () => segments.space(),
        isFull: isNearlyFull,
        noteSpace: ({ freeBytes }) => metrics.diskFree(freeBytes),
        setDiskFull: (isFull) => store.setDiskFull(isFull),
      },
      logger,
    );
    this.#metrics = metrics;
    this.#health = health;
    this.#logger = logger;
    health.set('store', false, 'not opened yet');
    metrics.observe(
      () => store.statistics(),
      () => store.unavailability() === null,
      () => archive.statistics(),
    );
    archive.onDamage = (block, error) => {
      logger.error('a part of a block is damaged and was left out', {
        block,
        error: describeError(error),
      });
    };
    directory.beforeRelease(() => this.#close());
  }

  onModuleInit(): void {
    // Not awaited: the service listens, and says that it is not ready, while a large log is read back.
    void this.#open();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.watchDisk();
  }

  @Interval(MAINTAIN_EVERY_MS)
  async maintain(): Promise<void> {
    const startedMs = performance.now();
    try {
      await this.#tiered.maintain();
      this.#metrics.maintained((performance.now() - startedMs) / 1000);
    } catch (error) {
      if (error instanceof ArchiveClosedError) return;
      this.#metrics.maintenanceFailed();
      this.#logger.error('old samples could not be moved to blocks; tried again in a minute', {
        error: describeError(error),
      });
    }
  }

  /** Refuses writers while the disk is nearly full, and lets them in again when it is not. */
  @Interval(DISK_WATCH_EVERY_MS)
  async watchDisk(): Promise<void> {
    this.#reportFailure();
    await this.#disk.look();
  }

  async #open(): Promise<void> {
    const startedMs = performance.now();
    let shownMs = startedMs;
    try {
      const found = await this.#tiered.open(({ bytes, totalBytes, samples }) => {
        const percent = totalBytes === 0 ? 100 : Math.floor((100 * bytes) / totalBytes);
        this.#health.set('store', false, `reading the log: ${percent} %, ${samples} samples`);
        if (performance.now() - shownMs < PROGRESS_EVERY_MS) return;
        shownMs = performance.now();
        this.#logger.info('reading the log', { percent, samples });
      });
      const { log: report, blocks, lostTombstones } = found;
      const seconds = (performance.now() - startedMs) / 1000;
      this.#metrics.replayed(report, seconds);
      this.#logReplay(report, seconds);
      this.#logger.info('blocks opened', { blocks: blocks.blocks, bytes: blocks.bytes });
      for (const { name, reason } of blocks.damaged) {
        this.#logger.error('a block cannot be used and was set aside', { block: name, reason });
      }
      if (lostTombstones > 0) {
        this.#logger.error('deletions cannot be read any more; what they hid is seen again', {
          deletions: lostTombstones,
        });
      }
      this.#health.set('store', true);
      // What became due while the process was down does not wait for the first interval.
      void this.maintain();
    } catch (error) {
      if (error instanceof StoreUnavailableError) return; // the app goes down during the replay
      this.#health.set('store', false, 'the log cannot be read');
      this.#logger.error('the store cannot be opened', { error: describeError(error) });
    }
  }

  #logReplay(report: ReplayReport, seconds: number): void {
    const { segments, samples, series, tornBytes } = report;
    this.#logger.info('store opened', { segments, samples, series, tornBytes, seconds });
    if (report.damagedRecords + report.unknownRecords + report.unreadableSegments.length === 0)
      return;
    this.#logger.error('a part of the log is damaged; the rest is in use', {
      damagedRecords: report.damagedRecords,
      damagedBytes: report.damagedBytes,
      unknownRecords: report.unknownRecords,
      orphanedSamples: report.orphanedSamples,
      segmentsSetAside: report.segmentsSetAside,
      unreadableSegments: report.unreadableSegments,
    });
  }

  #reportFailure(): void {
    const unavailable = this.#store.unavailability();
    const isFailing = unavailable?.code === 'log_failing';
    if (isFailing === this.#wasFailing) return;
    this.#wasFailing = isFailing;
    if (isFailing) {
      this.#logger.error('samples are refused until the log can be written again', {
        error: unavailable.message,
      });
    } else {
      this.#logger.info('the log can be written again');
    }
  }

  async #close(): Promise<void> {
    await closeWithin(CLOSE_WITHIN_MS, this.#tiered.close());
  }
}
