import type { KubernetesDiscovery, KubernetesRole, TargetGroup } from '#libs/discovery';
import {
  discoveredResources,
  type KubeObject,
  kubernetesTargets,
  type KubernetesSurroundings,
  type ObjectOf,
  objectKey,
  ROLE_RESOURCES,
  type ResourceName,
} from '#libs/kube';
import type { Labels } from '#libs/labels';
import type { KubeEndpoint } from '#libs/node-kube';
import type { KubeHubs, OpenHub } from '../kubernetes/kube-hubs.ts';
import type { Leadership } from '../kubernetes/leadership.ts';
import type { WatchLease } from '../kubernetes/resource-hub.ts';
import type { TargetProvider } from './target-provider.ts';

export interface KubernetesTargetsOptions {
  readonly config: KubernetesDiscovery;
  readonly endpoint: KubeEndpoint;
  readonly hubs: KubeHubs;
  readonly leadership: Leadership;
  /** Null where this collector is the only one, or the targets are another cluster's. */
  readonly nodeName: string | null;
  /** Where one collector of many takes what belongs to no node. */
  readonly isShared: boolean;
  readonly ownNamespace: string;
}

/** How long changes are gathered before targets are built anew. */
const GATHER_MS = 1_000;

/** Where an endpoint's node stands. */
const NODE_LABELS = [
  '__meta_kubernetes_endpointslice_endpoint_node_name',
  '__meta_kubernetes_endpoint_node_name',
  '__meta_kubernetes_pod_node_name',
];

/**
 * Targets from the API server's objects. On a node they are that node's: its pods, itself, the endpoints that run on it;
 * what belongs to no node is the elected collector's.
 */
export class KubernetesTargets implements TargetProvider {
  readonly #options: KubernetesTargetsOptions;
  /** By the role's object; null for one that has to be looked at again. */
  readonly #groups = new Map<string, TargetGroup | null>();
  readonly #primary: WatchLease<ResourceName>[] = [];
  readonly #around = new Map<ResourceName, WatchLease<ResourceName>[]>();
  readonly #unlisten: (() => void)[] = [];
  #open: OpenHub | null = null;
  #timer: NodeJS.Timeout | null = null;
  #tell: (groups: readonly TargetGroup[]) => void = () => {};

  constructor(options: KubernetesTargetsOptions) {
    this.#options = options;
  }

  start(tell: (groups: readonly TargetGroup[]) => void): void {
    const { hubs, endpoint, config, leadership } = this.#options;
    this.#tell = tell;
    this.#open = hubs.open(endpoint);
    const [own, ...further] = discoveredResources(config);
    // What says more about objects is asked for first, so that they are rarely looked at twice.
    for (const name of further) this.#follow(name, null);
    this.#follow(own!, config.role);
    this.#unlisten.push(leadership.listen(() => this.#gather()));
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#tell = () => {};
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    const leases = [...this.#primary.splice(0), ...[...this.#around.values()].flat()];
    this.#around.clear();
    await Promise.all(leases.map((lease) => lease.release()));
    await this.#open?.release();
    this.#open = null;
  }

  /** @param role null for a resource that only says more about others */
  #follow(name: ResourceName, role: KubernetesRole | null): void {
    const { config, ownNamespace, nodeName } = this.#options;
    const own = config.includesOwnNamespace ? [ownNamespace] : [];
    const isClusterWide = name === 'nodes' || name === 'namespaces';
    const named = [...new Set([...config.namespaces, ...own])];
    const namespaces = isClusterWide || named.length === 0 ? [''] : named;
    const selector = config.selectors.find((entry) => ROLE_RESOURCES[entry.role] === name);
    const fields = selector === undefined || selector.field === '' ? [] : [selector.field];
    if (nodeName !== null && name === 'pods') fields.unshift(`spec.nodeName=${nodeName}`);
    if (nodeName !== null && name === 'nodes') fields.unshift(`metadata.name=${nodeName}`);
    const fieldSelector = fields.join(',');
    for (const namespace of namespaces) {
      const selection = { namespace, fieldSelector, labelSelector: selector?.label ?? '' };
      const lease = this.#open!.hub.acquire(name, selection);
      if (role === null) this.#around.set(name, [...(this.#around.get(name) ?? []), lease]);
      else this.#primary.push(lease);
      const changed = role === null ? () => this.#lookAgain() : (key: string) => this.#mark(key);
      const remove = role === null ? changed : (key: string) => this.#forget(key);
      this.#unlisten.push(lease.cache.listen({ put: changed, remove }));
    }
  }

  #mark(key: string): void {
    this.#groups.set(key, null);
    this.#gather();
  }

  #forget(key: string): void {
    this.#groups.delete(key);
    this.#gather();
  }

  #lookAgain(): void {
    for (const key of this.#groups.keys()) this.#groups.set(key, null);
    this.#gather();
  }

  #gather(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#tell(this.#build());
    }, GATHER_MS);
  }

  #build(): TargetGroup[] {
    const { config } = this.#options;
    const around = this.#surroundings();
    const groups: TargetGroup[] = [];
    for (const { cache } of this.#primary) {
      for (const object of cache.values()) {
        const key = objectKey(object);
        const group = this.#groups.get(key) ?? kubernetesTargets(config.role, object, around);
        this.#groups.set(key, group);
        const own = this.#own(group);
        if (own.targets.length > 0) groups.push(own);
      }
    }
    return groups;
  }

  #surroundings(): KubernetesSurroundings {
    const find = <N extends ResourceName>(name: N, key: string): ObjectOf<N> | undefined => {
      for (const { cache } of this.#around.get(name) ?? []) {
        const found: KubeObject | undefined = cache.get(key);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the cache of that resource
        if (found !== undefined) return found as ObjectOf<N>;
      }
      return undefined;
    };
    return {
      node: (name) => find('nodes', name),
      namespace: (name) => find('namespaces', name),
      pod: (namespace, name) => find('pods', `${namespace}/${name}`),
      service: (namespace, name) => find('services', `${namespace}/${name}`),
    };
  }

  /** What of a group is this collector's to scrape. */
  #own(group: TargetGroup): TargetGroup {
    const { config, nodeName, isShared, leadership } = this.#options;
    if (!isShared || config.role === 'pod' || config.role === 'node') return group;
    if (config.role === 'service' || config.role === 'ingress' || nodeName === null) {
      return leadership.leads ? group : { ...group, targets: [] };
    }
    const isOwn = (target: Labels): boolean => {
      const node = NODE_LABELS.map((label) => target.get(label)).find((name) => name !== '');
      return node === undefined ? leadership.leads : node === nodeName;
    };
    return { ...group, targets: group.targets.filter(isOwn) };
  }
}
