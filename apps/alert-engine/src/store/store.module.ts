import { DataDirectory, DataDirectoryModule } from '#libs/platform';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { syncDirectory } from '#libs/node-files';
import { TimeSeriesStore, type Timer } from '#libs/tsdb';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { DurableStoreWriter } from './durable-store-writer.ts';
import { MeasuredSegmentStore } from './measured-segment-store.ts';
import { STORE } from './store.ts';
import { toStoreOptions } from './store-config.ts';
import { StoreMetrics } from './store-metrics.ts';
import { StoreRunner } from './store.runner.ts';
import { STORE_WRITER, VOLATILE_STORE_WRITER } from './store-writer.ts';
import { TsdbStatusController } from './tsdb-status.controller.ts';

const timer: Timer = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};

/** The embedded store: its log lies in `metrics` under the data directory. */
@Global()
@Module({
  imports: [DataDirectoryModule],
  controllers: [TsdbStatusController],
  providers: [
    {
      provide: StoreMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new StoreMetrics(registry),
    },
    {
      provide: MeasuredSegmentStore,
      inject: [DataDirectory, StoreMetrics],
      useFactory: async (directory: DataDirectory, metrics: StoreMetrics) => {
        const path = join(directory.path, 'metrics');
        await mkdir(path, { recursive: true });
        await syncDirectory(directory.path);
        return new MeasuredSegmentStore(path, (seconds) => metrics.synced(seconds));
      },
    },
    {
      provide: TimeSeriesStore,
      inject: [MeasuredSegmentStore, ENGINE_CONFIG],
      useFactory: (segments: MeasuredSegmentStore, config: EngineConfig) =>
        new TimeSeriesStore(segments, timer, toStoreOptions(config.storage, config.limits.storage)),
    },
    { provide: STORE, useExisting: TimeSeriesStore },
    { provide: VOLATILE_STORE_WRITER, useExisting: TimeSeriesStore },
    {
      provide: STORE_WRITER,
      inject: [TimeSeriesStore],
      useFactory: (store: TimeSeriesStore) => new DurableStoreWriter(store),
    },
    StoreRunner,
  ],
  exports: [STORE, STORE_WRITER, VOLATILE_STORE_WRITER],
})
export class StoreModule {}
