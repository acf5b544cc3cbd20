import { dirname, resolve } from 'node:path';
import { hostname } from 'node:os';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ReloadService, RUN_OPTIONS, type RunOptions, USER_AGENT } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import { ConcurrencyGate } from '../scrape/concurrency-gate.ts';
import { ProbeLoop, type ProbeSurroundings } from './probe-loop.ts';
import { ProbeMetrics } from './probe-metrics.ts';
import type { ProbeConfig } from './probes-config.ts';

/** More probes than this at once would only wait for each other. */
const MAX_CONCURRENT_PROBES = 128;

/** Keeps a loop for each target of `probes`. */
@Injectable()
export class ProbesRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #around: ProbeSurroundings;
  readonly #reloads: ReloadService<CollectorConfig>;
  #probes: readonly ProbeConfig[];
  #loops = new Map<string, ProbeLoop>();
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(RUN_OPTIONS) { configFile }: RunOptions,
    @Inject(METRIC_SINK) sink: MetricSink,
    registry: Registry,
    reloads: ReloadService<CollectorConfig>,
  ) {
    this.#probes = config.probes;
    this.#reloads = reloads;
    this.#around = {
      sink,
      metrics: new ProbeMetrics(registry),
      gate: new ConcurrencyGate(MAX_CONCURRENT_PROBES),
      spreadSeed: hostname(),
      baseDir: configFile === null ? process.cwd() : dirname(resolve(configFile)),
      userAgent: USER_AGENT,
    };
  }

  /** In the order of the configuration. */
  get loops(): readonly ProbeLoop[] {
    return [...this.#loops.values()];
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'probes',
      prepare:
        async ({ probes }) =>
        () => {
          this.#probes = probes;
          if (this.#isRunning) this.#sync();
        },
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#sync();
  }

  onModuleDestroy(): void {
    this.#isRunning = false;
    for (const loop of this.#loops.values()) loop.stop();
    this.#loops.clear();
  }

  /** Targets whose probe has not changed keep their loop and its state. */
  #sync(): void {
    const before = this.#loops;
    const loops = new Map<string, ProbeLoop>();
    for (const probe of this.#probes) {
      const { targets, ...rest } = probe;
      const fingerprint = configFingerprint(rest);
      for (const target of targets) {
        const key = `${fingerprint} ${target}`;
        loops.set(key, before.get(key) ?? new ProbeLoop(probe, target, this.#around));
      }
    }
    this.#loops = loops;
    // Stale markers of the old series come before the first samples of the new ones.
    for (const [key, loop] of before) if (!loops.has(key)) loop.stop();
    for (const loop of loops.values()) loop.start();
    this.#around.metrics.targets(loops.size);
  }
}
