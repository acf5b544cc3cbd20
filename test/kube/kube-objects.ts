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
