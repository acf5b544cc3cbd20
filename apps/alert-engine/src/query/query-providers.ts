import type { Provider } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { QueryEngine } from '#libs/promql';
import { ExemplarRing, MetadataCatalogue } from '#libs/tsdb';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { STORE, type Store } from '../store/store.ts';
import { nextTurn } from '../turns/loop-turns.ts';
import { PlanCache } from './plan-cache.ts';
import { QueryGate } from './query-gate.ts';
import { QueryService } from './query-service.ts';

/** The engine that all duties evaluate with. */
export const QUERY_ENGINE = Symbol('QueryEngine');

/** Queries whose plans are kept; more than the panels of a dashboard. */
const KEPT_PLANS = 64;

/** Queries that may wait for each that may run. */
const WAITING_PER_RUNNING = 50;

/** What the query API is made of; it needs the configuration, the store and the registry of metrics. */
export const queryProviders: Provider[] = [
  {
    provide: QUERY_ENGINE,
    inject: [ENGINE_CONFIG, STORE],
    useFactory: (config: EngineConfig, store: Store): QueryEngine => {
      const { query } = config.limits;
      return new QueryEngine({
        nowMs: () => performance.now(),
        yieldToLoop: nextTurn,
        source: store,
        timeoutMs: query.timeout,
        maxSamples: query.max_samples,
        lookbackMs: query.lookback_delta,
      });
    },
  },
  {
    provide: QueryService,
    inject: [QUERY_ENGINE, STORE, ExemplarRing, MetadataCatalogue, ENGINE_CONFIG, Registry],
    useFactory: (
      engine: QueryEngine,
      store: Store,
      exemplars: ExemplarRing,
      metadata: MetadataCatalogue,
      config: EngineConfig,
      registry: Registry,
    ): QueryService => {
      const { query } = config.limits;
      const gate = new QueryGate(
        query.max_concurrency,
        query.max_concurrency * WAITING_PER_RUNNING,
      );
      registerGauges(gate, registry);
      return new QueryService({
        plans: new PlanCache(engine, KEPT_PLANS),
        store,
        exemplars,
        metadata,
        gate,
        timeoutMs: query.timeout,
        nowMs: () => Date.now(),
        observer: createObserver(registry),
      });
    },
  },
];

function registerGauges(gate: QueryGate, registry: Registry): void {
  registry.registerMetric(
    new Gauge({
      name: 'binnacle_query_running',
      help: 'Queries that are being evaluated.',
      registers: [],
      collect() {
        this.set(gate.running);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'binnacle_query_waiting',
      help: 'Queries that wait for their turn.',
      registers: [],
      collect() {
        this.set(gate.waiting);
      },
    }),
  );
}

function createObserver(registry: Registry): (outcome: string, seconds: number) => void {
  const queries = new Counter({
    name: 'binnacle_query_requests_total',
    help: 'Queries of the HTTP API by outcome: success, or the type of the error.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'binnacle_query_duration_seconds',
    help: 'Time from the arrival of a query of the HTTP API to its result.',
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30],
    registers: [registry],
  });
  return (outcome, seconds) => {
    queries.inc({ outcome });
    durations.observe(seconds);
  };
}
