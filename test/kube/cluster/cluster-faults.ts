import type { SimPod, SimWorkload } from './cluster-model.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/** An alert that a fault is to raise, by labels that tell it from others. */
export interface ExpectedAlert {
  readonly alert: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether another alert that says more keeps it from being sent. */
  readonly isMuted?: boolean;
}

/** Something that goes wrong, and everything that is to be said of it. */
export interface ClusterFault {
  readonly name: string;
  /** Done once, when it begins. */
  readonly begin?: (cluster: SimulatedCluster) => void;
  /** Done at every later moment. @param minutes since it began */
  readonly goOn?: (cluster: SimulatedCluster, minutes: number) => void;
  readonly alerts: readonly ExpectedAlert[];
}

const DAY_MS = 86_400_000;

const told = (alert: string, labels: Readonly<Record<string, string>> = {}): ExpectedAlert => ({
  alert,
  labels,
});
const muted = (alert: string, labels: Readonly<Record<string, string>> = {}): ExpectedAlert => ({
  alert,
  labels,
  isMuted: true,
});

/** A pod of a workload on one of the nodes on which nothing else is wrong. */
function first({ pods }: SimWorkload): SimPod {
  const found = pods.find(({ node }) => /^node-(0[1-468]|1[0-3578])$/.test(node ?? ''));
  if (found === undefined) throw new Error('no pod on a healthy node');
  return found;
}

/** Lets a pod fall or rise: a container that waits is not ready. */
function setWaiting(pod: SimPod, reason: string): void {
  pod.waiting = reason;
  pod.isReady = reason === '';
}

