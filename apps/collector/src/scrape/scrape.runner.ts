import type { Server } from 'node:http';
import { hostname } from 'node:os';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type GuardSurroundings, resolveScrapeConfigs, scrapeConfigsSchema } from '#libs/discovery';
import { networkMatcher } from '#libs/node-http';
import { AppLogger, ReloadService, USER_AGENT } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { annotatedPodsJob } from '../discovery/annotated-pods.ts';
import { TargetProviders } from '../discovery/target-providers.ts';
import { MonitorsRunner } from '../monitors/monitors.runner.ts';
import { OwnProber } from '../probes/own-prober.ts';
import { boundHeapFor } from '../heap-bounds.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import { StringPool } from '#libs/scrape';
import { ConcurrencyGate } from './concurrency-gate.ts';
import { ScrapeMetrics } from './scrape-metrics.ts';
import { ScrapePool } from './scrape-pool.ts';
import { jobFingerprint, type LoadedJob, type LoadedJobs } from './scrape-section.ts';
import { cardinalityLimits, type CollectorLimits } from './scrape-limits.ts';
import type { LoopSurroundings } from './target-loop.ts';

/** More requests than this at once would only wait for each other. */
const MAX_CONCURRENT_SCRAPES = 128;
/** How often the heap is fitted to the number of targets. */
const HEAP_MS = 20_000;
const SELF_INTERVAL = '15s';
const SELF_JOB = 'binnacle-collector';

