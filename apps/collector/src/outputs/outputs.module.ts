import { Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { METRIC_SINK } from './metric-sink.ts';
import { MetricOutputs } from './metric-outputs.ts';
import { HeartbeatMetrics } from './heartbeat.metrics.ts';
import { OutputMetrics } from './output-metrics.ts';
import { SpoolDisk } from './spool-disk.ts';
import { Uplinks } from './uplinks.ts';

/** Where samples go: the sink for everything that gathers them, and the remote-write outputs behind it. */
@Module({
  providers: [
    HeartbeatMetrics,
    {
      provide: OutputMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new OutputMetrics(registry),
    },
    SpoolDisk,
    { provide: Uplinks, useFactory: () => new Uplinks() },
    MetricOutputs,
    { provide: METRIC_SINK, useExisting: MetricOutputs },
  ],
  exports: [METRIC_SINK, OutputMetrics, SpoolDisk, Uplinks],
})
export class OutputsModule {}
