import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  type AnnotatedProbes as AskedProbes,
  type CacheListener,
  ingressProbes,
  type KubeObject,
  serviceProbes,
} from '#libs/kube';
import { ReloadService } from '#libs/platform';
import { Gauge, Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { KubeHubs, type OpenHub } from '../kubernetes/kube-hubs.ts';
import { Leadership } from '../kubernetes/leadership.ts';
import { ALL_OBJECTS, type WatchLease } from '../kubernetes/resource-hub.ts';
import { type AnnotatedJobs, annotatedJobs } from './annotated-jobs.ts';
import { probesByAnnotation } from './probes-config.ts';
import { ProbesRunner } from './probes.runner.ts';

/** How long changes are gathered before the jobs are built anew. */
const GATHER_MS = 1_000;
const SOURCE = 'annotations';

/** An object whose annotations cannot be followed. */
export interface AnnotationProblem {
  readonly kind: 'service' | 'ingress';
  readonly namespace: string;
  readonly name: string;
  readonly message: string;
}

/** The objects that ask for something, while they are watched. */
interface Session {
  readonly open: OpenHub;
  readonly leases: readonly WatchLease<'services' | 'ingresses'>[];
  readonly unlisten: readonly (() => void)[];
}

/** Has the Services and Ingresses probed that ask for it, where this collector is the one elected for that. */
@Injectable()
export class AnnotatedProbes implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #hubs: KubeHubs;
  readonly #leadership: Leadership;
  readonly #runner: ProbesRunner;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #problemCount: Gauge;
  readonly #left: Gauge;
  #config: CollectorConfig;
  readonly #asked = new Map<string, AnnotatedJobs>();
  #session: Session | null = null;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #isRunning = false;
  #unlisten: () => void = () => {};
  problems: readonly AnnotationProblem[] = [];

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    hubs: KubeHubs,
    leadership: Leadership,
    runner: ProbesRunner,
    reloads: ReloadService<CollectorConfig>,
    registry: Registry,
  ) {
    this.#config = config;
    this.#hubs = hubs;
    this.#leadership = leadership;
    this.#runner = runner;
    this.#reloads = reloads;
    const registers = [registry];
    this.#problemCount = new Gauge({
      name: 'binnacle_collector_probe_annotation_problems',
      help: 'Annotations of Services and Ingresses that ask for probes and cannot be followed.',
      registers,
    });
    this.#left = new Gauge({
      name: 'binnacle_collector_probe_targets_over_limit',
      help: 'Targets by annotation that are not probed because there are too many.',
      registers,
    });
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'annotated probes',
      prepare: async (config) => async () => this.#apply(config),
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#unlisten = this.#leadership.listen(() => this.#follow());
    this.#follow();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    this.#unlisten();
    this.#follow();
    await this.#turn;
  }

  async #apply(config: CollectorConfig): Promise<void> {
    const isSame = shown(config) === shown(this.#config);
    this.#config = config;
    if (isSame || this.#session === null) {
      this.#follow();
      return;
    }
    await this.#stop();
    this.#follow();
  }

  /** Watches while this collector leads and not otherwise, one change after the other. */
  #follow(): void {
    this.#turn = this.#turn.then(async () => {
      const { probes, cluster, kubernetes } = this.#config;
      const isWanted =
        this.#isRunning &&
        this.#leadership.leads &&
        cluster.endpoint !== null &&
        probesByAnnotation(probes, kubernetes);
      if (isWanted && this.#session === null) this.#start();
      else if (!isWanted) await this.#stop();
    });
  }

  #start(): void {
    const open = this.#hubs.open(this.#config.cluster.endpoint!);
    const services = open.hub.acquire('services', ALL_OBJECTS);
    const ingresses = open.hub.acquire('ingresses', ALL_OBJECTS);
    this.#session = {
      open,
      leases: [services, ingresses],
      unlisten: [
        services.cache.listen(this.#listener('service', serviceProbes)),
        ingresses.cache.listen(this.#listener('ingress', ingressProbes)),
      ],
    };
  }

  #listener<T extends KubeObject>(
    kind: 'service' | 'ingress',
    read: (object: T) => AskedProbes,
  ): CacheListener<T> {
    return {
      put: (key, object) => {
        const { annotated } = this.#config.probes;
        const asked = annotatedJobs(kind, object.metadata, read(object), annotated);
        const place = `${kind}/${key}`;
        // One that is known keeps its place in the line for the targets there may be.
        if (asked.jobs.length + asked.problems.length > 0) this.#asked.set(place, asked);
        else if (!this.#asked.delete(place)) return;
        this.#gather();
      },
      remove: (key) => {
        if (this.#asked.delete(`${kind}/${key}`)) this.#gather();
      },
    };
  }

  #gather(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, GATHER_MS);
  }

  #tell(): void {
    const { maxTargets } = this.#config.probes.annotated;
    const all = [...this.#asked.values()].flatMap(({ jobs }) => jobs);
    this.problems = [...this.#asked].flatMap(([key, { problems }]) => {
      const [kind, namespace, name] = key.split('/');
      const place = {
        kind: kind === 'service' ? kind : 'ingress',
        namespace: namespace!,
        name: name!,
      } as const;
      return problems.map((message) => ({ ...place, message }));
    });
    this.#problemCount.set(this.problems.length);
    this.#left.set(Math.max(0, all.length - maxTargets));
    this.#runner.setDiscovered(SOURCE, all.slice(0, maxTargets));
  }

  async #stop(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const unlisten of session.unlisten) unlisten();
    this.#asked.clear();
    this.#tell();
    await Promise.all(session.leases.map((lease) => lease.release()));
    await session.open.release();
  }
}

/** Equal as long as the same would be watched and asked for. */
function shown({ probes, cluster, kubernetes }: CollectorConfig): string {
  return configFingerprint([
    { ...probes.annotated, modules: [...probes.annotated.modules] },
    cluster.endpoint,
    probesByAnnotation(probes, kubernetes),
  ]);
}
