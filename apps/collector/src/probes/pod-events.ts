import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import {
  eventEntries,
  type KubeEvent,
  KubeObjectError,
  type PodStory,
  RESOURCES,
  type StoryEntry,
} from '#libs/kube';
import { KubeRequestError } from '#libs/node-kube';
import { ReloadService } from '#libs/platform';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { KubeHubs } from '../kubernetes/kube-hubs.ts';
import { ConcurrencyGate } from '../scrape/concurrency-gate.ts';

/** More than the API server keeps of one pod: it counts those that repeat. */
const MAX_EVENTS = 200;
const TIMEOUT_MS = 3_000;
/** Whoever looks again and again shall not cost the API server a list each time. */
const KEEP_MS = 5_000;
const MAX_KEPT = 100;
const MAX_CONCURRENT = 4;

/** Under which the kubelet knows a static pod. */
const MIRROR = 'kubernetes.io/config.mirror';

/** The events about one pod, or why there are none to be had. */
export interface EventsOfPod {
  readonly entries: readonly StoryEntry[];
  readonly error: string | null;
}

interface Kept {
  readonly atMs: number;
  readonly events: Promise<readonly KubeEvent[]>;
}

/**
 * Asks the API server for the events about a pod when somebody wants to know them: a node's collector watches none, since
 * they cannot be selected by node.
 */
@Injectable()
export class PodEvents implements OnModuleInit {
  readonly #hubs: KubeHubs;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #gate = new ConcurrencyGate(MAX_CONCURRENT);
  readonly #kept = new Map<string, Kept>();
  #config: CollectorConfig;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    hubs: KubeHubs,
    reloads: ReloadService<CollectorConfig>,
  ) {
    this.#config = config;
    this.#hubs = hubs;
    this.#reloads = reloads;
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'events of pods',
      prepare: async (config) => () => {
        this.#config = config;
        this.#kept.clear();
      },
    });
  }

  async of(story: PodStory): Promise<EventsOfPod> {
    const { kubernetes, cluster } = this.#config;
    if (cluster.endpoint === null || !kubernetes.events.enabled)
      return { entries: [], error: null };
    try {
      const events = await this.#recent(story);
      const mirrorOf = story.pod?.metadata.annotations.get(MIRROR) ?? '';
      return { entries: eventEntries(events, { uid: story.uid, mirrorOf }), error: null };
    } catch (error) {
      if (error instanceof KubeRequestError || error instanceof KubeObjectError) {
        return { entries: [], error: error.message };
      }
      throw error;
    }
  }

  #recent({ namespace, name }: PodStory): Promise<readonly KubeEvent[]> {
    const key = `${namespace}/${name}`;
    const nowMs = Date.now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMs - kept.atMs < KEEP_MS) return kept.events;
    const events = this.#gate.run(() => this.#list(namespace, name));
    this.#kept.delete(key);
    this.#kept.set(key, { atMs: nowMs, events });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest!);
    return events;
  }

  async #list(namespace: string, name: string): Promise<readonly KubeEvent[]> {
    const { api, plural, decode } = RESOURCES.events;
    const open = this.#hubs.open(this.#config.cluster.endpoint!);
    try {
      const events: KubeEvent[] = [];
      await open.client.list(
        {
          path: `${api}/namespaces/${encodeURIComponent(namespace)}/${plural}`,
          fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${name}`,
          labelSelector: '',
        },
        { limit: MAX_EVENTS, continueToken: '', resourceVersion: '' },
        (item) => events.push(decode(item)),
        AbortSignal.timeout(TIMEOUT_MS),
      );
      return events;
    } finally {
      await open.release();
    }
  }
}
