import { Module } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ENGINE_CONFIG, type EngineConfig } from '../../config/engine-config.ts';
import { QueryGate } from '../../query/query-gate.ts';
import { type EngineLogs, LOG_STORE } from '../store/engine-logs.ts';
import { LogStoreModule } from '../store/log-store.module.ts';
import { LogQueryService, type LogQueryServiceOptions } from './log-query-service.ts';
import { LokiQueryController } from './loki-query.controller.ts';
import { TailGateway } from './tail.gateway.ts';

/** Queries that may wait for each that may run. */
const WAITING_PER_RUNNING = 20;

/** Loki's API for queries over the engine's own log lines. */
@Module({
  imports: [LogStoreModule],
  controllers: [LokiQueryController],
  providers: [
    {
      provide: LogQueryService,
      inject: [LOG_STORE, ENGINE_CONFIG, Registry],
      useFactory: (logs: EngineLogs, config: EngineConfig, registry: Registry): LogQueryService => {
        const limits = config.limits.log_query;
        const gate = new QueryGate(
          limits.max_concurrency,
          limits.max_concurrency * WAITING_PER_RUNNING,
        );
        registerGauge(gate, registry);
        return new LogQueryService({
          logs,
          gate,
          limits,
          nowMs: () => Date.now(),
          observer: createObserver(registry),
        });
      },
    },
    TailGateway,
  ],
  exports: [LogQueryService],
})
export class LogQueryModule {}

function registerGauge(gate: QueryGate, registry: Registry): void {
  registry.registerMetric(
    new Gauge({
      name: 'binnacle_log_query_running',
      help: 'Queries over log lines that are being evaluated.',
      registers: [],
      collect() {
        this.set(gate.running);
      },
    }),
  );
}

function createObserver(registry: Registry): LogQueryServiceOptions['observer'] {
  const queries = new Counter({
    name: 'binnacle_log_query_requests_total',
    help: 'Queries over log lines by outcome.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'binnacle_log_query_duration_seconds',
    help: 'Time from the arrival of a query over log lines to its result.',
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [registry],
  });
  const bytes = new Counter({
    name: 'binnacle_log_query_read_bytes_total',
    help: 'Bytes of lines that queries went through.',
    registers: [registry],
  });
  const lines = new Counter({
    name: 'binnacle_log_query_read_lines_total',
    help: 'Lines that queries went through.',
    registers: [registry],
  });
  return (outcome, seconds, stats) => {
    queries.inc({ outcome });
    durations.observe(seconds);
    bytes.inc(stats?.bytes ?? 0);
    lines.inc(stats?.lines ?? 0);
  };
}