/** Keeps a scrape pool for each job of the configuration, and one for this collector itself where there are no jobs. */
@Injectable()
export class ScrapeRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #around: Omit<LoopSurroundings, 'cardinality'> & { readonly userAgent: string };
  readonly #logger: AppLogger;
  readonly #http: HttpAdapterHost;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #pools = new Map<string, ScrapePool>();
  readonly #providers: TargetProviders;
  readonly #monitors: MonitorsRunner;
  readonly #prober: OwnProber;
  #jobs: ReadonlyMap<string, LoadedJob> = new Map();
  #syncing: Promise<void> = Promise.resolve();
  #loaded: LoadedJobs;
  #cluster: CollectorConfig['cluster'];
  #kubelet: readonly LoadedJob[];
  #limits: CollectorLimits;
  #heapTimer: NodeJS.Timeout | undefined;
  #state: 'starting' | 'running' | 'stopped' = 'starting';

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(METRIC_SINK) sink: MetricSink,
    registry: Registry,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
    http: HttpAdapterHost,
    providers: TargetProviders,
    monitors: MonitorsRunner,
    prober: OwnProber,
  ) {
    this.#prober = prober;
    this.#monitors = monitors;
    this.#providers = providers;
    this.#cluster = config.cluster;
    this.#kubelet = config.kubelet;
    this.#loaded = config.scrape;
    this.#limits = config.limits;
    this.#logger = logger;
    this.#http = http;
    this.#reloads = reloads;
    this.#around = {
      sink,
      metrics: new ScrapeMetrics(registry),
      gate: new ConcurrencyGate(MAX_CONCURRENT_SCRAPES),
      spreadSeed: hostname(),
      userAgent: USER_AGENT,
      strings: new StringPool(),
    };
  }

  /** The pools in the order of the configuration. */
  get pools(): readonly ScrapePool[] {
    return [...this.#pools.values()];
  }

  get #targetCount(): number {
    return this.pools.reduce((sum, pool) => sum + pool.loops.length, 0);
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'scrape_configs',
      prepare:
        async ({ scrape, cluster, kubelet, limits }) =>
        () => {
          this.#kubelet = kubelet;
          this.#limits = limits;
          return this.#apply(scrape, cluster);
        },
      watchedFiles: () => this.#loaded.files,
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.#state = 'running';
    this.#monitors.listen(() => void this.#sync());
    this.#heapTimer = setInterval(() => boundHeapFor(this.#targetCount), HEAP_MS).unref();
    await this.#apply(this.#loaded, this.#cluster);
  }

  async onModuleDestroy(): Promise<void> {
    this.#state = 'stopped';
    clearInterval(this.#heapTimer);
    const pools = this.pools;
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.stop()));
  }

  async #apply(loaded: LoadedJobs, cluster: CollectorConfig['cluster']): Promise<void> {
    this.#loaded = loaded;
    this.#cluster = cluster;
    this.#providers.cluster = cluster;
    if (this.#state !== 'running') return;
    if (this.#cluster.kubelet?.kind === 'unknown') {
      this.#logger.warn('the kubelet is not scraped: nothing says where it is', {
        accepted: 'HOST_IP in the environment, or address or discover_nodes in kubernetes.kubelet',
      });
    }
    await this.#sync();
  }

  /** Brings the pools in line with all jobs, one change after the other. */
  #sync(): Promise<void> {
    this.#syncing = this.#syncing.catch(() => null).then(() => this.#syncNow());
    return this.#syncing;
  }

  async #syncNow(): Promise<void> {
    if (this.#state !== 'running') return;
    const own = [...(this.#loaded.jobs ?? this.#defaultJobs()), ...this.#kubeletJobs()];
    const wanted = new Map(own.map((job) => [job.config.jobName, job]));
    for (const job of this.#monitors.jobs) {
      // A job of the configuration goes before an object's of the same name.
      if (!wanted.has(job.config.jobName)) wanted.set(job.config.jobName, job);
    }
    const before = this.#jobs;
    this.#jobs = wanted;
    const ended: ScrapePool[] = [];
    const kept = new Map<string, ScrapePool>();
    for (const [name, pool] of this.#pools) {
      const job = wanted.get(name);
      const isUnchanged = job !== undefined && this.#fingerprint(job) === pool.fingerprint;
      if (isUnchanged) kept.set(name, pool);
      else ended.push(pool);
    }
    // Stale markers of the old series come before the first samples of the new ones.
    await Promise.all(ended.map((pool) => pool.stop()));
    // The process may have begun to go down meanwhile.
    if (this.#state !== 'running') return;
    this.#pools.clear();
    for (const [name, job] of wanted) {
      const pool = kept.get(name) ?? this.#newPool(job);
      this.#pools.set(name, pool);
      pool.sync(job);
      if (!kept.has(name)) pool.start();
      if (before.get(name) === job) continue;
      for (const { discoveredLabels, reason } of pool.targetSet.invalid) {
        const address = discoveredLabels.get('__address__');
        this.#logger.warn('target cannot be scraped', { job: name, address, reason });
      }
    }
    this.#logger.info('scrape targets in force', {
      jobs: wanted.size,
      targets: this.#targetCount,
    });
  }

  #newPool(job: LoadedJob): ScrapePool {
    const guard = guardOf(job, this.#cluster);
    return new ScrapePool(job, {
      around: { ...this.#around, cardinality: cardinalityLimits(this.#limits) },
      fingerprint: this.#fingerprint(job),
      providers: this.#providers.for(job, guard),
      guard,
      prober: this.#prober,
    });
  }

  /** A job that asks Kubernetes depends on which cluster that is. */
  #fingerprint(job: LoadedJob): string {
    const isKubernetes = job.config.discovery.some(({ kind }) => kind === 'kubernetes');
    const isClusters = isKubernetes || job.isForeign === true;
    const cluster = isClusters ? configFingerprint(this.#cluster) : '';
    return jobFingerprint(job) + configFingerprint(this.#limits) + cluster;
  }

  /** Whatever else is scraped; a job of the configuration that is called alike takes the place of one. */
  #kubeletJobs(): readonly LoadedJob[] {
    const taken = new Set(this.#loaded.jobs?.map(({ config }) => config.jobName));
    return this.#kubelet.filter(({ config }) => !taken.has(config.jobName));
  }

  /** Without any job: the collector itself and, on Kubernetes, the pods that ask to be scraped. */
  #defaultJobs(): readonly LoadedJob[] {
    const own = this.#selfJobs();
    if (this.#cluster.endpoint === null) return own;
    return [...own, { config: annotatedPodsJob(), baseDir: '.' }];
  }

  /** Without any job the collector scrapes itself, as soon as it knows where it listens. */
  #selfJobs(): readonly LoadedJob[] {
    const server: Server = this.#http.httpAdapter.getHttpServer();
    const address = server.address();
    if (address === null || typeof address === 'string') {
      server.once('listening', () => {
        if (this.#state === 'running' && this.#loaded.jobs === null) {
          void this.#sync();
        }
      });
      return [];
    }
    const host = WILDCARD_HOSTS.get(address.address) ?? address.address;
    const target = `${host.includes(':') ? `[${host}]` : host}:${address.port}`;
    const raw = scrapeConfigsSchema.parse([
      {
        job_name: SELF_JOB,
        scrape_interval: SELF_INTERVAL,
        static_configs: [{ targets: [target] }],
      },
    ]);
    return resolveScrapeConfigs(raw).configs.map((config) => ({ config, baseDir: '.' }));
  }
}

/** What the targets of a job may not lead to. */
function guardOf(
  { isForeign = false }: LoadedJob,
  { kubelet, allowedNetworks }: CollectorConfig['cluster'],
): GuardSurroundings {
  return {
    kubelet: kubelet?.kind === 'address' ? kubelet.address : null,
    isForeign,
    isAllowed: networkMatcher(allowedNetworks),
  };
}

const WILDCARD_HOSTS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);
