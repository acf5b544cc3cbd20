import type { StoredObject } from '../selectors.ts';
import type {
  SimAutoscaler,
  SimBudget,
  SimClaim,
  SimCronJob,
  SimIngress,
  SimJob,
  SimNode,
  SimPod,
  SimQuota,
  SimWorkload,
} from './cluster-model.ts';

/** Objects of the API as they follow from the model. */

interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly createdMs: number;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly deletedMs?: number | null;
}

function iso(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

function object(
  apiVersion: string,
  kind: string,
  { createdMs, owner, deletedMs = null, ...metadata }: Meta,
  rest: object,
): StoredObject {
  return {
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      uid: `${kind}-${metadata.namespace ?? ''}-${metadata.name}`.toLowerCase(),
      creationTimestamp: iso(createdMs),
      ...(deletedMs !== null && { deletionTimestamp: iso(deletedMs) }),
      ...(owner !== undefined && {
        ownerReferences: [{ ...owner, apiVersion: 'apps/v1', uid: owner.name, controller: true }],
      }),
    },
    ...rest,
  };
}

const condition = (type: string, isTrue: boolean, sinceMs: number, reason = ''): object => ({
  type,
  status: isTrue ? 'True' : 'False',
  reason,
  lastTransitionTime: iso(sinceMs),
});

export function namespaceObject(name: string, createdMs: number): StoredObject {
  return object('v1', 'Namespace', { name, createdMs }, { status: { phase: 'Active' } });
}

export function nodeObject(node: SimNode, createdMs: number): StoredObject {
  const sizes = { cpu: String(node.cores), memory: String(node.memoryBytes), pods: '110' };
  const unreachable = { key: 'node.kubernetes.io/unreachable', value: '', effect: 'NoSchedule' };
  const ready = node.isReady ? 'True' : 'False';
  return object(
    'v1',
    'Node',
    {
      name: node.name,
      createdMs,
      labels: {
        'kubernetes.io/hostname': node.name,
        ...(node.isControlPlane && { 'node-role.kubernetes.io/control-plane': '' }),
      },
    },
    {
      spec: {
        podCIDR: `10.2.${Number(node.name.slice(-2))}.0/24`,
        providerID: `sim://${node.name}`,
        ...(node.isGone && { taints: [unreachable] }),
      },
      status: {
        capacity: sizes,
        allocatable: sizes,
        addresses: [
          { type: 'InternalIP', address: node.ip },
          { type: 'Hostname', address: node.name },
        ],
        conditions: [
          { type: 'Ready', status: node.isGone ? 'Unknown' : ready },
          ...['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
            type,
            status: type === 'DiskPressure' && node.hasDiskPressure ? 'True' : 'False',
          })),
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
        nodeInfo: {
          kernelVersion: '6.12.0',
          osImage: 'Debian GNU/Linux 13',
          containerRuntimeVersion: 'containerd://2.1.0',
          kubeletVersion: 'v1.35.0',
          systemUUID: `uuid-${node.name}`,
        },
      },
    },
  );
}

/** @param hostIp of its node */
export function podObject(pod: SimPod, hostIp: string): StoredObject {
  const { createdMs, node, waiting, phase } = pod;
  const isThere = node !== null;
  const state =
    waiting !== ''
      ? { waiting: { reason: waiting } }
      : phase === 'Running'
        ? { running: { startedAt: iso(pod.lastEnd?.atMs ?? createdMs) } }
        : {
            terminated: {
              reason: phase === 'Succeeded' ? 'Completed' : 'Error',
              exitCode: phase === 'Succeeded' ? 0 : 1,
              startedAt: iso(createdMs),
              finishedAt: iso(createdMs + 30_000),
            },
          };
  const end = pod.lastEnd;
  return object(
    'v1',
    'Pod',
    {
      name: pod.name,
      namespace: pod.namespace,
      createdMs,
      owner: pod.owner,
      deletedMs: pod.deletedMs,
      labels: { app: pod.container },
    },
    {
      spec: {
        ...(isThere && { nodeName: node }),
        restartPolicy: pod.owner.kind === 'Job' ? 'Never' : 'Always',
        containers: [
          {
            name: pod.container,
            image: `registry.example/${pod.container}:${pod.revision}`,
            ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
            resources: {
              requests: { cpu: String(pod.cpuRequest), memory: String(pod.memoryRequest) },
              limits: { cpu: String(pod.cpuRequest * 4), memory: String(pod.memoryRequest * 2) },
            },
          },
        ],
        volumes: pod.claims.map((claimName) => ({
          name: claimName,
          persistentVolumeClaim: { claimName },
        })),
      },
      status: {
        phase,
        ...(pod.reason !== '' && { reason: pod.reason }),
        qosClass: 'Burstable',
        conditions: [
          isThere
            ? condition('PodScheduled', true, createdMs)
            : condition('PodScheduled', false, createdMs, 'Unschedulable'),
          ...(isThere ? [condition('Ready', isPodReady(pod), createdMs)] : []),
        ],
        ...(isThere && {
          startTime: iso(createdMs),
          hostIP: hostIp,
          podIP: pod.ip,
          podIPs: [{ ip: pod.ip }],
          containerStatuses: [
            {
              name: pod.container,
              image: `registry.example/${pod.container}:${pod.revision}`,
              imageID: `registry.example/${pod.container}@sha256:${pod.revision}`,
              containerID: `containerd://${pod.name}-${pod.restarts}`,
              ready: isPodReady(pod),
              restartCount: pod.restarts,
              state,
              lastState:
                end === null
                  ? {}
                  : {
                      terminated: {
                        reason: end.reason,
                        exitCode: end.exitCode,
                        startedAt: iso(end.atMs - 60_000),
                        finishedAt: iso(end.atMs),
                      },
                    },
            },
          ],
        }),
      },
    },
  );
}