/** Faults of pods and what they belong to. */
const OF_PODS: readonly ClusterFault[] = [
  {
    name: 'a container that ends as soon as it starts',
    goOn: (cluster, minutes) => {
      const pod = first(cluster.workload('shop', 'cart-worker'));
      // Ten minutes of ever longer waits, then one start in five minutes.
      if (minutes < 10 || minutes % 5 === 0) cluster.restart(pod, 'Error', 1);
      setWaiting(pod, 'CrashLoopBackOff');
    },
    alerts: [
      told('KubePodCrashLooping', { namespace: 'shop', workload: 'cart-worker' }),
      told('ContainerRestartRateHigh', { namespace: 'shop', workload: 'cart-worker' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'shop', workload: 'cart-worker' }),
    ],
  },
  {
    name: 'a container that needs more memory than it may have, now and then',
    goOn: (cluster, minutes) => {
      if (minutes % 20 !== 1) return;
      const pod = first(cluster.workload('search', 'indexer'));
      pod.oomEvents++;
      cluster.restart(pod, 'OOMKilled', 137);
    },
    alerts: [told('ContainerOOMKilled', { namespace: 'search', workload: 'indexer' })],
  },
  {
    name: 'a pod that fails its readiness probe',
    begin: (cluster) => {
      const pod = first(cluster.workload('payments', 'refunds'));
      pod.probes.Readiness = 'failing';
      pod.isReady = false;
    },
    alerts: [
      told('PodReadinessProbeFailing', { namespace: 'payments', workload: 'refunds' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'payments', workload: 'refunds' }),
    ],
  },
  {
    name: 'a service none of whose pods is ready',
    begin: (cluster) => {
      for (const pod of cluster.workload('payments', 'fraud').pods) {
        pod.probes.Readiness = 'failing';
        pod.isReady = false;
      }
    },
    alerts: [
      told('ServiceWithoutReadyEndpoints', { namespace: 'payments', service: 'fraud' }),
      told('PodReadinessProbeFailing', { namespace: 'payments', workload: 'fraud' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'payments', workload: 'fraud' }),
    ],
  },
  {
    name: 'a pod that kubelet restarts for its liveness probe',
    goOn: (cluster, minutes) => {
      const pod = first(cluster.workload('shop', 'checkout'));
      pod.probes.Liveness = 'failing';
      if (minutes % 5 === 2) cluster.restart(pod, 'Error', 143);
    },
    alerts: [
      told('PodRestartingByProbe', { namespace: 'shop', workload: 'checkout' }),
      muted('PodLivenessProbeFailing', { namespace: 'shop', workload: 'checkout' }),
      muted('ContainerRestartRateHigh', { namespace: 'shop', workload: 'checkout' }),
    ],
  },
  {
    name: 'a container whose startup probe never succeeds',
    begin: (cluster) => {
      const pod = first(cluster.workload('data', 'cache'));
      pod.probes.Startup = 'failing';
      pod.isReady = false;
    },
    alerts: [
      told('PodStartupProbeStuck', { namespace: 'data', workload: 'cache' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'data', workload: 'cache' }),
    ],
  },
  {
    name: 'a rollout of an image that does not exist',
    begin: (cluster) => {
      const workload = cluster.workload('shop', 'catalog');
      workload.generation++;
      workload.observedGeneration++;
      workload.revision = 'v9nope';
      workload.pods.pop();
      const pod = cluster.addPod(workload, { node: 'node-04' });
      pod.phase = 'Pending';
      setWaiting(pod, 'ErrImagePull');
    },
    goOn: (cluster, minutes) => {
      const workload = cluster.workload('shop', 'catalog');
      const pod = workload.pods.find(({ revision }) => revision === workload.revision)!;
      setWaiting(pod, minutes % 3 === 0 ? 'ErrImagePull' : 'ImagePullBackOff');
      if (minutes >= 10) workload.isProgressing = false;
    },
    alerts: [
      told('ImagePullFailing', { namespace: 'shop', workload: 'catalog' }),
      told('KubeDeploymentRolloutStuck', { namespace: 'shop', workload: 'catalog' }),
      muted('KubeDeploymentReplicasMismatch', { namespace: 'shop', workload: 'catalog' }),
      muted('KubePodNotReady', { namespace: 'shop', workload: 'catalog' }),
    ],
  },
  {
    name: 'a pod that waits for its configuration',
    begin: (cluster) => {
      const pod = first(cluster.workload('logistics', 'labels'));
      pod.phase = 'Pending';
      setWaiting(pod, 'CreateContainerConfigError');
    },
    alerts: [
      told('KubeContainerWaiting', { namespace: 'logistics', workload: 'labels' }),
      told('KubePodNotReady', { namespace: 'logistics', workload: 'labels' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'logistics', workload: 'labels' }),
    ],
  },
  {
    name: 'a pod for which there is no node',
    begin: (cluster) => {
      const workload = cluster.workload('data', 'warehouse');
      workload.replicas++;
      cluster.addPod(workload, { node: null });
    },
    alerts: [
      told('PodUnschedulable', { namespace: 'data', workload: 'warehouse' }),
      muted('KubePodNotReady', { namespace: 'data', workload: 'warehouse' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'data', workload: 'warehouse' }),
    ],
  },
  {
    name: 'a container that is held back',
    begin: (cluster) => {
      first(cluster.workload('search', 'api')).throttled = 0.6;
    },
    alerts: [told('CPUThrottlingHigh', { namespace: 'search', container: 'api' })],
  },
  {
    name: 'a pod of which kubelet and the shadow probe say different things',
    begin: (cluster) => {
      first(cluster.workload('accounts', 'sessions')).isMismatched = true;
    },
    alerts: [told('ProbeVerdictMismatch', { namespace: 'accounts', workload: 'sessions' })],
  },
  {
    name: 'a workload that logs errors, and much more than it used to',
    goOn: (cluster, minutes) => {
      for (const pod of cluster.workload('payments', 'invoices').pods) {
        pod.errorShare = 0.3;
        pod.linesPerSecond = minutes < 20 ? 1 : 40;
      }
    },
    alerts: [
      told('LogErrorRateHigh', { namespace: 'payments', workload: 'invoices' }),
      told('LogVolumeSpike', { namespace: 'payments', workload: 'invoices' }),
    ],
  },
  {
    name: 'errors in the log of a workload that had none',
    goOn: (cluster, minutes) => {
      // Some lines that did not occur on the day before, long after the beginning.
      for (const pod of cluster.workload('internal', 'wiki').pods) {
        pod.errorShare = minutes > 70 ? 0.04 : 0;
      }
    },
    alerts: [told('LogErrorNewPattern', { namespace: 'internal', workload: 'wiki' })],
  },
];
/** Faults of what controllers look after. */
const OF_WORKLOADS: readonly ClusterFault[] = [
  {
    name: 'an update of a stateful set that stops at its first pod',
    begin: (cluster) => {
      const workload = cluster.workload('data', 'kafka');
      workload.generation++;
      workload.observedGeneration++;
      workload.revision = 'next1';
      const pod = workload.pods.at(-1)!;
      pod.isReady = false;
      pod.probes.Readiness = 'failing';
    },
    alerts: [
      told('KubeStatefulSetUpdateNotRolledOut', { namespace: 'data', workload: 'kafka' }),
      muted('KubeStatefulSetReplicasMismatch', { namespace: 'data', workload: 'kafka' }),
      told('PodReadinessProbeFailing', { namespace: 'data', workload: 'kafka' }),
    ],
  },
  {
    name: 'controllers that do not look at what has changed',
    begin: (cluster) => {
      cluster.workload('media', 'uploads').generation++;
      cluster.workload('accounts', 'redis').generation++;
    },
    alerts: [
      told('KubeDeploymentGenerationMismatch', { namespace: 'media', workload: 'uploads' }),
      told('KubeStatefulSetGenerationMismatch', { namespace: 'accounts', workload: 'redis' }),
    ],
  },
  {
    name: 'a daemon set that runs where it should not, and not where it should',
    begin: (cluster) => {
      Object.assign(cluster.workload('kube-system', 'csi-node'), {
        misscheduled: 1,
        unscheduled: 1,
      });
    },
    alerts: [
      told('KubeDaemonSetMisScheduled', { workload: 'csi-node' }),
      told('KubeDaemonSetNotScheduled', { workload: 'csi-node' }),
      told('KubeDaemonSetRolloutStuck', { workload: 'csi-node' }),
    ],
  },
  {
    name: 'fewer ready pods than a disruption budget wants',
    begin: (cluster) => {
      const pod = first(cluster.workload('payments', 'ledger'));
      pod.isReady = false;
      pod.probes.Readiness = 'failing';
    },
    alerts: [
      told('KubePdbNotEnoughHealthyPods', { namespace: 'payments', poddisruptionbudget: 'ledger' }),
      told('PodReadinessProbeFailing', { namespace: 'payments', workload: 'ledger' }),
      told('KubeDeploymentReplicasMismatch', { namespace: 'payments', workload: 'ledger' }),
    ],
  },
  {
    name: 'autoscalers at their limit, without their metrics, and not obeyed',
    begin: (cluster) => {
      const [frontend, cart, api] = cluster.autoscalers;
      Object.assign(frontend!, { current: frontend!.max, desired: frontend!.max });
      cart!.isActive = false;
      api!.desired = api!.current + 4;
    },
    alerts: [
      told('KubeHpaMaxedOut', { horizontalpodautoscaler: 'frontend' }),
      told('HpaMetricsUnavailable', { horizontalpodautoscaler: 'cart' }),
      told('KubeHpaReplicasMismatch', { horizontalpodautoscaler: 'api' }),
    ],
  },
  {
    name: 'jobs that fail, never end, are not started, and have not succeeded for long',
    begin: (cluster) => {
      const { nowMs } = cluster;
      cluster.jobs.push(
        {
          namespace: 'batch',
          name: 'migrate',
          cronJob: '',
          startMs: nowMs,
          endMs: nowMs + 60_000,
          state: 'failed',
        },
        {
          namespace: 'batch',
          name: 'reindex',
          cronJob: '',
          startMs: nowMs - DAY_MS,
          endMs: null,
          state: 'active',
        },
      );
      cluster.oddities.set('cleanup is not scheduled', 1);
      cluster.cronJobs.find(({ name }) => name === 'export')!.lastSuccessMs = nowMs - DAY_MS;
      cluster.oddities.set('export fails', 1);
    },
    alerts: [
      told('KubeJobFailed', { namespace: 'batch', job_name: 'migrate' }),
      told('KubeJobFailed', { namespace: 'batch', job_name: 'export-*' }),
      told('KubeJobNotCompleted', { namespace: 'batch', job_name: 'reindex' }),
      told('CronJobMissedSchedule', { namespace: 'batch', cronjob: 'cleanup' }),
      told('CronJobNoRecentSuccess', { namespace: 'batch', cronjob: 'export' }),
    ],
  },
  {
    name: 'quotas that are nearly, exactly and more than used up',
    begin: (cluster) => {
      for (const [namespace, share] of [
        ['shop', 0.95],
        ['staging', 1],
        ['internal', 1.1],
      ] as const) {
        const { used, hard } = cluster.quotas.find((quota) => quota.namespace === namespace)!;
        used['pods'] = hard['pods']! * share;
      }
    },
    alerts: [
      told('KubeQuotaAlmostFull', { namespace: 'shop', resource: 'pods' }),
      told('KubeQuotaFullyUsed', { namespace: 'staging', resource: 'pods' }),
      told('KubeQuotaExceeded', { namespace: 'internal', resource: 'pods' }),
    ],
  },
  {
    name: 'volumes that are full, wait, or have failed',
    begin: (cluster) => {
      cluster.claim('data-postgres-1').filesFree = 0.02;
      cluster.claims.push({
        ...cluster.claim('data-postgres-0'),
        namespace: 'internal',
        name: 'scratch',
        phase: 'Pending',
      });
      cluster.claim('data-elastic-2').volumePhase = 'Failed';
    },
    goOn: (cluster, minutes) => {
      const claim = cluster.claim('data-postgres-0');
      claim.free = Math.max(0.02, 0.14 - minutes / 400);
      const files = cluster.claim('data-postgres-2');
      files.filesFree = Math.max(0.05, 0.14 - minutes / 1_000);
    },
    alerts: [
      told('KubePersistentVolumeFillingUp', {
        persistentvolumeclaim: 'data-postgres-0',
        severity: 'critical',
      }),
      muted('KubePersistentVolumeFillingUp', {
        persistentvolumeclaim: 'data-postgres-0',
        severity: 'warning',
      }),
      told('KubePersistentVolumeInodesFillingUp', {
        persistentvolumeclaim: 'data-postgres-1',
        severity: 'critical',
      }),
      muted('KubePersistentVolumeInodesFillingUp', {
        persistentvolumeclaim: 'data-postgres-*',
        severity: 'warning',
      }),
      told('PvcPending', { persistentvolumeclaim: 'scratch' }),
      told('KubePersistentVolumeErrors', { persistentvolume: 'pv-search-data-elastic-2' }),
    ],
  },
  {
    name: 'a site that is down and one whose certificate ends soon',
    begin: (cluster) => {
      const [frontend, gateway, login] = cluster.ingresses;
      frontend!.isUp = false;
      gateway!.certificateEndsMs = cluster.nowMs + 10 * DAY_MS;
      login!.certificateEndsMs = cluster.nowMs + 1 * DAY_MS;
    },
    alerts: [
      told('ActiveProbeDown', { target: 'https://frontend.shop.example.com/' }),
      told('TlsCertificateExpiring', { namespace: 'payments', severity: 'warning' }),
      told('TlsCertificateExpiring', { namespace: 'accounts', severity: 'critical' }),
      muted('TlsCertificateExpiring', { namespace: 'accounts', severity: 'warning' }),
    ],
  },
  {
    name: 'pods whose metrics cannot be read',
    begin: (cluster) => {
      cluster.oddities.set('logistics/routes has no metrics', 1);
    },
    alerts: [told('TargetDown', { namespace: 'logistics' })],
  },
];

