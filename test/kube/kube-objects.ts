import type { StoredObject } from './selectors.ts';

/** A pod that runs on a node, ready or not. */
export function podObject(
  name: string,
  options: {
    readonly node?: string;
    readonly namespace?: string;
    readonly isReady?: boolean;
    readonly ip?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly port?: number;
  } = {},
): StoredObject {
  const { node = '', namespace = 'shop', isReady = true, ip = '10.0.0.1', port } = options;
  const since = '2026-03-01T08:00:00Z';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      labels: options.labels ?? {},
      ...(options.annotations !== undefined && { annotations: options.annotations }),
    },
    spec: {
      ...(node !== '' && { nodeName: node }),
      restartPolicy: 'Always',
      containers: [
        {
          name: 'main',
          image: 'acme/app:1',
          ...(port !== undefined && {
            ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
          }),
        },
      ],
    },
    status:
      node === ''
        ? { phase: 'Pending' }
        : {
            phase: 'Running',
            podIP: ip,
            podIPs: [{ ip }],
            hostIP: '10.1.0.1',
            conditions: [
              { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: since },
            ],
            containerStatuses: [
              {
                name: 'main',
                image: 'acme/app:1',
                imageID: 'acme/app@sha256:1',
                containerID: 'containerd://1',
                ready: isReady,
                restartCount: 0,
                state: { running: { startedAt: since } },
              },
            ],
          },
  };
}

/** An event about a pod, as the kubelet writes them; with `series` as those write them that use the newer API. */
export function eventObject(
  name: string,
  reason: string,
  options: {
    readonly count?: number;
    readonly series?: number;
    readonly type?: 'Normal' | 'Warning';
    readonly kind?: 'Pod' | 'Node';
    readonly message?: string;
    /** When it happened last, from now. */
    readonly seconds?: number;
  } = {},
): StoredObject {
  const { count = 1, series, type = 'Warning', kind = 'Pod', seconds = 0 } = options;
  const whenMs = Date.now() + seconds * 1_000;
  const when = new Date(whenMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const namespace = kind === 'Pod' ? { namespace: 'shop' } : {};
  const told =
    series === undefined
      ? { count, firstTimestamp: when, lastTimestamp: when, eventTime: null }
      : {
          firstTimestamp: null,
          lastTimestamp: null,
          eventTime: when.replace('Z', '.000000Z'),
          series: { count: series, lastObservedTime: when.replace('Z', '.000000Z') },
        };
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: kind === 'Pod' ? 'shop' : 'default', uid: `uid-${name}` },
    involvedObject: { kind, ...namespace, name: 'web', uid: 'uid-web' },
    reason,
    message: options.message ?? `${reason} of web`,
    type,
    source: { component: 'kubelet', host: 'n1' },
    reportingComponent: 'kubelet',
    ...told,
  };
}

/** Of one workload, as large ones have them. */
const REPLICAS = 50;

/**
 * So many pods like the given ones, spread over nodes: workloads of fifty replicas in a hundred namespaces. Replicas share
 * what replicas share (image, labels, owner); names, addresses, ids and times are each pod's own.
 */
export function manyPods(
  templates: readonly StoredObject[],
  options: { readonly pods: number; readonly nodes: number },
): readonly StoredObject[] {
  const made: StoredObject[] = [];
  for (let i = 0; i < options.pods; i++) {
    const workload = Math.floor(i / REPLICAS);
    made.push(replica(templates[workload % templates.length]!, workload, i, options.nodes));
  }
  return made;
}

function replica(
  template: StoredObject,
  workload: number,
  index: number,
  nodes: number,
): StoredObject {
  const app = `app-${workload}`;
  const ip = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
  const since = new Date(Date.UTC(2026, 0, 1) + index * 1_000).toISOString();
  // What is a text of the template that all pods have, becomes the workload's or the pod's own.
  const text = JSON.stringify({ spec: template['spec'], status: template['status'] })
    .replaceAll(/"image":"([^"]+)"/g, `"image":"$1-${app}"`)
    .replaceAll(
      /"containerID":"[^"]+"/g,
      `"containerID":"containerd://${String(index).padStart(64, '0')}"`,
    )
    .replaceAll(/"(lastTransitionTime|startedAt|startTime)":"[^"]+"/g, `"$1":"${since}"`)
    .replaceAll('kube-api-access-', `kube-api-access-${index}`);
  const { spec, status } = JSON.parse(text) as { spec: object; status: object };
  return {
    ...template,
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      name: `${app}-${(index * 7_919).toString(36).padStart(6, '0')}`,
      namespace: `team-${workload % 100}`,
      uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      labels: { ...template.metadata.labels, app, 'pod-template-hash': `${workload}` },
    },
    spec: { ...spec, nodeName: `node-${index % nodes}` },
    status: { ...status, podIP: ip, podIPs: [{ ip }] },
  };
}
