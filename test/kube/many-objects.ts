import type { StoredObject } from './selectors.ts';

/** How large a cluster is beside its pods. */
export interface ClusterSize {
  readonly nodes: number;
  /** As many services with an endpoint slice each, deployments, and twice as many replica sets. */
  readonly workloads: number;
}

/** Behind each service. */
const ENDPOINTS = 10;
const SINCE = '2026-01-01T00:00:00Z';

/**
 * What a large cluster has beside its pods: nodes, and of each workload a service, its endpoint slice, a deployment, and its
 * replica set with the one before. Nodes and deployments are like the templates of that kind, where there are some.
 */
export function* manyObjects(
  templates: readonly StoredObject[],
  { nodes, workloads }: ClusterSize,
): Iterable<StoredObject> {
  const like = (kind: string): StoredObject | undefined =>
    templates.find((template) => template.kind === kind);
  for (let i = 0; i < nodes; i++) yield copyOf(like('Node'), 'v1', 'Node', `node-${i}`, '', i);
  for (let i = 0; i < 100; i++) yield copyOf(undefined, 'v1', 'Namespace', `team-${i}`, '', i);
  for (let i = 0; i < workloads; i++) yield* workload(i, nodes, like);
}

function* workload(
  index: number,
  nodes: number,
  like: (kind: string) => StoredObject | undefined,
): Iterable<StoredObject> {
  const name = `app-${index}`;
  const namespace = `team-${index % 100}`;
  const make = (apiVersion: string, kind: string, own = name): StoredObject =>
    copyOf(like(kind), apiVersion, kind, own, namespace, index);
  const deployment = make('apps/v1', 'Deployment');
  yield deployment;
  for (const revision of ['a', 'b']) {
    const set = make('apps/v1', 'ReplicaSet', `${name}-${revision}${index.toString(36)}`);
    const owner = { kind: 'Deployment', name, controller: true };
    const replicas = revision === 'a' ? 0 : ENDPOINTS;
    const metadata = { ...set.metadata, ownerReferences: [owner] };
    yield {
      ...set,
      metadata,
      spec: { replicas },
      status: { replicas, readyReplicas: replicas, observedGeneration: 1 },
    };
  }
  yield {
    ...make('v1', 'Service'),
    spec: {
      type: 'ClusterIP',
      clusterIP: `10.96.${(index >> 8) & 255}.${index & 255}`,
      ports: [{ name: 'http', port: 80, targetPort: 8_080, protocol: 'TCP' }],
    },
    status: { loadBalancer: {} },
  };
  const slice = make('discovery.k8s.io/v1', 'EndpointSlice', `${name}-x`);
  yield {
    ...slice,
    metadata: {
      ...slice.metadata,
      labels: { ...slice.metadata.labels, 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8_080, protocol: 'TCP' }],
    endpoints: Array.from({ length: ENDPOINTS }, (_none, i) => {
      const pod = index * ENDPOINTS + i;
      return {
        addresses: [`10.${(pod >> 16) & 255}.${(pod >> 8) & 255}.${pod & 255}`],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `node-${pod % nodes}`,
        targetRef: { kind: 'Pod', namespace, name: `${name}-${pod.toString(36).padStart(6, '0')}` },
      };
    }),
  };
}

function copyOf(
  template: StoredObject | undefined,
  apiVersion: string,
  kind: string,
  name: string,
  namespace: string,
  index: number,
): StoredObject {
  const metadata = {
    name,
    ...(namespace !== '' && { namespace }),
    uid: `10000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    generation: 1,
    creationTimestamp: SINCE,
    labels: { ...template?.metadata.labels, app: name, 'app.kubernetes.io/part-of': 'bench' },
  };
  return {
    apiVersion,
    kind,
    metadata,
    spec: template?.['spec'] ?? {},
    status: template?.['status'] ?? {},
  };
}
