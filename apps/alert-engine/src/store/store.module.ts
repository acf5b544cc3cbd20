import { DataDirectory, DataDirectoryModule } from '#libs/platform';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { FileBlockFiles, FileSnapshots, syncDirectory } from '#libs/node-files';
import {
  BlockArchive,
  ExemplarRing,
  MetadataCatalogue,
  TieredStore,
  TimeSeriesStore,
} from '#libs/tsdb';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { DurableStoreWriter } from './durable-store-writer.ts';
import { MeasuredSegmentStore } from './measured-segment-store.ts';
import { STORE } from './store.ts';
import { createBackgroundPace, TIMER } from './store-ports.ts';
import { toStoreOptions, toTieredOptions } from './store-config.ts';
import { StoreMetrics } from './store-metrics.ts';
import { Snapshots } from './snapshots.ts';
import { Deletions } from './deletions.ts';
import { StoreRunner } from './store.runner.ts';
import { StoredSamples } from './stored-samples.ts';
import { STORE_WRITER, VOLATILE_STORE_WRITER } from './store-writer.ts';
import { TsdbAdminController } from './tsdb-admin.controller.ts';
import { TsdbStatusController } from './tsdb-status.controller.ts';

/** Where blocks lie under the data directory. */
const BLOCKS = ['metrics', 'blocks'];
/**
 * The embedded store: its log lies in `metrics` under the data directory, its blocks in `metrics/blocks`, copies in
 * `snapshots`.
 */
@Global()
@Module({
  imports: [DataDirectoryModule],
  controllers: [TsdbStatusController, TsdbAdminController],
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
        new TimeSeriesStore(segments, TIMER, toStoreOptions(config.storage, config.limits.storage)),
    },
    {
      provide: FileBlockFiles,
      inject: [DataDirectory],
      useFactory: async (directory: DataDirectory) => {
        const path = join(directory.path, ...BLOCKS);
        await mkdir(path, { recursive: true });
        await syncDirectory(join(directory.path, 'metrics'));
        return new FileBlockFiles(path);
      },
    },
    {
      provide: FileSnapshots,
      inject: [DataDirectory],
      useFactory: ({ path }: DataDirectory) =>
        new FileSnapshots(join(path, 'snapshots'), join(path, ...BLOCKS), BLOCKS),
    },
    {
      provide: BlockArchive,
      inject: [FileBlockFiles],
      useFactory: (files: FileBlockFiles) => new BlockArchive(files, createBackgroundPace()),
    },
    {
      provide: TieredStore,
      inject: [TimeSeriesStore, BlockArchive, FileBlockFiles, ENGINE_CONFIG],
      useFactory: (
        recent: TimeSeriesStore,
        archive: BlockArchive,
        files: FileBlockFiles,
        config: EngineConfig,
      ) =>
        new TieredStore(
          recent,
          archive,
          files,
          TIMER,
          createBackgroundPace(),
          toTieredOptions(config.storage),
        ),
    },
    {
      provide: ExemplarRing,
      inject: [TimeSeriesStore],
      useFactory: (store: TimeSeriesStore) => store.exemplars,
    },
    {
      provide: MetadataCatalogue,
      inject: [TimeSeriesStore],
      useFactory: (store: TimeSeriesStore) => store.metadata,
    },
    { provide: STORE, useExisting: TieredStore },
    { provide: VOLATILE_STORE_WRITER, useExisting: TimeSeriesStore },
    {
      provide: STORE_WRITER,
      inject: [TimeSeriesStore, StoredSamples],
      useFactory: (store: TimeSeriesStore, stored: StoredSamples) =>
        new DurableStoreWriter(store, stored),
    },
    Snapshots,
    Deletions,
    StoredSamples,
    StoreRunner,
  ],
  exports: [
    STORE,
    STORE_WRITER,
    StoredSamples,
    VOLATILE_STORE_WRITER,
    ExemplarRing,
    MetadataCatalogue,
  ],
})
export class StoreModule {}