/** Faults of nodes. */
const OF_NODES: readonly ClusterFault[] = [
  {
    name: 'a node that is gone',
    begin: (cluster) => {
      cluster.node(20).isGone = true;
    },
    alerts: [
      told('KubeNodeUnreachable', { node: 'node-20' }),
      muted('KubeNodeNotReady', { node: 'node-20' }),
    ],
  },
  {
    name: 'a node that is not ready',
    begin: (cluster) => {
      cluster.node(19).isReady = false;
    },
    alerts: [told('KubeNodeNotReady', { node: 'node-19' })],
  },
  {
    name: 'a node that comes and goes',
    goOn: (cluster, minutes) => {
      cluster.node(7).isReady = minutes > 35 || minutes % 4 < 2;
    },
    alerts: [told('KubeNodeReadinessFlapping', { node: 'node-07' })],
  },
  {
    name: 'a disk that fills up until pods are evicted',
    goOn: (cluster, minutes) => {
      const node = cluster.node(5);
      node.diskFree = Math.max(0.01, 0.25 - minutes / 100);
      node.filesFree = Math.max(0.01, 0.25 - minutes / 100);
      if (minutes < 25) return;
      node.hasDiskPressure = true;
      node.oddities.set('evictions per minute', 0.5);
      const workload = cluster.workload('media', 'thumbnails');
      const pod = workload.pods.find((one) => one.node === node.name && one.phase === 'Running');
      if (pod === undefined || workload.pods.some(({ reason }) => reason === 'Evicted')) return;
      Object.assign(pod, { phase: 'Failed', reason: 'Evicted', isReady: false });
      cluster.addPod(workload);
    },
    alerts: [
      muted('NodeFilesystemAlmostOutOfSpace', { instance: 'node-05', severity: 'warning' }),
      told('NodeFilesystemAlmostOutOfSpace', { instance: 'node-05', severity: 'critical' }),
      muted('NodeFilesystemAlmostOutOfFiles', { instance: 'node-05', severity: 'warning' }),
      told('NodeFilesystemAlmostOutOfFiles', { instance: 'node-05', severity: 'critical' }),
      told('NodeFilesystemSpaceFillingUp', { instance: 'node-05', severity: 'warning' }),
      told('NodeFilesystemSpaceFillingUp', { instance: 'node-05', severity: 'critical' }),
      told('NodeFilesystemFilesFillingUp', { instance: 'node-05', severity: 'warning' }),
      told('NodeFilesystemFilesFillingUp', { instance: 'node-05', severity: 'critical' }),
      told('KubeNodePressure', { node: 'node-05' }),
      told('KubeNodeEviction', { node: 'node-05' }),
      told('PodEvicted', { namespace: 'media', workload: 'thumbnails' }),
    ],
  },
  {
    name: 'a node with too much to do',
    begin: (cluster) => {
      const node = cluster.node(9);
      node.busyCores = 24;
      node.memoryFree = 0.04;
      for (const [what, value] of [
        ['stalled', 0.8],
        ['major faults per second', 900],
        ['disk queue', 20],
        ['file handles', 0.95],
        ['conntrack', 0.8],
      ] as const) {
        node.oddities.set(what, value);
      }
    },
    alerts: [
      told('NodeCPUHighUsage', { instance: 'node-09' }),
      told('NodeSystemSaturation', { instance: 'node-09' }),
      told('NodeMemoryHighUtilization', { instance: 'node-09' }),
      told('NodeMemoryMajorPagesFaults', { instance: 'node-09' }),
      told('NodeDiskIOSaturation', { instance: 'node-09' }),
      told('NodePressureStall', { instance: 'node-09' }),
      told('NodeHighNumberConntrackEntriesUsed', { instance: 'node-09' }),
      told('NodeFileDescriptorLimit', { instance: 'node-09', severity: 'critical' }),
      muted('NodeFileDescriptorLimit', { instance: 'node-09', severity: 'warning' }),
    ],
  },
  {
    name: 'a node with broken hardware',
    goOn: (cluster, minutes) => {
      for (const [what, value] of [
        ['failed disks', 1],
        ['bond links', 1],
        ['share of receive errors', 0.05],
        ['share of transmit errors', 0.05],
        ['share of drops', 0.01],
        ['interface flips', minutes],
      ] as const) {
        cluster.node(11).oddities.set(what, value);
      }
    },
    alerts: [
      told('NodeRAIDDegraded', { instance: 'node-11' }),
      told('NodeRAIDDiskFailure', { instance: 'node-11' }),
      told('NodeBondingDegraded', { instance: 'node-11' }),
      told('NodeNetworkReceiveErrs', { instance: 'node-11' }),
      told('NodeNetworkTransmitErrs', { instance: 'node-11' }),
      told('NodeNetworkInterfaceFlapping', { instance: 'node-11' }),
    ],
  },
  {
    name: 'a node whose clock and services nobody looks after',
    begin: (cluster) => {
      for (const [what, value] of [
        ['clock drift per minute', 0.01],
        ['clock in sync', 0],
        ['clock error', 16],
        ['textfile errors', 1],
        ['failed units', 1],
        ['unit restarts per minute', 1],
      ] as const) {
        cluster.node(12).oddities.set(what, value);
      }
    },
    alerts: [
      told('NodeClockSkewDetected', { instance: 'node-12' }),
      told('NodeClockNotSynchronising', { instance: 'node-12' }),
      told('NodeTextFileCollectorScrapeError', { instance: 'node-12' }),
      told('NodeSystemdServiceFailed', { instance: 'node-12' }),
      told('NodeSystemdServiceCrashlooping', { instance: 'node-12' }),
    ],
  },
  {
    name: 'a kubelet that is slow, and whose certificates end',
    begin: (cluster) => {
      for (const [what, value] of [
        ['pleg seconds', 20],
        ['pod worker seconds', 90],
        ['client certificate seconds', 3 * 86_400],
        ['server certificate seconds', 40_000],
        ['client renew errors per minute', 1],
        ['server renew errors per minute', 1],
        ['runtime errors per second', 0.2],
        ['share of failed requests', 0.1],
      ] as const) {
        cluster.node(13).oddities.set(what, value);
      }
    },
    alerts: [
      told('KubeletPlegDurationHigh', { instance: 'node-13' }),
      told('KubeletPodStartUpLatencyHigh', { instance: 'node-13' }),
      told('KubeletClientCertificateExpiration', { instance: 'node-13', severity: 'warning' }),
      told('KubeletServerCertificateExpiration', { instance: 'node-13', severity: 'critical' }),
      muted('KubeletServerCertificateExpiration', { instance: 'node-13', severity: 'warning' }),
      told('KubeletClientCertificateRenewalErrors', { instance: 'node-13' }),
      told('KubeletServerCertificateRenewalErrors', { instance: 'node-13' }),
      told('KubeClientErrors', { instance: 'node-13' }),
    ],
  },
  {
    name: 'a kubelet that does not answer',
    begin: (cluster) => {
      cluster.node(14).oddities.set('kubelet does not answer', 1);
    },
    alerts: [
      told('KubeletInstanceUnreachable', { instance: 'node-14' }),
      // After ten minutes; it waits for the alert that says more, five later.
      muted('TargetDown', { instance: 'node-14' }),
    ],
  },
  {
    name: 'a node whose collector is gone',
    begin: (cluster) => {
      cluster.node(16).oddities.set('no collector', 1);
      const { pods } = cluster.workload('binnacle-nodes', 'binnacle-collector');
      pods.find(({ node }) => node === 'node-16')!.isReady = false;
      // What its collector said last of this pod is believed for five more minutes.
      cluster.workload('accounts', 'redis').pods[2]!.node = 'node-06';
    },
    alerts: [
      told('NodeWithoutCollector', { node: 'node-16' }),
      told('KubeDaemonSetRolloutStuck', { workload: 'binnacle-collector' }),
    ],
  },
];

