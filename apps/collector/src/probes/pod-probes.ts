import { hostname } from 'node:os';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { containerView, declaredProbes, type Pod, PodStories, type PodStory } from '#libs/kube';
import { ReloadService, USER_AGENT } from '#libs/platform';
import type { DeclaredProbe } from '#libs/probes';
import { Gauge, Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { KubeHubs, type OpenHub } from '../kubernetes/kube-hubs.ts';
import { ALL_OBJECTS, type WatchLease } from '../kubernetes/resource-hub.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import { ConcurrencyGate } from '../scrape/concurrency-gate.ts';
import { shadowedPods } from './probes-config.ts';
import { ProbesRunner } from './probes.runner.ts';
import { ShadowLoop, type ShadowSurroundings } from './shadow-loop.ts';

const ANNOTATION = 'binnacle.dev/shadow-probes';
/** A node runs 110 pods by default, and a probe takes milliseconds. */
const MAX_CONCURRENT_PROBES = 32;
const STORIES = {
  maxPods: 1_000,
  maxEntries: 200,
  maxDeleted: 200,
  keepDeletedMs: 3_600_000,
} as const;
const EXPIRE_MS = 60_000;

/** A declared probe and how it fares with us. */
export interface ShadowedProbe {
  readonly declared: DeclaredProbe;
  /** Null for one that is not made by us. */
  readonly loop: ShadowLoop | null;
}

interface Session {
  readonly open: OpenHub;
  readonly lease: WatchLease<'pods'>;
  readonly unlisten: () => void;
  readonly expiry: NodeJS.Timeout;
}

/** Follows the node's pods: what happened to each, and what their own probes say when we make them. */
@Injectable()
export class PodProbes implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #hubs: KubeHubs;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #around: ShadowSurroundings;
  readonly #shadowCount: Gauge;
  readonly #left: Gauge;
  #config: CollectorConfig;
  #stories = new PodStories(STORIES);
  readonly #pods = new Map<string, Pod>();
  /** By pod, then by what they are. */
  readonly #loops = new Map<string, Map<string, ShadowLoop>>();
  #loopCount = 0;
  /** Probes that were not taken because there were too many, by pod. */
  readonly #leftOut = new Map<string, number>();
  #session: Session | null = null;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(METRIC_SINK) sink: MetricSink,
    hubs: KubeHubs,
    runner: ProbesRunner,
    reloads: ReloadService<CollectorConfig>,
    registry: Registry,
  ) {
    this.#config = config;
    this.#hubs = hubs;
    this.#reloads = reloads;
    const registers = [registry];
    this.#shadowCount = new Gauge({
      name: 'binnacle_collector_shadow_probes',
      help: 'Declared probes of pods that are made from here as well.',
      registers,
    });
    this.#left = new Gauge({
      name: 'binnacle_collector_shadow_probes_over_limit',
      help: 'Declared probes of pods that are not made from here because there are too many.',
      registers,
    });
    this.#around = {
      sink,
      metrics: runner.metrics,
      gate: new ConcurrencyGate(MAX_CONCURRENT_PROBES),
      spreadSeed: hostname(),
      // Some servers tell the kubelet's probes from visitors by the beginning.
      userAgent: `kube-probe/1.0 (${USER_AGENT})`,
      transports: () => runner.guardedTransports,
      viewOf: (uid, container) => {
        const pod = this.#pods.get(uid);
        return pod === undefined ? null : containerView(pod, container);
      },
      probed: (uid, probe, failure, isFinal) =>
        this.#stories.probed(uid, probe, { failure, isFinal }, Date.now()),
    };
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'pod probes',
      prepare: async (config) => async () => {
        const isSame = shown(config) === shown(this.#config);
        this.#config = config;
        if (isSame || this.#session === null) return;
        await this.#stop();
        this.#start();
      },
    });
  }

  onApplicationBootstrap(): void {
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#stop();
  }

  /** Stories of a namespace and a pod; '' for any. */
  stories(namespace: string, pod: string): readonly PodStory[] {
    return this.#stories.list(namespace, pod);
  }

  /** The declared probes of a pod that is there. */
  probesOf(pod: Pod): readonly ShadowedProbe[] {
    const loops = this.#loops.get(pod.metadata.uid);
    return declaredProbes(pod).map((declared) => ({
      declared,
      loop: loops?.get(keyOf(pod, declared)) ?? null,
    }));
  }

  #start(): void {
    const { cluster, probes, kubernetes } = this.#config;
    if (cluster.endpoint === null || shadowedPods(probes, kubernetes) === 'none') return;
    const open = this.#hubs.open(cluster.endpoint);
    const { nodeName } = cluster;
    const fieldSelector = nodeName === null ? '' : `spec.nodeName=${nodeName}`;
    const lease = open.hub.acquire('pods', { ...ALL_OBJECTS, fieldSelector });
    const unlisten = lease.cache.listen({
      put: (_key, pod) => this.#put(pod),
      remove: (_key, pod) => this.#remove(pod),
    });
    const expiry = setInterval(() => this.#stories.expire(Date.now()), EXPIRE_MS);
    this.#session = { open, lease, unlisten, expiry };
  }

  async #stop(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    session.unlisten();
    clearInterval(session.expiry);
    for (const loops of this.#loops.values()) for (const loop of loops.values()) loop.stop();
    this.#loops.clear();
    this.#loopCount = 0;
    this.#leftOut.clear();
    this.#pods.clear();
    this.#stories = new PodStories(STORIES);
    this.#count();
    await session.lease.release();
    await session.open.release();
  }

  #put(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#stories.put(pod, Date.now());
    this.#pods.set(uid, pod);
    this.#follow(pod);
    for (const loop of this.#loops.get(uid)?.values() ?? []) loop.podChanged();
  }

  #remove(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#stories.remove(pod, Date.now());
    this.#pods.delete(uid);
    this.#leftOut.delete(uid);
    const loops = this.#loops.get(uid);
    this.#loops.delete(uid);
    this.#loopCount -= loops?.size ?? 0;
    for (const loop of loops?.values() ?? []) loop.stop();
    this.#count();
  }

  /** Keeps the loops of a pod in line with what it declares and where it is. */
  #follow(pod: Pod): void {
    const { uid, namespace, name } = pod.metadata;
    const before = this.#loops.get(uid) ?? new Map<string, ShadowLoop>();
    const after = new Map<string, ShadowLoop>();
    let left = 0;
    const { maxProbes } = this.#config.probes.shadow;
    for (const declared of this.#isShadowed(pod) ? declaredProbes(pod) : []) {
      const { check } = declared;
      if (check.kind === 'impossible') continue;
      const key = keyOf(pod, declared);
      const known = before.get(key);
      if (known === undefined && this.#loopCount >= maxProbes) {
        left++;
        continue;
      }
      const place = { uid, namespace, name, ip: pod.status.podIP };
      if (known === undefined) this.#loopCount++;
      after.set(key, known ?? new ShadowLoop(place, declared, check, this.#around));
    }
    for (const [key, loop] of before) {
      if (after.has(key)) continue;
      loop.stop();
      this.#loopCount--;
    }
    for (const loop of after.values()) loop.start();
    if (after.size > 0) this.#loops.set(uid, after);
    else this.#loops.delete(uid);
    if (left > 0) this.#leftOut.set(uid, left);
    else this.#leftOut.delete(uid);
    this.#count();
  }

  #isShadowed({ metadata, status }: Pod): boolean {
    const mode = shadowedPods(this.#config.probes, this.#config.kubernetes);
    const asked = metadata.annotations.get(ANNOTATION);
    if (status.podIP === '' || status.phase === 'Succeeded' || status.phase === 'Failed')
      return false;
    return asked === 'true' || (mode === 'all' && asked !== 'false');
  }

  #count(): void {
    this.#shadowCount.set(this.#loopCount);
    let left = 0;
    for (const count of this.#leftOut.values()) left += count;
    this.#left.set(left);
  }
}

/** Equal as long as a probe is the same and goes to the same place. */
function keyOf({ status }: Pod, probe: DeclaredProbe): string {
  return JSON.stringify([status.podIP, probe]);
}

/** Equal as long as the same pods would be followed alike. */
function shown({ probes, cluster, kubernetes }: CollectorConfig): string {
  const mode = shadowedPods(probes, kubernetes);
  return configFingerprint([probes.shadow, mode, cluster.endpoint, cluster.nodeName]);
}
