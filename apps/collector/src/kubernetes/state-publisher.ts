import {
  ClusterState,
  type ObjectOf,
  RESOURCES,
  type StateOptions,
  type StateResource,
} from '#libs/kube';
import { Labels, METRIC_NAME } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import type { MetricSink } from '../outputs/metric-sink.ts';
import type { KubernetesMetrics } from './kubernetes.metrics.ts';
import type { ResourceHub, WatchLease, WatchSelection } from './resource-hub.ts';

/** One resource of which a publisher tells. */
export interface StateSource {
  readonly resource: StateResource;
  readonly selection: WatchSelection;
}

export interface StatePublisherOptions extends StateOptions {
  /** `node` for a node's own pods, `cluster` for everything one collector tells for all. */
  readonly part: 'node' | 'cluster';
  readonly job: string;
  readonly instance: string;
  readonly intervalMs: number;
  readonly maxSeries: number;
  readonly sources: readonly StateSource[];
  readonly hub: Pick<ResourceHub, 'acquire'>;
  readonly sink: MetricSink;
  readonly metrics: Pick<KubernetesMetrics, 'state'>;
}

/** How long changes are gathered: a node that fails takes a hundred pods with it, in a hundred events. */
const GATHER_MS = 20;

/** Tells the outputs of objects' state: changes at once, everything at each interval. */
export class StatePublisher {
  readonly #options: StatePublisherOptions;
  readonly #state: ClusterState;
  readonly #own: ReadonlyMap<'up' | 'total_shards' | 'shard_ordinal', Labels>;
  #leases: {
    readonly resource: StateResource;
    readonly lease: WatchLease<StateResource>;
    readonly unlisten: () => void;
  }[] = [];
  #interval: NodeJS.Timeout | null = null;
  #gathering: NodeJS.Timeout | null = null;

  constructor(options: StatePublisherOptions) {
    const { job, instance, allowedLabels, allowedAnnotations, hasOptIn, maxSeries } = options;
    this.#options = options;
    this.#state = new ClusterState({
      commonLabels: [
        ['job', job],
        ['instance', instance],
      ],
      allowedLabels,
      allowedAnnotations,
      hasOptIn,
      maxSeries,
    });
    const labels = (name: string, more: Readonly<Record<string, string>> = {}): Labels =>
      Labels.fromRecord({ [METRIC_NAME]: name, job, instance, ...more });
    // Rules about kube-state-metrics itself ask for these: one shard of one.
    this.#own = new Map([
      ['up', labels('up')],
      ['total_shards', labels('kube_state_metrics_total_shards')],
      ['shard_ordinal', labels('kube_state_metrics_shard_ordinal', { shard_ordinal: '0' })],
    ]);
  }

  /** Begins to watch and to tell. */
  start(): void {
    const { sources, hub, intervalMs } = this.#options;
    for (const { resource, selection } of sources) this.#follow(hub, resource, selection);
    this.#interval = setInterval(() => this.#tellAll(), intervalMs);
  }

  /**
   * Ends the watches.
   * @param isHandedOver somebody else goes on with the very same series: they are not ended
   */
  async stop(isHandedOver: boolean): Promise<void> {
    if (this.#interval !== null) clearInterval(this.#interval);
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    const leases = this.#leases;
    this.#leases = [];
    for (const { unlisten } of leases) unlisten();
    await Promise.all(leases.map(({ lease }) => lease.release()));
    if (!isHandedOver) this.#options.sink.push(this.#state.end(Date.now()));
    this.#options.metrics.state(this.#options.part, { seriesCount: 0, droppedObjects: 0 });
  }

  #follow(
    hub: StatePublisherOptions['hub'],
    resource: StateResource,
    selection: WatchSelection,
  ): void {
    const lease = hub.acquire(resource, selection);
    const unlisten = lease.cache.listen({
      put: (key, object: ObjectOf<StateResource>) => {
        this.#state.put(resource, key, object);
        this.#gather();
      },
      remove: (key) => {
        this.#state.remove(resource, key);
        this.#gather();
      },
    });
    this.#leases.push({ resource, lease, unlisten });
  }

  /** What kube-state-metrics counts of its lists and watches, summed by resource. */
  #addRequests(builder: SampleBatchBuilder, nowMs: number): void {
    const { job, instance } = this.#options;
    for (const { lease, resource } of this.#leases) {
      const { api, kind } = RESOURCES[resource];
      const shown = `*${api.slice(api.lastIndexOf('/') + 1)}.${kind}`;
      for (const verb of ['list', 'watch'] as const) {
        for (const result of ['success', 'error'] as const) {
          const name = `kube_state_metrics_${verb}_total`;
          const labels = { [METRIC_NAME]: name, job, instance, resource: shown, result };
          builder.addSeries(Labels.fromRecord(labels));
          builder.addSample(nowMs, lease.requests[verb][result]);
        }
      }
    }
  }

  #gather(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      this.#options.sink.push(this.#state.takeChanges(Date.now()), 'soon');
    }, GATHER_MS);
  }

  #tellAll(): void {
    const { sink, metrics, part } = this.#options;
    const nowMs = Date.now();
    // What is gathered at this moment goes along, and nothing would be left to hasten.
    const urgency = this.#state.hasChanges ? 'soon' : 'in-turn';
    sink.push(this.#state.takeAll(nowMs), urgency);
    const builder = new SampleBatchBuilder();
    const isUp = this.#leases.every(({ lease }) => lease.cache.isSynced);
    const values = { up: isUp ? 1 : 0, total_shards: 1, shard_ordinal: 0 };
    for (const [name, labels] of this.#own) {
      // Only one speaks of shards, or they would be counted twice.
      if (name !== 'up' && part === 'node') continue;
      builder.addSeries(labels);
      builder.addSample(nowMs, values[name]);
    }
    this.#addRequests(builder, nowMs);
    sink.push(builder.take());
    metrics.state(part, this.#state);
  }
}
