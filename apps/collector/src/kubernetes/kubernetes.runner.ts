import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { DiscoveryConfig } from '#libs/discovery';
import { AppLogger, ReloadService } from '#libs/platform';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import { ClusterElection } from './cluster-election.ts';
import type { KubernetesConfig, KubernetesSurroundings } from './kubernetes-config.ts';
import { type DiscoveringProbes, needsLease } from './api-access.ts';
import { KubeHubs, type OpenHub } from './kube-hubs.ts';
import { Leadership } from './leadership.ts';
import { ALL_OBJECTS, type ResourceHub } from './resource-hub.ts';
import { StatePublisher, type StateSource } from './state-publisher.ts';

/** What instance stands for the whole cluster: the same whoever speaks for it, so that its series go on. */
const CLUSTER_INSTANCE = 'kube-state-metrics';

/** Everything that depends on one configuration of the section. */
interface Session {
  readonly open: OpenHub;
  readonly node: StatePublisher | null;
  cluster: StatePublisher | null;
  election: ClusterElection | null;
  isOver: boolean;
}

/**
 * Tells of the cluster's state: of the own node's pods always, of everything else while this collector is the one elected
 * for it.
 */
@Injectable()
export class KubernetesRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #sink: MetricSink;
  readonly #logger: AppLogger;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #hubs: KubeHubs;
  readonly #leadership: Leadership;
  readonly #identity = `${hostname()}_${randomUUID()}`;
  #config: KubernetesConfig;
  #around: KubernetesSurroundings;
  #discovery: readonly DiscoveryConfig[] | null;
  #probes: DiscoveringProbes;
  #session: Session | null = null;
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(METRIC_SINK) sink: MetricSink,
    hubs: KubeHubs,
    leadership: Leadership,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
  ) {
    this.#config = config.kubernetes;
    this.#around = config.cluster;
    this.#discovery = discoveryOf(config);
    this.#probes = config.probes;
    this.#sink = sink;
    this.#logger = logger;
    this.#reloads = reloads;
    this.#hubs = hubs;
    this.#leadership = leadership;
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'kubernetes',
      prepare: async (config) => () => this.#apply(config),
      watchedFiles: () => this.#around.files,
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    // The pods are what they are while this collector is away: their series are not ended, nor are the cluster's.
    await this.#stop(true);
  }

  async #apply(config: CollectorConfig): Promise<void> {
    const { kubernetes, cluster } = config;
    const discovery = discoveryOf(config);
    const isSame =
      fingerprint(kubernetes, cluster) === fingerprint(this.#config, this.#around) &&
      needsLease(kubernetes, discovery, config.probes) ===
        needsLease(this.#config, this.#discovery, this.#probes);
    this.#discovery = discovery;
    this.#probes = config.probes;
    if (isSame) return;
    if (this.#isRunning) await this.#stop(false);
    this.#config = kubernetes;
    this.#around = cluster;
    if (this.#isRunning) this.#start();
  }

  #start(): void {
    const { endpoint, nodeName } = this.#around;
    if (endpoint === null) return;
    const open = this.#hubs.open(endpoint);
    const { enabled: tellsState, resources } = this.#config.state;
    const hasOwnPods = tellsState && nodeName !== null && resources.includes('pods');
    const session: Session = {
      open,
      node: hasOwnPods ? this.#publisher(open.hub, 'node', nodeName) : null,
      cluster: null,
      election: null,
      isOver: false,
    };
    this.#session = session;
    session.node?.start();
    if (needsLease(this.#config, this.#discovery, this.#probes)) {
      session.election = this.#election(session);
      session.election.start();
    }
    this.#logger.info('the API server is watched', { url: endpoint.url, node: nodeName });
  }

  async #stop(isHandedOver: boolean): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    session.isOver = true;
    await session.node?.stop(isHandedOver);
    await session.cluster?.stop(isHandedOver);
    // The lease is given back with how far everything has come.
    if (session.election !== null) await this.#leadership.finish();
    await session.election?.stop();
    this.#leadership.set(false);
    await session.open.release();
  }

  #election(session: Session): ClusterElection {
    const { lease } = this.#config;
    return new ClusterElection({
      client: session.open.client,
      metrics: this.#hubs.metrics,
      logger: this.#logger,
      identity: this.#identity,
      namespace: this.#around.namespace,
      name: lease.name,
      leaseDurationMs: lease.duration,
      retryMs: lease.retry,
      position: () => this.#leadership.position,
      onChange: (...change) => this.#lead(session, ...change),
    });
  }

  #lead(session: Session, leads: boolean, predecessorMs: number, handedOver: string): void {
    if (session.isOver) return;
    const previous = session.cluster;
    session.cluster = null;
    // Whoever leads now goes on with the same series.
    if (previous !== null) void previous.stop(true);
    this.#leadership.set(leads, predecessorMs, handedOver);
    if (!leads || !this.#config.state.enabled) return;
    session.cluster = this.#publisher(session.open.hub, 'cluster', CLUSTER_INSTANCE);
    session.cluster.start();
  }

  #publisher(hub: ResourceHub, part: 'node' | 'cluster', instance: string): StatePublisher {
    const { state } = this.#config;
    return new StatePublisher({
      part,
      instance,
      job: state.job,
      intervalMs: state.interval,
      maxSeries: state.max_series,
      allowedLabels: state.labels,
      allowedAnnotations: state.annotations,
      hasOptIn: state.opt_in_metrics,
      sources: this.#sources(part),
      hub,
      sink: this.#sink,
      metrics: this.#hubs.metrics,
    });
  }

  #sources(part: 'node' | 'cluster'): StateSource[] {
    const { nodeName } = this.#around;
    const pods = { ...ALL_OBJECTS, fieldSelector: `spec.nodeName=${nodeName ?? ''}` };
    if (part === 'node') return [{ resource: 'pods', selection: pods }];
    // Where each node's collector tells of its own pods, those without a node are left.
    const others = { ...ALL_OBJECTS, fieldSelector: 'spec.nodeName=' };
    return this.#config.state.resources.map((resource) => ({
      resource,
      selection: resource === 'pods' && nodeName !== null ? others : ALL_OBJECTS,
    }));
  }
}

/** Of what is done here: kubelet and events have runners of their own. */
function fingerprint(config: KubernetesConfig, around: KubernetesSurroundings): string {
  const { labels, annotations } = config.state;
  const { kubelet: _config, monitors: _others, events: _events, ...own } = config;
  const { kubelet: _kubelet, ...ownAround } = around;
  return JSON.stringify([own, ownAround, [...labels], [...annotations]]);
}

/** The `…_sd_configs` of all jobs, null where there are no jobs. */
function discoveryOf({ scrape }: CollectorConfig): readonly DiscoveryConfig[] | null {
  return scrape.jobs?.flatMap(({ config }) => config.discovery) ?? null;
}
