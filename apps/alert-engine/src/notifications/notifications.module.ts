import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { AlertSink } from '#libs/dispatch';
import type { StateStore } from '#libs/node-state';
import { AppLogger, RUN_OPTIONS, type RunOptions } from '#libs/platform';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { STATE_STORE } from '../state/state-store.ts';
import { StateModule } from '../state/state.module.ts';
import { ALERT_SINK } from './alert-sink.ts';
import {
  alertmanagerConfigPath,
  type LoadedAlertmanagerConfig,
  loadAlertmanagerConfig,
} from './alertmanager-config-file.ts';
import { AlertmanagerController } from './alertmanager.controller.ts';
import { AlertmanagerStatus } from './alertmanager-status.ts';
import { createDelivery, type Delivery, DELIVERY } from './delivery.ts';
import { NotificationMetrics } from './notification-metrics.ts';
import { NotificationService } from './notification-service.ts';
import { NotificationsRunner } from './notifications.runner.ts';
import { SilencesController } from './silences.controller.ts';
import { StateArea } from './state-area.ts';

/** What was loaded at the start; a bad file ends the start here, before anything listens. */
const LOADED = Symbol('LoadedAlertmanagerConfig');

/** Alerts: grouped, routed, held back, delivered, shown through Alertmanager's API. */
@Module({
  imports: [StateModule],
  controllers: [SilencesController, AlertmanagerController],
  providers: [
    {
      provide: LOADED,
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
      inject: [LOADED],
      useFactory: ({ shownText }: LoadedAlertmanagerConfig) =>
        new AlertmanagerStatus(shownText, Date.now()),
    },
    {
      provide: DELIVERY,
      inject: [LOADED, ENGINE_CONFIG, RUN_OPTIONS],
      useFactory: (loaded: LoadedAlertmanagerConfig, config: EngineConfig, options: RunOptions) =>
        createDelivery(loaded.folder, config, options),
    },
    {
      provide: NotificationService,
      inject: [LOADED, DELIVERY, ENGINE_CONFIG, STATE_STORE, NotificationMetrics, AppLogger],
      useFactory: (
        loaded: LoadedAlertmanagerConfig,
        { ports, context }: Delivery,
        engine: EngineConfig,
        state: StateStore,
        metrics: NotificationMetrics,
        logger: AppLogger,
      ) =>
        new NotificationService({
          config: loaded.config,
          ports,
          context,
          settings: engine.notifications,
          log: new StateArea(state, 'notifications'),
          silenceStore: new StateArea(state, 'silences'),
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
