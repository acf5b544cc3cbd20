import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  AppLogger,
  HealthState,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
} from '#libs/platform';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import {
  alertmanagerConfigPath,
  LOADED_ALERTMANAGER_CONFIG,
  type LoadedAlertmanagerConfig,
  loadAlertmanagerConfig,
} from './alertmanager-config-file.ts';
import { AlertmanagerStatus } from './alertmanager-status.ts';
import { createDelivery, type Delivery, DELIVERY, RECEIVER_MEMORY } from './delivery.ts';
import { NotificationMetrics } from './notification-metrics.ts';
import { NotificationService } from './notification-service.ts';
import type { StateReceiverMemory } from './state-receiver-memory.ts';

/** Starts and stops notifying, and takes a new configuration while it runs. */
@Injectable()
export class NotificationsRunner
  implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown
{
  readonly #service: NotificationService;
  readonly #health: HealthState;
  readonly #logger: AppLogger;
  /** The last is in use; connections of the others end by themselves. */
  #delivery: Delivery;
  readonly #memory: StateReceiverMemory;
  #path: string | null;
  #templateFiles: readonly string[];
  #isStopping = false;

  constructor(
    service: NotificationService,
    metrics: NotificationMetrics,
    status: AlertmanagerStatus,
    health: HealthState,
    logger: AppLogger,
    reloads: ReloadService<EngineConfig>,
    @Inject(DELIVERY) delivery: Delivery,
    @Inject(RECEIVER_MEMORY) memory: StateReceiverMemory,
    @Inject(LOADED_ALERTMANAGER_CONFIG) loaded: LoadedAlertmanagerConfig,
    @Inject(ENGINE_CONFIG) config: EngineConfig,
    @Inject(RUN_OPTIONS) options: RunOptions,
  ) {
    this.#service = service;
    this.#health = health;
    this.#logger = logger;
    this.#delivery = delivery;
    this.#memory = memory;
    this.#path = alertmanagerConfigPath(config.alertmanager_config, options);
    this.#templateFiles = loaded.templateFiles;
    metrics.watch(service);
    metrics.configured(service.config, loaded.shownText, Date.now());
    health.set('notifications', false, 'restoring');
    reloads.register({
      name: 'notifications',
      prepare: async (next) => {
        const path = alertmanagerConfigPath(next.alertmanager_config, options);
        try {
          const read = await loadAlertmanagerConfig(path);
          return () => {
            this.#path = path;
            this.#templateFiles = read.templateFiles;
            this.#delivery = createDelivery(read, next, options, memory);
            service.reconfigure(read.config, this.#delivery.ports, this.#delivery.context);
            status.configured(read.shownText);
            metrics.configured(read.config, read.shownText, Date.now());
          };
        } catch (error) {
          metrics.configurationRefused();
          throw error;
        }
      },
      watchedFiles: () => (this.#path === null ? [] : [this.#path, ...this.#templateFiles]),
    });
  }

  onModuleInit(): void {
    this.#start().then(
      () => this.#health.set('notifications', true),
      (error: unknown) => {
        // A state that never came is closed at the end.
        if (this.#isStopping) return;
        this.#logger.error('the notification log cannot be restored', error);
        this.#health.set('notifications', false, 'the notification log cannot be restored');
      },
    );
  }

  async #start(): Promise<void> {
    await this.#memory.load();
    await this.#service.start();
  }

  /** Messages on the wire may arrive; nothing new is sent. */
  async onModuleDestroy(): Promise<void> {
    this.#isStopping = true;
    await this.#service.stop();
  }

  /** By now rules and clients have said their last. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#service.flush();
    await this.#memory.flush();
    await this.#delivery.close();
  }
}
