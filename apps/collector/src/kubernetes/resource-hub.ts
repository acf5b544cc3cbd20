import {
  type KubeObject,
  type KubeResource,
  ObjectCache,
  type ObjectOf,
  type ObjectSink,
  type ResourceName,
  RESOURCES,
} from '#libs/kube';
import { type KubeClient, ResourceWatcher } from '#libs/node-kube';
import type { AppLogger } from '#libs/platform';
import type { KubernetesMetrics } from './kubernetes.metrics.ts';

/** More objects of one resource than any cluster has. */
const MAX_OBJECTS = 500_000;

/** What of a resource is watched; two that are equal share one watch. */
export interface WatchSelection {
  /** '' for all namespaces. */
  readonly namespace: string;
  readonly fieldSelector: string;
  readonly labelSelector: string;
}

/** Everything of a resource. */
export const ALL_OBJECTS: WatchSelection = { namespace: '', fieldSelector: '', labelSelector: '' };

/** Takes what a watch brings, and says how much of it there is. */
export type WatchSink<T extends KubeObject> = ObjectSink<T> &
  Pick<ObjectCache<T>, 'size' | 'isSynced' | 'dropped'>;

/** How the requests of a watch have ended, since it began. */
type RequestCounts = Record<'list' | 'watch', Record<'success' | 'error', number>>;

/** A use of a watched cache, to be given back. */
export interface WatchLease<N extends ResourceName> {
  readonly cache: ObjectCache<ObjectOf<N>>;
  readonly requests: Readonly<RequestCounts>;
  release(): Promise<void>;
}

/** A watch of one's own. */
export interface Following {
  /** Up to where the sink has been told, '' before the first list is complete. */
  readonly resourceVersion: string;
  /** Stopping twice is harmless. */
  stop(): Promise<void>;
}

interface Watching {
  readonly watcher: ResourceWatcher<KubeObject>;
  readonly requests: RequestCounts;
  readonly stop: () => Promise<void>;
}

interface Watched extends Watching {
  // oxlint-disable-next-line typescript/no-explicit-any -- of whichever resource the key names
  readonly cache: ObjectCache<any>;
  users: number;
}

/** The watches of one API server: whoever wants the same objects shares a watch and its cache. */
export class ResourceHub {
  readonly #client: KubeClient;
  readonly #metrics: KubernetesMetrics;
  readonly #logger: AppLogger;
  readonly #watched = new Map<string, Watched>();
  readonly #followers = new Set<() => Promise<void>>();

  constructor(client: KubeClient, metrics: KubernetesMetrics, logger: AppLogger) {
    this.#client = client;
    this.#metrics = metrics;
    this.#logger = logger;
  }

  /** A cache of the selected objects, kept in line until the last of its users has released it. */
  acquire<N extends ResourceName>(name: N, selection: WatchSelection): WatchLease<N> {
    const key = JSON.stringify([name, selection]);
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      const cache = new ObjectCache<KubeObject>({ maxObjects: MAX_OBJECTS });
      watched = { ...this.#watch(name, selection, cache), cache, users: 0 };
      this.#watched.set(key, watched);
    }
    const shared = watched;
    shared.users++;
    let isReleased = false;
    return {
      cache: shared.cache,
      requests: shared.requests,
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        if (--shared.users > 0) return;
        this.#watched.delete(key);
        await shared.stop();
      },
    };
  }

  /**
   * A watch of one's own, for somebody who keeps no objects.
   * @param resumeFrom where somebody else has stopped, '' to begin with what there is
   */
  follow<N extends ResourceName>(
    name: N,
    selection: WatchSelection,
    sink: WatchSink<ObjectOf<N>>,
    resumeFrom: string,
  ): Following {
    const { stop, watcher } = this.#watch(name, selection, sink, resumeFrom);
    this.#followers.add(stop);
    return {
      get resourceVersion() {
        return watcher.resourceVersion;
      },
      stop: async () => {
        if (this.#followers.delete(stop)) await stop();
      },
    };
  }

  /** Ends all watches. */
  async close(): Promise<void> {
    const all = [...[...this.#watched.values()].map(({ stop }) => stop), ...this.#followers];
    this.#watched.clear();
    this.#followers.clear();
    await Promise.all(all.map((stop) => stop()));
  }

  #watch(
    name: ResourceName,
    selection: WatchSelection,
    // oxlint-disable-next-line typescript/no-explicit-any -- of whichever resource is named
    cache: WatchSink<any>,
    resumeFrom = '',
  ): Watching {
    const resource: KubeResource = RESOURCES[name];
    const label = labelOf(name, selection);
    const metrics = this.#metrics;
    const logger = this.#logger.with({ resource: label });
    const requests: RequestCounts = {
      list: { success: 0, error: 0 },
      watch: { success: 0, error: 0 },
    };
    let isFailing = false;
    const works = (): void => {
      metrics.cache(label, cache);
      if (isFailing) logger.info('the API server answers again');
      isFailing = false;
    };
    const watcher = new ResourceWatcher({
      client: this.#client,
      resource,
      ...selection,
      resumeFrom,
      cache,
      random: Math.random,
      nowMs: Date.now,
      observer: {
        listed: (result) => {
          requests.list[result]++;
          metrics.requested(label, 'list', result);
        },
        watched: (result) => {
          requests.watch[result]++;
          metrics.requested(label, 'watch', result);
        },
        event: (kind) => {
          metrics.event(label, kind);
          works();
        },
        badObject: (error) => {
          metrics.badObject(label);
          logger.debug('an object was left out', { error: error.message });
        },
        relisted: () => metrics.relisted(label),
        failed: (error) => {
          if (!isFailing) logger.warn('the API server does not answer', { error: error.message });
          isFailing = true;
        },
        synced: works,
      },
    });
    metrics.cache(label, cache);
    watcher.start();
    return {
      watcher,
      requests,
      stop: async () => {
        await watcher.stop();
        metrics.forget(label);
      },
    };
  }
}

function labelOf(
  name: string,
  { namespace, fieldSelector, labelSelector }: WatchSelection,
): string {
  const parts = [namespace, fieldSelector, labelSelector].filter((part) => part !== '');
  return parts.length === 0 ? name : `${name}{${parts.join(',')}}`;
}
