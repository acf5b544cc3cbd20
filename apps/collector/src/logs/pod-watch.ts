import {
  type PodFinder,
  PodDirectory,
  type PodLogPath,
  type PodMetadata,
  type SenderClaim,
  type SenderPod,
} from '#libs/log-pipeline';
import type { KubernetesSurroundings } from '../kubernetes/kubernetes-config.ts';
import { KubeHubs, type OpenHub } from '../kubernetes/kube-hubs.ts';
import { ALL_OBJECTS, type WatchLease } from '../kubernetes/resource-hub.ts';

interface Watch {
  readonly open: OpenHub;
  readonly lease: WatchLease<'pods'>;
  readonly stopListening: () => void;
  readonly directory: PodDirectory;
}

/** The pods of the node, from the watch that the rest of the collector shares; watched from the first question on. */
export class PodWatch implements PodFinder {
  readonly #hubs: KubeHubs;
  readonly #around: KubernetesSurroundings;
  readonly #keepMs: number;
  #watch: Watch | null = null;
  #isClosed = false;

  /** @param keepMs how long a deleted pod is remembered */
  constructor(hubs: KubeHubs, around: KubernetesSurroundings, keepMs: number) {
    this.#hubs = hubs;
    this.#around = around;
    this.#keepMs = keepMs;
  }

  find(path: PodLogPath): PodMetadata | null {
    return this.#directory()?.find(path) ?? null;
  }

  /** Watches from now on, for those who cannot wait when they ask. */
  watch(): void {
    this.#directory();
  }

  findSender(claim: SenderClaim): SenderPod {
    return this.#directory()?.findSender(claim) ?? { pod: null, isContradicted: false };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const watch = this.#watch;
    this.#watch = null;
    if (watch === null) return;
    watch.stopListening();
    await watch.lease.release();
    await watch.open.release();
  }

  #directory(): PodDirectory | null {
    if (this.#isClosed) return null;
    this.#watch ??= this.#begin();
    return this.#watch?.directory ?? null;
  }

  #begin(): Watch | null {
    const { endpoint, nodeName } = this.#around;
    if (endpoint === null) return null;
    const open = this.#hubs.open(endpoint);
    const fieldSelector = nodeName === null ? '' : `spec.nodeName=${nodeName}`;
    const lease = open.hub.acquire('pods', { ...ALL_OBJECTS, fieldSelector });
    const directory = new PodDirectory({ keepMs: this.#keepMs, nowMs: Date.now });
    return { open, lease, directory, stopListening: lease.cache.listen(directory) };
  }
}
