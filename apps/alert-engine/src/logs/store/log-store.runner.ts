import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { LogStore, type LogStoreReport, LogsUnavailableError } from '#libs/log-store';
import { FileSegmentStore } from '#libs/node-files';
import { AppLogger, DataDirectory, describeError } from '#libs/platform';
import { closeWithin } from '../../store/close-within.ts';
import { DiskWatch, isNearlyFullForLogs } from '../../store/disk-watch.ts';
import { LogStoreMetrics } from './log-store-metrics.ts';

const MAINTAIN_EVERY_MS = 10_000;
const DISK_WATCH_EVERY_MS = 5_000;
/** What was acknowledged is on the disk already. */
const CLOSE_WITHIN_MS = 5_000;

/**
 * Opens the log store, keeps it within its retention and its disk, and closes it. The engine is ready without it: alerts do
 * not wait for log lines.
 */
@Injectable()
export class LogStoreRunner implements OnModuleInit, OnApplicationBootstrap {
  readonly #store: LogStore;
  readonly #disk: DiskWatch;
  readonly #metrics: LogStoreMetrics;
  readonly #logger: AppLogger;
  #failure = '';

  constructor(
    store: LogStore,
    segments: FileSegmentStore,
    directory: DataDirectory,
    metrics: LogStoreMetrics,
    logger: AppLogger,
  ) {
    this.#store = store;
    this.#disk = new DiskWatch(
      {
        content: 'log lines',
        space: () => segments.space(),
        isFull: isNearlyFullForLogs,
        noteSpace: () => {},
        setDiskFull: (isFull) => store.setDiskFull(isFull),
      },
      logger,
    );
    this.#metrics = metrics;
    this.#logger = logger;
    metrics.observe(store);
    store.onDamage = (block, error) => {
      logger.error('a part of a block of log lines is damaged and was left out', {
        block,
        error: describeError(error),
      });
    };
    directory.beforeRelease(() => this.#close());
  }

  onModuleInit(): void {
    // Not awaited: the service listens, and refuses lines, while a large log is read back.
    void this.#open();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.watchDisk();
  }

  @Interval(MAINTAIN_EVERY_MS)
  async maintain(): Promise<void> {
    try {
      await this.#store.maintain();
    } catch (error) {
      this.#logger.error(
        'old log lines could not be dropped, or small blocks joined; tried again later',
        {
          error: describeError(error),
        },
      );
    }
    this.#reportFailure();
  }

  /** Refuses lines while the disk is getting full, before samples are refused. */
  @Interval(DISK_WATCH_EVERY_MS)
  async watchDisk(): Promise<void> {
    await this.#disk.look();
  }

  async #open(): Promise<void> {
    const startedMs = performance.now();
    try {
      const report = await this.#store.open();
      const seconds = (performance.now() - startedMs) / 1000;
      this.#metrics.replayed(report.log, seconds);
      this.#logOpened(report, seconds);
    } catch (error) {
      if (error instanceof LogsUnavailableError) return; // the app goes down during the replay
      this.#logger.error('the log store cannot be opened; lines are refused', {
        error: describeError(error),
      });
    }
  }

  #logOpened({ log, blocks }: LogStoreReport, seconds: number): void {
    const { segments, lines, tornBytes } = log;
    this.#logger.info('log store opened', {
      segments,
      lines,
      tornBytes,
      blocks: blocks.blocks,
      seconds,
    });
    for (const { name, reason } of blocks.damaged) {
      this.#logger.error('a block of log lines cannot be used', { block: name, reason });
    }
    if (log.damagedRecords + log.unknownRecords + log.unreadableSegments.length === 0) return;
    this.#logger.error('a part of the log of lines is damaged; the rest is in use', {
      damagedRecords: log.damagedRecords,
      damagedBytes: log.damagedBytes,
      unknownRecords: log.unknownRecords,
      segmentsSetAside: log.segmentsSetAside,
      unreadableSegments: log.unreadableSegments,
    });
  }

  /** Tells once of what does not work, and once that it works again. */
  #reportFailure(): void {
    const unavailable = this.#store.unavailability();
    const failure =
      unavailable?.code === 'log_failing'
        ? unavailable.message
        : (this.#store.moveFailure?.message ?? '');
    if (failure === this.#failure) return;
    this.#failure = failure;
    if (failure === '') this.#logger.info('log lines can be written again');
    else this.#logger.error('log lines cannot be written', { error: failure });
  }

  async #close(): Promise<void> {
    await closeWithin(CLOSE_WITHIN_MS, this.#store.close());
  }
}