/** Faults of the control plane. */
const OF_CONTROL_PLANE: readonly ClusterFault[] = [
  {
    name: 'an API server that fails and cuts off requests',
    begin: (cluster) => {
      cluster.oddities.set('share of failed requests', 0.3);
      cluster.oddities.set('terminated requests per second', 60);
      cluster.oddities.set('external API down', 1);
      cluster.oddities.set('client certificate seconds', 40_000);
      cluster.oddities.set('minor version', 36);
    },
    alerts: [
      told('KubeAPIErrorBudgetBurn', { severity: 'critical' }),
      muted('KubeAPIErrorBudgetBurn', { severity: 'warning' }),
      told('KubeAPITerminatedRequests'),
      told('KubeAggregatedAPIDown', { name: 'v1.external.example.com' }),
      told('KubeAggregatedAPIErrors', { name: 'v1.external.example.com' }),
      told('KubeClientCertificateExpiration', { severity: 'critical' }),
      muted('KubeClientCertificateExpiration', { severity: 'warning' }),
      told('KubeVersionMismatch'),
    ],
  },
  {
    name: 'an API server of two that does not answer',
    begin: (cluster) => {
      cluster.oddities.set('second API server is down', 1);
    },
    alerts: [
      told('KubeAPIInstanceUnreachable', { instance: '10.1.0.2:6443' }),
      muted('TargetDown', { instance: '10.1.0.2:6443' }),
    ],
  },
];

