import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { LogStore } from '#libs/log-store';
import { FileBlockFiles, FileSegmentStore, syncDirectory } from '#libs/node-files';
import { DataDirectory, DataDirectoryModule } from '#libs/platform';
import { Registry } from 'prom-client';
import { ENGINE_CONFIG, type EngineConfig } from '../../config/engine-config.ts';
import { MeasuredSegmentStore } from '../../store/measured-segment-store.ts';
import { createBackgroundPace, TIMER } from '../../store/store-ports.ts';
import { LOG_STORE } from './engine-logs.ts';
import { toLogStoreOptions } from './log-store-config.ts';
import { LogStoreMetrics } from './log-store-metrics.ts';
import { LogStoreRunner } from './log-store.runner.ts';

/** The embedded log store: its log lies in `logs` under the data directory, its blocks in `logs/blocks`. */
@Module({
  imports: [DataDirectoryModule],
  providers: [
    {
      provide: LogStoreMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new LogStoreMetrics(registry),
    },
    {
      provide: FileSegmentStore,
      inject: [DataDirectory, LogStoreMetrics],
      useFactory: async (directory: DataDirectory, metrics: LogStoreMetrics) => {
        const path = join(directory.path, 'logs');
        await mkdir(path, { recursive: true });
        await syncDirectory(directory.path);
        return new MeasuredSegmentStore(path, (seconds) => metrics.synced(seconds));
      },
    },
    {
      provide: FileBlockFiles,
      inject: [DataDirectory],
      useFactory: async (directory: DataDirectory) => {
        const path = join(directory.path, 'logs', 'blocks');
        await mkdir(path, { recursive: true });
        await syncDirectory(join(directory.path, 'logs'));
        return new FileBlockFiles(path);
      },
    },
    {
      provide: LogStore,
      inject: [FileSegmentStore, FileBlockFiles, ENGINE_CONFIG],
      useFactory: (segments: FileSegmentStore, blocks: FileBlockFiles, config: EngineConfig) =>
        new LogStore(
          segments,
          blocks,
          TIMER,
          createBackgroundPace(),
          toLogStoreOptions(config.storage.logs, config.limits.logs),
        ),
    },
    { provide: LOG_STORE, useExisting: LogStore },
    LogStoreRunner,
  ],
  exports: [LOG_STORE, LogStore],
})
export class LogStoreModule {}
