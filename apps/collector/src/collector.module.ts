import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AccessModule,
  AppConfigModule,
  type AppLogger,
  DataDirectoryModule,
  PlatformModule,
  type RunOptions,
} from '#libs/platform';
import {
  COLLECTOR_CONFIG,
  type CollectorConfig,
  type Environment,
  readCollectorConfig,
} from './config/collector-config.ts';
import { EventsModule } from './events/events.module.ts';
import { HostMetricsModule } from './host-metrics/host-metrics.module.ts';
import { KubernetesModule } from './kubernetes/kubernetes.module.ts';
import { LogInputsModule } from './log-inputs/log-inputs.module.ts';
import { LogsModule } from './logs/logs.module.ts';
import { MonitorsModule } from './monitors/monitors.module.ts';
import { OtlpModule } from './otlp/otlp.module.ts';
import { OutputsModule } from './outputs/outputs.module.ts';
import { ProbesModule } from './probes/probes.module.ts';
import { ScrapeModule } from './scrape/scrape.module.ts';

const INDEX_PAGE = `Binnacle collector

/api/v1/targets            scrape targets: health, last error, dropped ones
/api/v1/probes             probes: last result and reason
/api/v1/monitors           ServiceMonitor, PodMonitor, Probe and ScrapeConfig objects, and what of them is refused
/api/v1/logs/files         log files that are followed
/api/v1/logs/live          log lines as they come (?namespace=, pod=, container=, level=, grep=)
/metrics /livez /readyz    the collector itself
`;

/** Ten milliseconds, as is usual, would cost a whole per cent of a core on every node. */
const LAG_PERIOD_MS = 200;

/** The collector's composition root: every choice of adapter is made here or in the modules named here. */
@Module({})
export class CollectorModule {
  static forApp(
    options: RunOptions,
    config: CollectorConfig,
    env: Environment,
    logger: AppLogger,
  ): DynamicModule {
    return {
      module: CollectorModule,
      imports: [
        PlatformModule.forApp(options, logger, INDEX_PAGE, LAG_PERIOD_MS),
        ScheduleModule.forRoot(),
        AppConfigModule.forApp<CollectorConfig>({
          token: COLLECTOR_CONFIG,
          config,
          readConfig: () => readCollectorConfig(options, env),
          metricPrefix: 'binnacle_collector',
        }),
        // Nothing here is sent to, so whatever is no question changes something.
        AccessModule.forApp({
          access: config.auth,
          tls: config.tls,
          rightOfPost: () => 'edit',
        }),
        DataDirectoryModule,
        OutputsModule,
        ScrapeModule,
        HostMetricsModule,
        KubernetesModule,
        EventsModule,
        LogsModule,
        LogInputsModule,
        OtlpModule,
        MonitorsModule,
        ProbesModule,
      ],
    };
  }
}
