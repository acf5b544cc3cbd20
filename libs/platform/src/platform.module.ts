import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { AppLogger } from './app-logger.ts';
import { HealthController } from './health.controller.ts';
import { HealthState } from './health-state.ts';
import { INDEX_PAGE, IndexPageController } from './index-page.controller.ts';
import { createRegistry } from './default-metrics.ts';
import { MetricsController } from './metrics.controller.ts';
import { StopRequests } from './stop-requests.ts';
import { RUN_OPTIONS, type RunOptions } from './run-options.ts';

/** What every part of an app may ask for: the log, the metrics registry, the health state, how it was started, how it ends. */
@Global()
@Module({})
export class PlatformModule {
  /**
   * @param indexPage what the root path says
   * @param lagPeriodMs how often the event loop is asked whether it is late; asking is what an idle program is awake for
   */
  static forApp(
    options: RunOptions,
    logger: AppLogger,
    indexPage = '',
    lagPeriodMs = 10,
  ): DynamicModule {
    return {
      module: PlatformModule,
      controllers: [HealthController, IndexPageController, MetricsController],
      providers: [
        { provide: AppLogger, useValue: logger },
        { provide: RUN_OPTIONS, useValue: options },
        { provide: INDEX_PAGE, useValue: indexPage },
        { provide: Registry, useFactory: () => createRegistry(lagPeriodMs) },
        HealthState,
        StopRequests,
      ],
      exports: [AppLogger, RUN_OPTIONS, Registry, HealthState, StopRequests],
    };
  }
}