/** Whether a pod counts as ready: a node that is not ready takes its pods with it. */
export function isPodReady({ isReady, isCutOff }: SimPod): boolean {
  return isReady && !isCutOff;
}

const isThere = (pod: SimPod): boolean => pod.deletedMs === null && pod.phase !== 'Failed';

/** A workload and what it owns beside its pods: replica sets, service, endpoints. */
export function workloadObjects(workload: SimWorkload, createdMs: number): StoredObject[] {
  const { kind, namespace, name, generation, replicas } = workload;
  const pods = workload.pods.filter(isThere);
  const ready = pods.filter(isPodReady).length;
  const updated = pods.filter(({ revision }) => revision === workload.revision).length;
  const meta = { name, namespace, createdMs, generation };
  const observed = { observedGeneration: workload.observedGeneration };
  const objects: StoredObject[] = [];
  if (kind === 'Deployment') {
    objects.push(
      object('apps/v1', kind, meta, {
        spec: {
          replicas,
          strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        },
        status: {
          ...observed,
          replicas: pods.length,
          readyReplicas: ready,
          availableReplicas: ready,
          unavailableReplicas: Math.max(0, replicas - ready),
          updatedReplicas: updated,
          conditions: [
            condition('Available', ready >= replicas * 0.75, createdMs, 'MinimumReplicasAvailable'),
            workload.isProgressing
              ? condition('Progressing', true, createdMs, 'NewReplicaSetAvailable')
              : condition('Progressing', false, createdMs, 'ProgressDeadlineExceeded'),
          ],
        },
      }),
    );
    const revisions = new Set([workload.revision, ...pods.map(({ revision }) => revision)]);
    for (const revision of revisions) {
      const own = pods.filter((pod) => pod.revision === revision);
      objects.push(
        object(
          'apps/v1',
          'ReplicaSet',
          {
            name: `${name}-${revision}`,
            namespace,
            createdMs,
            generation: 1,
            owner: { kind, name },
          },
          {
            spec: { replicas: own.length },
            status: {
              observedGeneration: 1,
              replicas: own.length,
              fullyLabeledReplicas: own.length,
              readyReplicas: own.filter(isPodReady).length,
            },
          },
        ),
      );
    }
  } else if (kind === 'StatefulSet') {
    objects.push(
      object('apps/v1', kind, meta, {
        spec: { replicas },
        status: {
          ...observed,
          replicas: pods.length,
          readyReplicas: ready,
          availableReplicas: ready,
          currentReplicas: pods.length - updated,
          updatedReplicas: updated,
          currentRevision: `${name}-${workload.currentRevision}`,
          updateRevision: `${name}-${workload.revision}`,
        },
      }),
    );
  } else if (kind === 'DaemonSet') {
    const desired = pods.length + workload.unscheduled;
    objects.push(
      object('apps/v1', kind, meta, {
        status: {
          ...observed,
          currentNumberScheduled: pods.length,
          desiredNumberScheduled: desired,
          numberAvailable: ready,
          numberMisscheduled: workload.misscheduled,
          numberReady: ready,
          numberUnavailable: desired - ready,
          updatedNumberScheduled: pods.length,
        },
      }),
    );
  }
  if (!workload.hasService) return objects;
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  objects.push(
    object(
      'v1',
      'Service',
      { name, namespace, createdMs },
      {
        spec: { type: 'ClusterIP', clusterIP: '10.3.0.1', ports },
      },
    ),
    object(
      'discovery.k8s.io/v1',
      'EndpointSlice',
      {
        name: `${name}-x7k2p`,
        namespace,
        createdMs,
        labels: { 'kubernetes.io/service-name': name },
      },
      {
        addressType: 'IPv4',
        ports,
        endpoints: pods
          .filter(({ node }) => node !== null)
          .map((pod) => ({
            addresses: [pod.ip],
            conditions: { ready: isPodReady(pod), serving: isPodReady(pod), terminating: false },
            nodeName: pod.node,
            targetRef: { kind: 'Pod', name: pod.name, namespace },
          })),
      },
    ),
  );
  return objects;
}

