import { dirname, resolve } from 'node:path';
import { hostname } from 'node:os';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Labels } from '#libs/labels';
import type { NamedProbeModule } from '#libs/probes';
import { NodeProbeTransports } from '#libs/node-probes';
import { ReloadService, RUN_OPTIONS, type RunOptions, USER_AGENT } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import { ConcurrencyGate } from '../scrape/concurrency-gate.ts';
import { addressGuard } from './address-guard.ts';
import type { ProbeJob } from './probe-job.ts';
import { ProbeLoop, type ProbeSurroundings } from './probe-loop.ts';
import { ProbeMetrics } from './probe-metrics.ts';
import type { ProbesConfig } from './probes-config.ts';

/** More probes than this at once would only wait for each other. */
const MAX_CONCURRENT_PROBES = 128;

/** Keeps a loop for each target: of the configuration, and of whoever else has some. */
@Injectable()
export class ProbesRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #around: ProbeSurroundings;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #baseDir: string;
  readonly #open: NodeProbeTransports;
  #guarded: NodeProbeTransports;
  #config: ProbesConfig;
  #moduleFiles: readonly string[];
  /** Jobs that are not written down, by who knows of them. */
  readonly #discovered = new Map<string, readonly ProbeJob[]>();
  #loops = new Map<string, ProbeLoop>();
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(RUN_OPTIONS) { configFile }: RunOptions,
    @Inject(METRIC_SINK) sink: MetricSink,
    registry: Registry,
    reloads: ReloadService<CollectorConfig>,
  ) {
    this.#config = config.probes;
    this.#moduleFiles = config.moduleFiles;
    this.#reloads = reloads;
    this.#baseDir = configFile === null ? process.cwd() : dirname(resolve(configFile));
    this.#open = new NodeProbeTransports({ baseDir: this.#baseDir, guard: null });
    this.#guarded = this.#guardedTransports();
    this.#around = {
      sink,
      metrics: new ProbeMetrics(registry),
      gate: new ConcurrencyGate(MAX_CONCURRENT_PROBES),
      spreadSeed: hostname(),
      userAgent: USER_AGENT,
      transportsFor: ({ isGuarded }) => (isGuarded ? this.#guarded : this.#open),
    };
  }

  get metrics(): ProbeMetrics {
    return this.#around.metrics;
  }

  /** What objects may name. */
  get modulesForObjects(): ReadonlyMap<string, NamedProbeModule> {
    return this.#config.annotated.modules;
  }

  /** Transports that are kept away from addresses that are not the targets'. */
  get guardedTransports(): NodeProbeTransports {
    return this.#guarded;
  }

  /** Those of the configuration first, in its order. */
  get loops(): readonly ProbeLoop[] {
    return [...this.#loops.values()];
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'probes',
      prepare:
        async ({ probes, moduleFiles }) =>
        () => {
          this.#moduleFiles = moduleFiles;
          this.#config = probes;
          this.#guarded = this.#guardedTransports();
          this.#sync();
        },
      watchedFiles: () => this.#moduleFiles,
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

  /**
   * Replaces everything that one source has asked for.
   * @param source who asks; each has jobs of its own
   */
  setDiscovered(source: string, jobs: readonly ProbeJob[]): void {
    this.#discovered.set(source, jobs);
    this.#sync();
  }

  #guardedTransports(): NodeProbeTransports {
    const guard = addressGuard(this.#config.allowedNetworks);
    return new NodeProbeTransports({ baseDir: this.#baseDir, guard });
  }

  /** Targets whose probe has not changed keep their loop and its state. */
  #sync(): void {
    if (!this.#isRunning) return;
    const before = this.#loops;
    const loops = new Map<string, ProbeLoop>();
    const jobs = [...this.#config.probes.flatMap(jobsOf), ...[...this.#discovered.values()].flat()];
    for (const job of jobs) {
      const key = configFingerprint(job);
      loops.set(key, before.get(key) ?? new ProbeLoop(job, this.#around));
    }
    this.#loops = loops;
    // Stale markers of the old series come before the first samples of the new ones.
    for (const [key, loop] of before) if (!loops.has(key)) loop.stop();
    for (const loop of loops.values()) loop.start();
    this.#around.metrics.targets(loops.size);
  }
}

function jobsOf({ targets, labels, ...probe }: ProbesConfig['probes'][number]): ProbeJob[] {
  return targets.map((target) => ({
    ...probe,
    target,
    labels: Labels.fromRecord({
      job: probe.name,
      instance: target,
      module: probe.moduleName,
      target,
    }).merge(labels),
    dialIp: null,
    isGuarded: false,
  }));
}
