import { type KubeObject, ObjectCache, type ObjectOf, RESOURCES } from '#libs/kube';
import {
  KUBE_CLIENT_DEFAULTS,
  KubeClient,
  type KubeEndpoint,
  ResourceWatcher,
  type Watchability,
  watchability,
} from '#libs/node-kube';
import { type AppLogger, USER_AGENT } from '#libs/platform';
import type { RuleObject } from '#libs/rules';
import type { RuleObjectsConfig } from './rule-objects-config.ts';

type RuleResource = 'configmaps' | 'prometheusrules';

/** Texts that are no rules are no harm, but only these are looked at. */
const RULE_KEY = /\.(ya?ml|json|rules)$/;

/** One resource in one namespace, or in all. */
interface Place {
  readonly resource: RuleResource;
  readonly namespace: string;
  state: Watchability;
  /** Why it could not be asked the last time, and what of that was told; empty for nothing. */
  lastError: string;
  toldError: string;
  watch: Watch | null;
}

interface Watch {
  // oxlint-disable-next-line typescript/no-explicit-any -- of whichever resource the place names
  readonly cache: ObjectCache<any>;
  readonly watcher: { stop(): Promise<void> };
  readonly unlisten: () => void;
}

export interface RuleObjectWatchOptions {
  readonly endpoint: KubeEndpoint;
  readonly config: RuleObjectsConfig;
  readonly baseDir: string;
  readonly logger: AppLogger;
  readonly onChange: () => void;
}

/** Watches ConfigMaps and, while their definition is there, PrometheusRule objects. */
export class RuleObjectWatch {
  readonly #options: RuleObjectWatchOptions;
  readonly #client: KubeClient;
  readonly #places: readonly Place[];
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #checking: Promise<void> = Promise.resolve();

  constructor(options: RuleObjectWatchOptions) {
    const { endpoint, baseDir, config } = options;
    this.#options = options;
    this.#client = new KubeClient({
      endpoint,
      baseDir,
      userAgent: USER_AGENT,
      nowMs: Date.now,
      ...KUBE_CLIENT_DEFAULTS,
    });
    const namespaces = config.namespaces.length === 0 ? [''] : config.namespaces;
    const resources: RuleResource[] = ['configmaps'];
    if (config.prometheus_rules) resources.push('prometheusrules');
    this.#places = resources.flatMap((resource) =>
      namespaces.map((namespace): Place => ({
        resource,
        namespace,
        state: 'unreachable',
        lastError: '',
        toldError: '',
        watch: null,
      })),
    );
  }

  get places(): readonly Pick<Place, 'resource' | 'namespace' | 'state'>[] {
    return this.#places;
  }

  /** Whether everything that can be read has been read once. */
  get isSynced(): boolean {
    return this.#places.every(({ state, watch }) =>
      watch === null ? state === 'absent' || state === 'forbidden' : watch.cache.isSynced,
    );
  }

  *objects(): Generator<{ readonly object: RuleObject; readonly version: string }> {
    for (const { resource, watch } of this.#places) {
      for (const object of watch?.cache.values() ?? []) {
        const { metadata }: KubeObject = object;
        const { uid, resourceVersion } = metadata;
        yield {
          object: resource === 'configmaps' ? ofConfigMap(object) : ofPrometheusRule(object),
          version: `${uid} ${resourceVersion}`,
        };
      }
    }
  }

  start(): void {
    const next = (): void => {
      this.#checking = this.#check();
      void this.#checking.then(() => {
        if (this.#abort.signal.aborted) return;
        this.#timer = setTimeout(next, this.#options.config.recheck_interval);
      });
    };
    next();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#checking;
    await Promise.all(this.#places.map((place) => this.#leave(place)));
    await this.#client.close();
  }

  async #check(): Promise<void> {
    for (const place of this.#places) {
      const { signal } = this.#abort;
      const resource = RESOURCES[place.resource];
      const state = await watchability(this.#client, resource, place.namespace, signal, (error) => {
        place.lastError = error.message;
      });
      if (signal.aborted) return;
      await this.#enter(place, state);
    }
  }

  async #enter(place: Place, state: Watchability): Promise<void> {
    const isNew = place.state !== state;
    // While nobody answers, what is known goes on; a watch tries by itself.
    if (state === 'unreachable' && place.watch !== null) return;
    place.state = state;
    const { logger, onChange } = this.#options;
    const { resource, namespace } = place;
    if (state === 'watchable') {
      if (place.watch !== null) return;
      place.toldError = '';
      place.watch = this.#follow(place);
      logger.info('rules are read from objects', { resource, namespace });
    } else {
      if (state === 'unreachable' && place.toldError !== place.lastError) {
        place.toldError = place.lastError;
        logger.warn('rules in objects cannot be read: the API server cannot be asked', {
          resource,
          namespace,
          error: place.lastError,
        });
      }
      if (!isNew) return;
      await this.#leave(place);
      if (state === 'forbidden') {
        const hint = 'the component rule-objects has the role';
        logger.warn('rules in objects cannot be read: the right is missing', {
          resource,
          namespace,
          hint,
        });
      }
    }
    onChange();
  }

  #follow({ resource: name, namespace }: Place): Watch {
    const { config, onChange, logger } = this.#options;
    const isConfigMap = name === 'configmaps';
    const cache = new ObjectCache<ObjectOf<RuleResource>>({ maxObjects: config.limits.objects });
    let isFailing = false;
    const watcher = new ResourceWatcher({
      client: this.#client,
      resource: RESOURCES[name],
      namespace,
      fieldSelector: '',
      labelSelector: isConfigMap ? config.config_map_selector : config.prometheus_rule_selector,
      cache,
      random: Math.random,
      nowMs: Date.now,
      observer: {
        listed: () => {},
        watched: () => {},
        event: () => {
          isFailing = false;
        },
        badObject: (error) => {
          logger.warn('an object with rules cannot be read', { error: error.message });
        },
        relisted: () => {},
        failed: (error) => {
          if (!isFailing) logger.warn('the API server does not answer', { error: error.message });
          isFailing = true;
        },
        synced: onChange,
      },
    });
    const unlisten = cache.listen({ put: onChange, remove: onChange });
    watcher.start();
    return { cache, watcher, unlisten };
  }

  async #leave(place: Place): Promise<void> {
    const { watch } = place;
    place.watch = null;
    watch?.unlisten();
    await watch?.watcher.stop();
  }
}

function ofConfigMap({ metadata, data }: ObjectOf<'configmaps'>): RuleObject {
  return {
    kind: 'ConfigMap',
    namespace: metadata.namespace,
    name: metadata.name,
    texts: [...data].filter(([key]) => RULE_KEY.test(key)),
  };
}

/** As a manifest, so that the fields that only an operator knows are known here as well. */
function ofPrometheusRule({ metadata, spec }: ObjectOf<'prometheusrules'>): RuleObject {
  const { namespace, name } = metadata;
  const text = JSON.stringify({ kind: 'PrometheusRule', metadata: { namespace, name }, spec });
  return { kind: 'PrometheusRule', namespace, name, texts: [['', text]] };
}