/** A claim and its volume. */
export function claimObjects(claim: SimClaim, createdMs: number): StoredObject[] {
  const { namespace, name, phase } = claim;
  const volumeName = `pv-${namespace}-${name}`;
  const size = String(claim.capacityBytes);
  const claimed = object(
    'v1',
    'PersistentVolumeClaim',
    { name, namespace, createdMs },
    {
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'standard',
        volumeName: phase === 'Pending' ? '' : volumeName,
        resources: { requests: { storage: size } },
      },
      status: { phase },
    },
  );
  if (phase === 'Pending') return [claimed];
  return [
    claimed,
    object(
      'v1',
      'PersistentVolume',
      { name: volumeName, createdMs },
      {
        spec: {
          capacity: { storage: size },
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'standard',
          persistentVolumeReclaimPolicy: 'Delete',
          claimRef: { namespace, name },
          csi: { driver: 'sim.csi', volumeHandle: volumeName },
        },
        status: { phase: claim.volumePhase },
      },
    ),
  ];
}

export function autoscalerObject(hpa: SimAutoscaler, createdMs: number): StoredObject {
  const target = {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
  };
  return object(
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    { name: hpa.target, namespace: hpa.namespace, createdMs, generation: 1 },
    {
      spec: {
        minReplicas: hpa.min,
        maxReplicas: hpa.max,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: hpa.target },
        metrics: [target],
      },
      status: {
        currentReplicas: hpa.current,
        desiredReplicas: hpa.desired,
        currentMetrics: [
          { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 55 } } },
        ],
        conditions: [
          condition('AbleToScale', true, createdMs),
          condition('ScalingActive', hpa.isActive, createdMs),
          condition('ScalingLimited', hpa.current >= hpa.max, createdMs),
        ],
      },
    },
  );
}

export function jobObject(job: SimJob): StoredObject {
  const { namespace, name, startMs, endMs, state, cronJob } = job;
  const meta = {
    name,
    namespace,
    createdMs: startMs,
    ...(cronJob !== '' && { owner: { kind: 'CronJob', name: cronJob } }),
  };
  const end = endMs ?? startMs;
  return object('batch/v1', 'Job', meta, {
    spec: { parallelism: 1, completions: 1 },
    status: {
      startTime: iso(startMs),
      ...(state === 'active' && { active: 1, ready: 1 }),
      ...(state === 'complete' && {
        succeeded: 1,
        completionTime: iso(end),
        conditions: [condition('Complete', true, end)],
      }),
      ...(state === 'failed' && {
        failed: 1,
        conditions: [condition('Failed', true, end, 'BackoffLimitExceeded')],
      }),
    },
  });
}

export function cronJobObject(cron: SimCronJob, createdMs: number): StoredObject {
  const { namespace, name } = cron;
  return object(
    'batch/v1',
    'CronJob',
    { name, namespace, createdMs },
    {
      spec: {
        schedule: cron.everyMinutes === 60 ? '0 * * * *' : `*/${cron.everyMinutes} * * * *`,
        concurrencyPolicy: 'Forbid',
        suspend: cron.isSuspended,
      },
      status: {
        lastScheduleTime: iso(cron.lastScheduleMs),
        lastSuccessfulTime: iso(cron.lastSuccessMs),
      },
    },
  );
}

function toQuantities(amounts: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([key, value]) => [key, String(value)]));
}

export function quotaObject(quota: SimQuota, createdMs: number): StoredObject {
  return object(
    'v1',
    'ResourceQuota',
    { name: 'quota', namespace: quota.namespace, createdMs },
    {
      status: { hard: toQuantities(quota.hard), used: toQuantities(quota.used) },
    },
  );
}

/** @param healthy pods of the target that are ready */
export function budgetObject(
  budget: SimBudget,
  counts: { readonly healthy: number; readonly expected: number },
  createdMs: number,
): StoredObject {
  return object(
    'policy/v1',
    'PodDisruptionBudget',
    { name: budget.target, namespace: budget.namespace, createdMs, generation: 1 },
    {
      status: {
        observedGeneration: 1,
        currentHealthy: counts.healthy,
        desiredHealthy: budget.minAvailable,
        disruptionsAllowed: Math.max(0, counts.healthy - budget.minAvailable),
        expectedPods: counts.expected,
      },
    },
  );
}

export function ingressObject(ingress: SimIngress, createdMs: number): StoredObject {
  const { name, namespace, host, service } = ingress;
  const backend = { service: { name: service, port: { number: 80 } } };
  return object(
    'networking.k8s.io/v1',
    'Ingress',
    { name, namespace, createdMs },
    {
      spec: {
        ingressClassName: 'nginx',
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
        tls: [{ hosts: [host], secretName: `${name}-tls` }],
      },
    },
  );
}
