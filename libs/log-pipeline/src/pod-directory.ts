import type { CacheListener, Pod } from '#libs/kube';
import type { PodLogPath } from './pod-log-path.ts';
import { workloadOf } from './workload.ts';

/** What is known of a pod. A change of the pod makes a new object. */
export interface PodMetadata {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty until it has one. */
  readonly node: string;
  readonly workload: string;
  readonly workloadKind: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** Who sends, as far as the connection and the sender itself tell. */
export interface SenderClaim {
  /** Where the connection comes from. */
  readonly address: string;
  /** The pod it says it is; empty where it says nothing. */
  readonly podUid: string;
  /** Whether it may speak for other pods. */
  readonly isForwarder: boolean;
}

export interface SenderPod {
  readonly pod: PodMetadata | null;
  /** Whether it has named another pod than it may, so that its word does not count. */
  readonly isContradicted: boolean;
}

export interface PodDirectoryOptions {
  /** How long the metadata of a deleted pod is kept, for lines that are still to be read. */
  readonly keepMs: number;
  /** Most deleted pods that are kept; the longest deleted go first. Default 10,000. */
  readonly maxDeleted?: number;
  readonly nowMs: () => number;
}

/** The API server shows a static pod under a UID of its own; this annotation has that of its log files. */
const CONFIG_HASH = 'kubernetes.io/config.hash';
const MAX_DELETED = 10_000;

interface Entry {
  readonly pod: PodMetadata;
  /** Everything it is found by. */
  readonly keys: readonly string[];
  /** Whether it has, or had, an address that it shares with nobody. */
  readonly hasOwnAddress: boolean;
}

/**
 * The pods that log files belong to: listens to the cache of a watch, and remembers pods for some time after they are
 * gone, since their last lines are often read later.
 */
export class PodDirectory implements CacheListener<Pod> {
  readonly #keepMs: number;
  readonly #maxDeleted: number;
  readonly #nowMs: () => number;
  readonly #found = new Map<string, PodMetadata>();
  /** By UID. */
  readonly #entries = new Map<string, Entry>();
  /** UIDs of deleted pods and when they went, the longest gone first. */
  readonly #deleted = new Map<string, number>();

  constructor(options: PodDirectoryOptions) {
    this.#keepMs = options.keepMs;
    this.#maxDeleted = options.maxDeleted ?? MAX_DELETED;
    this.#nowMs = options.nowMs;
  }

  /** Pods that are known, deleted ones included. */
  get size(): number {
    return this.#entries.size;
  }

  put(_key: string, pod: Pod): void {
    this.#sweep();
    const { metadata, spec, status } = pod;
    if (metadata.uid === '') return;
    this.#forget(metadata.uid);
    const workload = workloadOf(pod);
    const known: PodMetadata = {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      node: spec.nodeName,
      workload: workload.name,
      workloadKind: workload.kind,
      labels: metadata.labels,
      annotations: metadata.annotations,
    };
    const keys = [uidKey(metadata.uid), nameKey(metadata.namespace, metadata.name)];
    const hash = metadata.annotations.get(CONFIG_HASH);
    if (hash !== undefined) keys.push(uidKey(hash));
    for (const { containerID } of [...status.containerStatuses, ...status.initContainerStatuses]) {
      const id = containerID.slice(containerID.lastIndexOf('/') + 1);
      if (id !== '') keys.push(containerKey(id));
    }
    const hasEnded = status.phase === 'Succeeded' || status.phase === 'Failed';
    if (!spec.hostNetwork && !hasEnded) {
      for (const { ip } of status.podIPs) keys.push(addressKey(ip));
    }
    const hasOwnAddress = !spec.hostNetwork && status.podIPs.length > 0;
    this.#entries.set(metadata.uid, { pod: known, keys, hasOwnAddress });
    for (const key of keys) this.#found.set(key, known);
  }

  remove(_key: string, { metadata }: Pod): void {
    const entry = this.#entries.get(metadata.uid);
    if (entry !== undefined) {
      this.#deleted.set(metadata.uid, this.#nowMs());
      // Its addresses are given to others.
      for (const key of entry.keys) {
        const isOwn = key.startsWith(ADDRESS_PREFIX) && this.#found.get(key) === entry.pod;
        if (isOwn) this.#found.delete(key);
      }
    }
    this.#sweep();
  }

  /**
   * The pod of a sender. A running pod that has the address to itself is the sender, whatever it says. Where the address is
   * no such pod's, a UID is believed of pods that have no address to themselves either: they share that of their node, or do
   * not have one yet.
   */
  findSender({ address, podUid, isForwarder }: SenderClaim): SenderPod {
    const here = this.#found.get(addressKey(address)) ?? null;
    if (podUid === '') return { pod: here, isContradicted: false };
    const named = this.#found.get(uidKey(podUid)) ?? null;
    const hasNoAddress = named !== null && this.#entries.get(named.uid)?.hasOwnAddress === false;
    const isBelieved = isForwarder || named === here || (here === null && hasNoAddress);
    return isBelieved ? { pod: named, isContradicted: false } : { pod: here, isContradicted: true };
  }

  /**
   * The pod a log file belongs to, or null. One that was made anew under the same name is another pod, as far as the path
   * tells.
   */
  find({ podUid, containerId, namespace, pod }: PodLogPath): PodMetadata | null {
    const byPod = podUid === '' ? undefined : this.#found.get(uidKey(podUid));
    if (byPod !== undefined) return byPod;
    const byContainer = containerId === '' ? undefined : this.#found.get(containerKey(containerId));
    if (byContainer !== undefined) return byContainer;
    if (podUid !== '' || pod === '') return null;
    return this.#found.get(nameKey(namespace, pod)) ?? null;
  }

  #sweep(): void {
    const before = this.#nowMs() - this.#keepMs;
    for (const [uid, sinceMs] of this.#deleted) {
      if (sinceMs > before && this.#deleted.size <= this.#maxDeleted) return;
      this.#forget(uid);
    }
  }

  #forget(uid: string): void {
    this.#deleted.delete(uid);
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    for (const key of entry.keys) {
      if (this.#found.get(key) === entry.pod) this.#found.delete(key);
    }
  }
}

function uidKey(uid: string): string {
  return `uid ${uid}`;
}

function nameKey(namespace: string, name: string): string {
  return `name ${namespace}/${name}`;
}

const ADDRESS_PREFIX = 'address ';

function addressKey(address: string): string {
  return ADDRESS_PREFIX + address;
}

function containerKey(id: string): string {
  return `container ${id}`;
}
