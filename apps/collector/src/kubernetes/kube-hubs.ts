import { dirname, resolve } from 'node:path';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { KUBE_CLIENT_DEFAULTS, KubeClient, type KubeEndpoint } from '#libs/node-kube';
import { AppLogger, RUN_OPTIONS, type RunOptions, USER_AGENT } from '#libs/platform';
import { Registry } from 'prom-client';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { KubernetesMetrics } from './kubernetes.metrics.ts';
import { ResourceHub } from './resource-hub.ts';

/** A use of an API server, to be given back. */
export interface OpenHub {
  readonly client: KubeClient;
  readonly hub: ResourceHub;
  release(): Promise<void>;
}

interface Entry {
  readonly client: KubeClient;
  readonly hub: ResourceHub;
  users: number;
}

/** One client and one set of watches for each API server, whoever speaks to it. */
@Injectable()
export class KubeHubs implements OnApplicationShutdown {
  readonly metrics: KubernetesMetrics;
  readonly #logger: AppLogger;
  readonly #baseDir: string;
  readonly #entries = new Map<string, Entry>();

  constructor(
    @Inject(RUN_OPTIONS) { configFile }: RunOptions,
    registry: Registry,
    logger: AppLogger,
  ) {
    this.metrics = new KubernetesMetrics(registry);
    this.#logger = logger;
    this.#baseDir = configFile === null ? process.cwd() : dirname(resolve(configFile));
  }

  open(endpoint: KubeEndpoint): OpenHub {
    const key = configFingerprint(endpoint);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const client = new KubeClient({
        endpoint,
        baseDir: this.#baseDir,
        userAgent: USER_AGENT,
        nowMs: Date.now,
        ...KUBE_CLIENT_DEFAULTS,
      });
      entry = { client, hub: new ResourceHub(client, this.metrics, this.#logger), users: 0 };
      this.#entries.set(key, entry);
    }
    const shared = entry;
    shared.users++;
    let isReleased = false;
    return {
      client: shared.client,
      hub: shared.hub,
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        if (--shared.users > 0) return;
        this.#entries.delete(key);
        await close(shared);
      },
    };
  }

  async onApplicationShutdown(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(close));
  }
}

async function close({ hub, client }: Entry): Promise<void> {
  await hub.close();
  await client.close();
}
