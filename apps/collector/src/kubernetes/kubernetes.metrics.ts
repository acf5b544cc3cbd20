import { Counter, Gauge, type Registry } from 'prom-client';

/** What watching the API server did. */
export class KubernetesMetrics {
  readonly #requests: Counter;
  readonly #events: Counter;
  readonly #relists: Counter;
  readonly #badObjects: Counter;
  readonly #objects: Gauge;
  readonly #synced: Gauge;
  readonly #dropped: Gauge;
  readonly #stateSeries: Gauge;
  readonly #stateDropped: Gauge;
  readonly #leader: Gauge;
  readonly #leaseFailures: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
      new Counter({ name, help, labelNames, registers });
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
      new Gauge({ name, help, labelNames, registers });
    this.#requests = counter(
      'binnacle_kube_requests_total',
      'Lists and watches of the API server, by how they ended.',
      ['resource', 'verb', 'result'],
    );
    this.#events = counter('binnacle_kube_watch_events_total', 'Events that watches brought.', [
      'resource',
      'kind',
    ]);
    this.#relists = counter(
      'binnacle_kube_relists_total',
      'Lists made again because the version known was gone from the API server.',
      ['resource'],
    );
    this.#badObjects = counter(
      'binnacle_kube_bad_objects_total',
      'Objects left out because they could not be read.',
      ['resource'],
    );
    this.#objects = gauge('binnacle_kube_objects', 'Objects kept.', ['resource']);
    this.#synced = gauge('binnacle_kube_synced', 'Whether a whole list of a resource was read.', [
      'resource',
    ]);
    this.#dropped = gauge(
      'binnacle_kube_dropped_objects',
      'Objects not kept because there were too many of them, since the watch began.',
      ['resource'],
    );
    this.#stateSeries = gauge('binnacle_kube_state_series', "Series of the cluster's state.", [
      'part',
    ]);
    this.#stateDropped = gauge(
      'binnacle_kube_state_dropped_objects',
      'Objects without series because there were too many series.',
      ['part'],
    );
    this.#leader = gauge('binnacle_kube_leader', 'Whether this collector speaks for the cluster.');
    this.#leaseFailures = counter(
      'binnacle_kube_lease_failures_total',
      'Reads and writes of the lease that failed.',
    );
  }

  requested(resource: string, verb: 'list' | 'watch', result: string): void {
    this.#requests.inc({ resource, verb, result });
  }

  event(resource: string, kind: string): void {
    this.#events.inc({ resource, kind });
  }

  relisted(resource: string): void {
    this.#relists.inc({ resource });
  }

  badObject(resource: string): void {
    this.#badObjects.inc({ resource });
  }

  cache(
    resource: string,
    cache: { readonly size: number; readonly isSynced: boolean; readonly dropped: number },
  ): void {
    this.#objects.set({ resource }, cache.size);
    this.#synced.set({ resource }, cache.isSynced ? 1 : 0);
    this.#dropped.set({ resource }, cache.dropped);
  }

  forget(resource: string): void {
    for (const gauge of [this.#objects, this.#synced, this.#dropped]) gauge.remove({ resource });
  }

  state(
    part: string,
    state: { readonly seriesCount: number; readonly droppedObjects: number },
  ): void {
    this.#stateSeries.set({ part }, state.seriesCount);
    this.#stateDropped.set({ part }, state.droppedObjects);
  }

  leads(isLeader: boolean): void {
    this.#leader.set(isLeader ? 1 : 0);
  }

  leaseFailed(): void {
    this.#leaseFailures.inc();
  }
}
