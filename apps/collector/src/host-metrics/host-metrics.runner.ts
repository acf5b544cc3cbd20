import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { HostMetricsCollector } from '#libs/host-metrics';
import { Labels } from '#libs/labels';
import { NodeHostSource } from '#libs/node-host';
import { AppLogger, ReloadService, VERSION } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import type { HostMetricsConfig, HostSurroundings } from './host-metrics-config.ts';
import { HostMetricsMetrics } from './host-metrics.metrics.ts';

/** Collects this machine's metrics at the configured interval and hands them to the outputs. */
@Injectable()
export class HostMetricsRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #sink: MetricSink;
  readonly #logger: AppLogger;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #metrics: HostMetricsMetrics;
  /** Collectors that failed last time, so that a failure is told once and not every 15 seconds. */
  readonly #failing = new Map<string, string>();
  #config: HostMetricsConfig;
  #host: HostSurroundings;
  #collector: HostMetricsCollector | null = null;
  #timer: NodeJS.Timeout | null = null;
  #collecting: Promise<void> | null = null;
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(METRIC_SINK) sink: MetricSink,
    registry: Registry,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
  ) {
    this.#config = config.host_metrics;
    this.#host = config.host;
    this.#sink = sink;
    this.#logger = logger;
    this.#reloads = reloads;
    this.#metrics = new HostMetricsMetrics(registry);
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'host_metrics',
      prepare:
        async ({ host_metrics: config, host }) =>
        () =>
          this.#apply(config, host),
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    await this.#stop();
  }

  async #apply(config: HostMetricsConfig, host: HostSurroundings): Promise<void> {
    if (JSON.stringify([config, host]) === JSON.stringify([this.#config, this.#host])) return;
    if (this.#isRunning) await this.#stop();
    this.#config = config;
    this.#host = host;
    if (this.#isRunning) this.#start();
  }

  #start(): void {
    const config = this.#config;
    if (!(config.enabled ?? process.platform === 'linux')) return;
    const { procPath, sysPath, rootPath, instance, nodeName } = this.#host;
    const source = new NodeHostSource({
      proc: procPath,
      sys: sysPath,
      root: rootPath,
      ...(nodeName !== null && { nodeName }),
    });
    const collector = new HostMetricsCollector({
      baseLabels: Labels.fromRecord({ job: config.job, instance }),
      ...(config.mount_points_exclude !== undefined && {
        excludedMountPoints: config.mount_points_exclude,
      }),
      ...(config.fs_types_exclude !== undefined && { excludedFsTypes: config.fs_types_exclude }),
      ...(config.disks_exclude !== undefined && { excludedDisks: config.disks_exclude }),
      ...(config.network_devices_exclude !== undefined && {
        excludedNetworkDevices: config.network_devices_exclude,
      }),
      ...(config.build_info && { buildInfo: { version: VERSION, revision: '' } }),
      disabledCollectors: config.disabled_collectors,
    });
    this.#collector = collector;
    this.#metrics.restarted();
    const tick = (): void => {
      // A filesystem that does not answer holds a collection up for seconds; the next one waits its turn.
      this.#collecting ??= this.#collect(collector, source).finally(() => {
        this.#collecting = null;
      });
    };
    this.#timer = setInterval(tick, config.interval);
    tick();
    this.#logger.info('host metrics are collected', { instance, proc: procPath });
  }

  async #stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#collecting;
    if (this.#collector === null) return;
    this.#sink.push(this.#collector.end(Date.now()));
    this.#collector = null;
  }

  async #collect(collector: HostMetricsCollector, source: NodeHostSource): Promise<void> {
    const nowMs = Date.now();
    const { batch, collectors } = await collector.collect(source, nowMs);
    this.#sink.push(batch);
    this.#metrics.collected(collectors, collector.droppedSamples, nowMs);
    for (const { name, outcome, problem } of collectors) {
      if (outcome !== 'failed') {
        if (this.#failing.delete(name)) this.#logger.info('collector works again', { name });
        continue;
      }
      if (this.#failing.get(name) === problem) continue;
      this.#failing.set(name, problem ?? '');
      this.#logger.warn('collector failed', { name, error: problem });
    }
  }
}
