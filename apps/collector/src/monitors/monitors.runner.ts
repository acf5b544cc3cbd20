import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { type CustomObject, objectKey } from '#libs/kube';
import { AppLogger, ReloadService } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { KubeHubs } from '../kubernetes/kube-hubs.ts';
import { Leadership } from '../kubernetes/leadership.ts';
import type { LoadedJob } from '../scrape/scrape-section.ts';
import { type MonitorJobs, monitorJobs } from './monitor-jobs.ts';
import { type KindState, MonitorWatch } from './monitor-watch.ts';
import { MonitorsMetrics } from './monitors.metrics.ts';

/** How long changes are gathered before jobs are made anew. */
const GATHER_MS = 500;

interface Known {
  readonly object: CustomObject;
  readonly made: MonitorJobs;
}

/** Keeps the scrape jobs that monitor objects come to, and tells whoever scrapes of every change. */
@Injectable()
export class MonitorsRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #hubs: KubeHubs;
  readonly #leadership: Leadership;
  readonly #logger: AppLogger;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #metrics: MonitorsMetrics;
  readonly #listeners = new Set<() => void>();
  readonly #known = new Map<string, Known>();
  #config: CollectorConfig;
  #watch: MonitorWatch | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    hubs: KubeHubs,
    leadership: Leadership,
    registry: Registry,
    logger: AppLogger,
    reloads: ReloadService<CollectorConfig>,
  ) {
    this.#config = config;
    this.#hubs = hubs;
    this.#leadership = leadership;
    this.#logger = logger;
    this.#reloads = reloads;
    this.#metrics = new MonitorsMetrics(registry);
  }

  /** Of all objects, sorted by kind, namespace and name. */
  get objects(): readonly MonitorJobs[] {
    return [...this.#known.values()].map(({ made }) => made);
  }

  /** Of each configured kind, whether its objects are read; empty where there is no API server. */
  get states(): readonly { readonly kind: string; readonly state: KindState }[] {
    return this.#watch?.states ?? [];
  }

  get jobs(): readonly LoadedJob[] {
    return this.objects.flatMap(({ jobs }) => jobs);
  }

  /** Calls `listener` whenever the jobs have changed. */
  listen(listener: () => void): void {
    this.#listeners.add(listener);
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'kubernetes.monitors',
      prepare: async (config) => () => this.#apply(config),
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    this.#listeners.clear();
    await this.#stop();
  }

  async #apply(config: CollectorConfig): Promise<void> {
    const isSame = fingerprint(config) === fingerprint(this.#config);
    this.#config = config;
    if (isSame || !this.#isRunning) return;
    await this.#stop();
    this.#known.clear();
    this.#start();
    this.#gather();
  }

  #start(): void {
    const { cluster, kubernetes } = this.#config;
    if (cluster.endpoint === null || !kubernetes.monitors.enabled) return;
    this.#watch = new MonitorWatch({
      endpoint: cluster.endpoint,
      hubs: this.#hubs,
      config: kubernetes.monitors,
      logger: this.#logger,
      onChange: () => this.#gather(),
    });
    this.#watch.start();
  }

  async #stop(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    await watch?.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #gather(): void {
    if (!this.#isRunning) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#make();
      for (const listener of this.#listeners) listener();
    }, GATHER_MS);
  }

  #make(): void {
    const config = this.#config.kubernetes.monitors;
    const before = new Map(this.#known);
    const found = [...(this.#watch?.objects() ?? [])].map(({ kind, object }) => ({
      key: `${kind} ${objectKey(object)}`,
      kind,
      object,
    }));
    this.#known.clear();
    let left = config.max_jobs;
    for (const { key, kind, object } of found.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
      const known = before.get(key);
      let made = known?.object === object ? known.made : monitorJobs(kind, object, config);
      if (made.jobs.length > left) made = tooMany(made, config.max_jobs);
      left -= made.jobs.length;
      if (made !== known?.made) this.#report(key, made);
      this.#known.set(key, { object, made });
    }
    this.#metrics.inForce(this.objects);
  }

  #report(object: string, made: MonitorJobs): void {
    this.#metrics.refused(made);
    // Every collector sees the same objects; one of them says it.
    const isSpeaker = this.#leadership.leads || this.#config.cluster.nodeName === null;
    for (const { path, reason } of made.refusals) {
      const detail = { object, path, reason };
      if (isSpeaker) this.#logger.warn('a part of a monitor object is not taken', detail);
      else this.#logger.debug('a part of a monitor object is not taken', detail);
    }
  }
}

function tooMany(made: MonitorJobs, most: number): MonitorJobs {
  const reason = `more than ${most} jobs of all objects together (kubernetes.monitors.max_jobs)`;
  return { ...made, jobs: [], refusals: [...made.refusals, { path: 'spec', reason }] };
}

function fingerprint({ cluster, kubernetes }: CollectorConfig): string {
  return configFingerprint([cluster, kubernetes.monitors]);
}