/** Faults of Binnacle's own programs: what is wrong with them stands in `own-faults.ts`. */
const OF_BINNACLE: readonly ClusterFault[] = [
  {
    name: 'a collector with whose targets, outputs and log files much is wrong',
    begin: (cluster) => {
      cluster.oddities.set('watches fail', 1);
    },
    alerts: [
      'CollectorConfigStale',
      'DuplicateTimestamps',
      'KubernetesListWatchFailures',
      'LabelLimitHit',
      'LogRecordsLost',
      'LogShippingLagging',
      'OutOfOrderTimestamps',
      'RemoteStorageFailures',
      'RemoteWriteBehind',
      'SDRefreshFailure',
      'ScrapeBodySizeLimitHit',
      'ScrapeSampleLimitHit',
      'TargetLimitHit',
    ].map((alert) => told(alert, { instance: 'node-17' })),
  },
  {
    name: 'an engine that neither stores, evaluates nor delivers as it should',
    alerts: [
      ...[
        'BadConfig',
        'FailedReload',
        'HeartbeatFailing',
        'HighQueryLoad',
        'MissingRuleEvaluations',
        'NotIngestingSamples',
        'NotificationQueueFull',
        'RuleFailures',
        'StoreNearlyFull',
      ].map((alert) => told(alert, { instance: 'binnacle-engine-1' })),
      told('AlertDeliveryFailing', { integration: 'slack', severity: 'critical' }),
      muted('AlertDeliveryFailing', { integration: 'slack', severity: 'warning' }),
      told('AlertDeliveryFailing', { integration: 'heartbeat', severity: 'critical' }),
      muted('AlertDeliveryFailing', { integration: 'heartbeat', severity: 'warning' }),
      told('ConfigInconsistent'),
    ],
  },
];

/** Everything that goes wrong in the simulated cluster, each on ground of its own. */
export const CLUSTER_FAULTS: readonly ClusterFault[] = [
  ...OF_PODS,
  ...OF_WORKLOADS,
  ...OF_NODES,
  ...OF_CONTROL_PLANE,
  ...OF_BINNACLE,
];

/** Lets all faults begin, and go on. @param minutes since they began */
export function applyFaults(
  cluster: SimulatedCluster,
  minutes: number,
  faults: readonly ClusterFault[] = CLUSTER_FAULTS,
): void {
  for (const { begin, goOn } of faults) {
    if (minutes === 0) begin?.(cluster);
    else goOn?.(cluster, minutes);
  }
}
