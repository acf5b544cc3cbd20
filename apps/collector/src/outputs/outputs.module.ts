import { Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { METRIC_SINK } from './metric-sink.ts';
import { MetricOutputs } from './metric-outputs.ts';
import { HeartbeatMetrics } from './heartbeat.metrics.ts';
import { OutputMetrics } from './output-metrics.ts';

/** Where samples go: the sink for everything that gathers them, and the remote-write outputs behind it. */
@Module({
  providers: [
    HeartbeatMetrics,
    {
      provide: OutputMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new OutputMetrics(registry),
    },
    MetricOutputs,
    { provide: METRIC_SINK, useExisting: MetricOutputs },
  ],
  exports: [METRIC_SINK, OutputMetrics],
})
export class OutputsModule {}
