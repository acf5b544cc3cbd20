import { type CustomObject, KubeObjectError, RESOURCES } from '#libs/kube';
import { type KubeEndpoint, KubeRequestError, watchability } from '#libs/node-kube';
import type { MonitorKind } from '#libs/operator-objects';
import type { AppLogger } from '#libs/platform';
import type { KubeHubs, OpenHub } from '../kubernetes/kube-hubs.ts';
import type { WatchLease } from '../kubernetes/resource-hub.ts';
import { type MonitorResource, MONITOR_RESOURCES } from './monitor-resources.ts';
import type { MonitorsConfig } from './monitors-config.ts';

/**
 * Why there are no objects of a kind, or that there may be: `absent` where their definition is not installed, `forbidden`
 * where the collector has no right to read them, `unreachable` before the API server has answered.
 */
export type KindState = 'unreachable' | 'absent' | 'forbidden' | 'watched';

interface Followed {
  readonly kind: MonitorKind;
  readonly resource: MonitorResource;
  state: KindState;
  lease: WatchLease<MonitorResource> | null;
  unlisten: () => void;
}

export interface MonitorWatchOptions {
  readonly endpoint: KubeEndpoint;
  readonly hubs: KubeHubs;
  readonly config: MonitorsConfig;
  readonly logger: AppLogger;
  /** Objects have come, changed or gone, or a kind has. */
  readonly onChange: () => void;
}

/**
 * Watches the kinds that the API server has at present. It asks again and again which those are: definitions come and go
 * while the collector runs, and a watch of what is not there would only be refused.
 */
export class MonitorWatch {
  readonly #options: MonitorWatchOptions;
  readonly #kinds: readonly Followed[];
  readonly #abort = new AbortController();
  #open: OpenHub | null = null;
  #timer: NodeJS.Timeout | null = null;
  #checking: Promise<void> = Promise.resolve();

  constructor(options: MonitorWatchOptions) {
    this.#options = options;
    this.#kinds = options.config.kinds.map((kind) => ({
      kind,
      resource: MONITOR_RESOURCES[kind],
      state: 'unreachable',
      lease: null,
      unlisten: () => {},
    }));
  }

  get states(): readonly { readonly kind: MonitorKind; readonly state: KindState }[] {
    return this.#kinds;
  }

  /** The objects of the configured namespaces. */
  *objects(): Generator<{ readonly kind: MonitorKind; readonly object: CustomObject }> {
    const { namespaces } = this.#options.config;
    for (const { kind, lease } of this.#kinds) {
      for (const object of lease?.cache.values() ?? []) {
        const isWanted = namespaces.length === 0 || namespaces.includes(object.metadata.namespace);
        if (isWanted) yield { kind, object };
      }
    }
  }

  start(): void {
    const { hubs, endpoint, config } = this.#options;
    this.#open = hubs.open(endpoint);
    const next = (): void => {
      this.#checking = this.#check();
      void this.#checking.then(() => {
        if (this.#abort.signal.aborted) return;
        // A little by chance, so that a thousand collectors do not ask in step.
        this.#timer = setTimeout(next, config.recheck_interval * (0.9 + 0.2 * Math.random()));
      });
    };
    next();
  }

  /** Stopping twice, or before starting, is harmless. */
  async stop(): Promise<void> {
    this.#abort.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#checking;
    await Promise.all(this.#kinds.map((followed) => this.#leave(followed)));
    await this.#open?.release();
    this.#open = null;
  }

  async #check(): Promise<void> {
    const served = new Map<string, readonly string[] | null>();
    for (const followed of this.#kinds) {
      const { api, plural } = RESOURCES[followed.resource];
      if (!served.has(api)) served.set(api, await this.#served(api));
      const names = served.get(api);
      if (this.#abort.signal.aborted) return;
      // Nothing is known now: what was known goes on.
      if (names === null || names === undefined) continue;
      if (!names.includes(plural)) await this.#enter(followed, 'absent');
      else if (followed.lease === null) {
        const { client } = this.#open!;
        const resource = RESOURCES[followed.resource];
        const answer = await watchability(client, resource, '', this.#abort.signal);
        await this.#enter(followed, answer === 'watchable' ? 'watched' : answer);
      }
    }
  }

  async #served(api: string): Promise<readonly string[] | null> {
    try {
      return await this.#open!.client.servedResources(api, this.#abort.signal);
    } catch (error) {
      const isExpected = error instanceof KubeRequestError || error instanceof KubeObjectError;
      if (!isExpected) throw error;
      return null;
    }
  }

  async #enter(followed: Followed, state: KindState): Promise<void> {
    if (this.#abort.signal.aborted || followed.state === state) return;
    const before = followed.state;
    const { logger, onChange } = this.#options;
    const { kind } = followed;
    followed.state = state;
    if (state === 'watched') {
      this.#follow(followed);
      logger.info('objects are read', { kind });
    } else {
      await this.#leave(followed);
      if (state === 'forbidden') {
        const hint = 'the component prometheus-crds has the role';
        logger.warn('objects cannot be read: the right is missing', { kind, hint });
      } else if (before === 'watched') {
        logger.info('objects are not read any more: their definition is gone', { kind });
      }
    }
    onChange();
  }

  #follow(followed: Followed): void {
    const { config, onChange } = this.#options;
    const selection = {
      namespace: '',
      fieldSelector: '',
      labelSelector: config.label_selector,
    };
    const lease = this.#open!.hub.acquire(followed.resource, selection);
    followed.lease = lease;
    followed.unlisten = lease.cache.listen({ put: onChange, remove: onChange });
  }

  async #leave(followed: Followed): Promise<void> {
    const { lease } = followed;
    followed.unlisten();
    followed.unlisten = () => {};
    followed.lease = null;
    await lease?.release();
  }
}
