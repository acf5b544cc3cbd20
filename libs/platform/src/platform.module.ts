import { type DynamicModule, Global, Module } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { AppLogger } from './app-logger.ts';
import { HealthController } from './health.controller.ts';
import { HealthState } from './health-state.ts';
import { INDEX_PAGE, IndexPageController } from './index-page.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { StopRequests } from './stop-requests.ts';
import { RUN_OPTIONS, type RunOptions } from './run-options.ts';

/** What every part of an app may ask for: the log, the metrics registry, the health state, how it was started, how it ends. */
@Global()
@Module({})
export class PlatformModule {
  /** @param indexPage what the root path says */
  static forApp(options: RunOptions, logger: AppLogger, indexPage = ''): DynamicModule {
    return {
      module: PlatformModule,
      controllers: [HealthController, IndexPageController, MetricsController],
      providers: [
        { provide: AppLogger, useValue: logger },
        { provide: RUN_OPTIONS, useValue: options },
        { provide: INDEX_PAGE, useValue: indexPage },
        { provide: Registry, useFactory: createRegistry },
        HealthState,
        StopRequests,
      ],
      exports: [AppLogger, RUN_OPTIONS, Registry, HealthState, StopRequests],
    };
  }
}

/** Gauges whose names end like a counter's, which linters of metrics object to; their labelled twins stay. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}
