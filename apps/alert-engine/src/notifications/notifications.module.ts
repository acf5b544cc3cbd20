import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { AlertSink } from '#libs/dispatch';
import type { StateStore } from '#libs/node-state';
import type { QueryEngine } from '#libs/promql';
import { AppLogger, describeError, RUN_OPTIONS, type RunOptions } from '#libs/platform';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { QueryModule } from '../query/query.module.ts';
import { QUERY_ENGINE } from '../query/query-providers.ts';
import { ruleSurroundings } from '../rules/rule-surroundings.ts';
import { STATE_STORE } from '../state/state-store.ts';
import { StateModule } from '../state/state.module.ts';
import { ALERT_SINK } from './alert-sink.ts';
import {
  alertmanagerConfigPath,
  LOADED_ALERTMANAGER_CONFIG,
  type LoadedAlertmanagerConfig,
  loadAlertmanagerConfig,
} from './alertmanager-config-file.ts';
import { AlertmanagerController } from './alertmanager.controller.ts';
import { AlertmanagerStatus } from './alertmanager-status.ts';
import { createDelivery, type Delivery, DELIVERY, RECEIVER_MEMORY } from './delivery.ts';
import { EvidenceCollector } from './evidence/evidence-collector.ts';
import { StoreEvidence } from './evidence/store-evidence.ts';
import { NotificationMetrics } from './notification-metrics.ts';
import { NotificationService } from './notification-service.ts';
import { NotificationsApiController } from './notifications-api.controller.ts';
import { NotificationsRunner } from './notifications.runner.ts';
import { SilencePageController } from './silence-page.controller.ts';
import { SilencesController } from './silences.controller.ts';
import { StateArea } from './state-area.ts';
import { StateReceiverMemory } from './state-receiver-memory.ts';

/** Alerts: grouped, routed, held back, delivered, shown through Alertmanager's API. */
@Module({
  imports: [StateModule, QueryModule],
  controllers: [
    NotificationsApiController,
    SilencesController,
    SilencePageController,
    AlertmanagerController,
  ],
  providers: [
    {
      provide: LOADED_ALERTMANAGER_CONFIG,
      inject: [ENGINE_CONFIG, RUN_OPTIONS],
      useFactory: (config: EngineConfig, options: RunOptions) =>
        loadAlertmanagerConfig(alertmanagerConfigPath(config.alertmanager_config, options)),
    },
    {
      provide: NotificationMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new NotificationMetrics(registry),
    },
    {
      provide: AlertmanagerStatus,
      inject: [LOADED_ALERTMANAGER_CONFIG],
      useFactory: ({ shownText }: LoadedAlertmanagerConfig) =>
        new AlertmanagerStatus(shownText, Date.now()),
    },
    {
      provide: RECEIVER_MEMORY,
      inject: [STATE_STORE],
      useFactory: (state: StateStore) => new StateReceiverMemory(state),
    },
    {
      provide: DELIVERY,
      inject: [LOADED_ALERTMANAGER_CONFIG, ENGINE_CONFIG, RUN_OPTIONS, RECEIVER_MEMORY],
      useFactory: createDelivery,
    },
    {
      provide: EvidenceCollector,
      inject: [QUERY_ENGINE, ENGINE_CONFIG, RUN_OPTIONS, NotificationMetrics, AppLogger],
      useFactory: (
        engine: QueryEngine,
        config: EngineConfig,
        options: RunOptions,
        metrics: NotificationMetrics,
        logger: AppLogger,
      ) => {
        const source = new StoreEvidence(engine, ruleSurroundings(config, options).externalUrl);
        return new EvidenceCollector({
          gather: (...args) => source.gather(...args),
          isDefault: config.notifications.evidence,
          onGap: (reason, error) => {
            metrics.evidenceGaps.inc({ reason });
            logger.warn('a message goes out without evidence', {
              reason,
              ...(error === null ? {} : { error: describeError(error) }),
            });
          },
          nowMs: Date.now,
        });
      },
    },
    {
      provide: NotificationService,
      inject: [
        LOADED_ALERTMANAGER_CONFIG,
        DELIVERY,
        ENGINE_CONFIG,
        STATE_STORE,
        NotificationMetrics,
        AppLogger,
        EvidenceCollector,
      ],
      useFactory: (
        loaded: LoadedAlertmanagerConfig,
        { ports, context }: Delivery,
        engine: EngineConfig,
        state: StateStore,
        metrics: NotificationMetrics,
        logger: AppLogger,
        evidence: EvidenceCollector,
      ) =>
        new NotificationService({
          config: loaded.config,
          ports,
          context,
          settings: engine.notifications,
          log: new StateArea(state, 'notifications'),
          silenceStore: new StateArea(state, 'silences'),
          historyStore: new StateArea(state, 'notification-history'),
          evidence,
          metrics,
          logger,
          nowMs: Date.now,
          random: Math.random,
          newId: randomUUID,
        }),
    },
    {
      provide: ALERT_SINK,
      inject: [NotificationService, NotificationMetrics],
      // Through here come the alerts of rules; the API has its own way, with other counters.
      useFactory: (service: NotificationService, metrics: NotificationMetrics): AlertSink => ({
        accept: (alerts, nowMs) => {
          metrics.acceptedFromRules(alerts.length);
          service.accept(alerts, nowMs);
        },
      }),
    },
    NotificationsRunner,
  ],
  exports: [ALERT_SINK, NotificationService],
})
export class NotificationsModule {}
