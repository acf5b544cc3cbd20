import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AccessModule,
  AppConfigModule,
  type AppLogger,
  PlatformModule,
  type RunOptions,
} from '#libs/platform';
import { ApiErrorFilter } from './api-error.filter.ts';
import { rightOfPost } from './auth/access-rights.ts';
import {
  ENGINE_CONFIG,
  type EngineConfig,
  type Environment,
  readEngineConfig,
} from './config/engine-config.ts';
import { FederateModule } from './federate/federate.module.ts';
import { IngestModule } from './ingest/ingest.module.ts';
import { LogIngestModule } from './logs/ingest/log-ingest.module.ts';
import { LogQueryModule } from './logs/query/log-query.module.ts';
import { LogStoreModule } from './logs/store/log-store.module.ts';
import { NotificationsModule } from './notifications/notifications.module.ts';
import { QueryModule } from './query/query.module.ts';
import { RemoteReadModule } from './remote-read/remote-read.module.ts';
import { RulesModule } from './rules/rules.module.ts';
import { StateModule } from './state/state.module.ts';
import { StoreModule } from './store/store.module.ts';
import { TargetsModule } from './targets/targets.module.ts';

const INDEX_PAGE = `Binnacle alert engine

/api/v1/query?query=up     PromQL; also query_range, series, labels, label/<name>/values
/api/v1/rules              rules and their state
/api/v1/rule-objects       objects of Kubernetes with rules, and why some are refused
/api/v1/alerts             alerts that are pending or firing
/api/v1/targets            scrape targets, as their samples tell
/api/v1/write              remote write
/v1/metrics                OTLP metrics over HTTP; also /api/v1/otlp/v1/metrics
/loki/api/v1/push          log lines, as Loki takes them
/v1/logs                   OTLP logs over HTTP
/loki/api/v1/query_range   LogQL; also query, labels, label/<name>/values, series, tail
/api/v1/read               remote read
/federate?match[]=         the youngest samples, to be scraped
/api/v1/status/tsdb        the store
/api/v2/alerts             Alertmanager's API: alerts, alerts/groups, silences, receivers, status
/api/v1/notifications      what was sent where, and how it ended
/api/v1/explain?labels=    what becomes of an alert: routes, groups, what holds it back, the message
/silence?labels=           a form that silences the alerts with these labels
/api/v1/receivers/NAME/test  POST sends a test message
/metrics /livez /readyz    the engine itself
`;

/** The engine's composition root: every choice of adapter is made here or in the modules named here. */
@Module({})
export class AlertEngineModule {
  static forApp(
    options: RunOptions,
    config: EngineConfig,
    env: Environment,
    logger: AppLogger,
  ): DynamicModule {
    return {
      module: AlertEngineModule,
      imports: [
        PlatformModule.forApp(options, logger, INDEX_PAGE),
        ScheduleModule.forRoot(),
        AppConfigModule.forApp<EngineConfig>({
          token: ENGINE_CONFIG,
          config,
          readConfig: () => readEngineConfig(options, env),
          metricPrefix: 'prometheus',
        }),
        AccessModule.forApp({ access: config.auth, tls: config.tls, rightOfPost }),
        StoreModule,
        TargetsModule,
        QueryModule,
        IngestModule,
        LogStoreModule,
        LogIngestModule,
        LogQueryModule,
        FederateModule,
        RemoteReadModule,
        StateModule,
        RulesModule,
        NotificationsModule,
      ],
      providers: [{ provide: APP_FILTER, useClass: ApiErrorFilter }],
    };
  }
}
