import type { Provider } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { AlertSink } from '#libs/dispatch';
import type { StateStore } from '#libs/node-state';
import { configFolder, RUN_OPTIONS, type RunOptions } from '#libs/platform';
import type { QueryEngine } from '#libs/promql';
import { QueryEngineEvaluator, RuleManager } from '#libs/rules';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { ALERT_SINK } from '../notifications/alert-sink.ts';
import { nextTurn } from '../turns/loop-turns.ts';
import { QUERY_ENGINE } from '../query/query-providers.ts';
import { STATE_STORE } from '../state/state-store.ts';
import { VOLATILE_STORE_WRITER, type VolatileStoreWriter } from '../store/store-writer.ts';
import { LogQueryService } from '../logs/query/log-query-service.ts';
import { LogRuleEvaluator } from './logql-rules.ts';
import { ruleSurroundings } from './rule-surroundings.ts';
import { Datasources } from './datasources.ts';
import { RuleMetrics } from './rule-metrics.ts';
import { RuleObjects } from './objects/rule-objects.ts';
import { RulesRunner } from './rules.runner.ts';
import { StoredAlertStates } from './stored-alert-states.ts';
import { StoreRuleSink } from './store-rule-sink.ts';

/** What rules are made of; they need the configuration, the store, the query engine, the state and where alerts go. */
export const ruleProviders: Provider[] = [
  {
    provide: RuleMetrics,
    inject: [Registry],
    useFactory: (registry: Registry): RuleMetrics => new RuleMetrics(registry),
  },
  {
    provide: StoredAlertStates,
    inject: [STATE_STORE],
    useFactory: (state: StateStore): StoredAlertStates => new StoredAlertStates(state),
  },
  {
    provide: StoreRuleSink,
    inject: [VOLATILE_STORE_WRITER, RuleMetrics],
    useFactory: (store: VolatileStoreWriter, metrics: RuleMetrics): StoreRuleSink =>
      new StoreRuleSink(store, (reason, count) => metrics.rejected(reason, count)),
  },
  {
    provide: Datasources,
    inject: [StoreRuleSink, LogQueryService, RUN_OPTIONS, RuleMetrics],
    useFactory: (
      sink: StoreRuleSink,
      logs: LogQueryService,
      options: RunOptions,
      metrics: RuleMetrics,
    ): Datasources =>
      new Datasources(sink, new LogRuleEvaluator(logs), configFolder(options), metrics),
  },
  {
    provide: RuleManager,
    inject: [
      ENGINE_CONFIG,
      RUN_OPTIONS,
      QUERY_ENGINE,
      StoreRuleSink,
      StoredAlertStates,
      ALERT_SINK,
      RuleMetrics,
    ],
    useFactory: (
      config: EngineConfig,
      options: RunOptions,
      engine: QueryEngine,
      sink: StoreRuleSink,
      stateStore: StoredAlertStates,
      alertSink: AlertSink,
      metrics: RuleMetrics,
    ): RuleManager => {
      const { externalLabels, externalUrl, timing } = ruleSurroundings(config, options);
      const manager = new RuleManager({
        externalLabels,
        externalUrl,
        timing,
        evaluator: new QueryEngineEvaluator(engine),
        sink,
        stateStore,
        alertSink,
        clockMs: () => performance.now(),
        yieldToLoop: nextTurn,
      });
      metrics.watch(manager);
      return manager;
    },
  },
  RuleObjects,
  RulesRunner,
];
