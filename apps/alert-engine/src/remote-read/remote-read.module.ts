import { Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Labels } from '#libs/labels';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { QueryGate } from '../query/query-gate.ts';
import { STORE, type Store } from '../store/store.ts';
import { ReadController } from './read.controller.ts';
import { ReadMetrics } from './read-metrics.ts';
import { RemoteReader } from './remote-reader.ts';

/** Each may hold a whole answer in memory. */
const MAX_READS = 4;
const MAX_WAITING_READS = 100;

/** Prometheus remote read; it reads from the global store. */
@Module({
  controllers: [ReadController],
  providers: [
    {
      provide: ReadMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new ReadMetrics(registry),
    },
    { provide: QueryGate, useFactory: () => new QueryGate(MAX_READS, MAX_WAITING_READS) },
    {
      provide: RemoteReader,
      inject: [STORE, ENGINE_CONFIG],
      useFactory: (store: Store, config: EngineConfig) =>
        new RemoteReader(store, {
          externalLabels: Labels.fromRecord(config.external_labels),
          maxSamples: config.limits.query.max_samples,
        }),
    },
  ],
})
export class RemoteReadModule {}
