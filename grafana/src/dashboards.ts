import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { alertsDashboard } from './binnacle/alerts.dashboard.ts';
import { certificatesDashboard } from './binnacle/certificates.dashboard.ts';
import { hpaDashboard } from './binnacle/hpa.dashboard.ts';
import { jobsDashboard } from './binnacle/jobs.dashboard.ts';
import { logsDashboard } from './binnacle/logs.dashboard.ts';
import { overviewDashboard } from './binnacle/overview.dashboard.ts';
import { podProbesDashboard } from './binnacle/pod-probes.dashboard.ts';
import { rolloutsDashboard } from './binnacle/rollouts.dashboard.ts';
import { stackDashboard } from './binnacle/stack.dashboard.ts';
import { storageDashboard } from './binnacle/storage.dashboard.ts';
import type { PlacedDashboard } from './dashboard.ts';
import { apiserverDashboard } from './kubernetes/apiserver.dashboard.ts';
import { clusterDashboard, clustersDashboard } from './kubernetes/clusters.dashboard.ts';
import {
  namespacePodsDashboard,
  namespaceWorkloadsDashboard,
} from './kubernetes/namespaces.dashboard.ts';
import { kubeletDashboard } from './kubernetes/kubelet.dashboard.ts';
import {
  netClusterDashboard,
  netNamespacePodsDashboard,
  netNamespaceWorkloadsDashboard,
  netPodDashboard,
  netWorkloadDashboard,
} from './kubernetes/network.dashboard.ts';
import { nodePodsDashboard } from './kubernetes/node-pods.dashboard.ts';
import { persistentVolumesDashboard } from './kubernetes/persistent-volumes.dashboard.ts';
import { podDashboard } from './kubernetes/pod.dashboard.ts';
import { quotaDashboard } from './kubernetes/quota.dashboard.ts';
import { workloadDashboard } from './kubernetes/workload.dashboard.ts';
import { nodesDashboard } from './nodes/nodes.dashboard.ts';
import { useClusterDashboard, useNodeDashboard } from './nodes/use.dashboard.ts';

const DASHBOARDS: readonly (() => PlacedDashboard)[] = [
  overviewDashboard,
  alertsDashboard,
  podProbesDashboard,
  rolloutsDashboard,
  hpaDashboard,
  jobsDashboard,
  certificatesDashboard,
  storageDashboard,
  logsDashboard,
  stackDashboard,

  clustersDashboard,
  clusterDashboard,
  namespaceWorkloadsDashboard,
  namespacePodsDashboard,
  workloadDashboard,
  podDashboard,
  nodePodsDashboard,
  quotaDashboard,
  netClusterDashboard,
  netNamespaceWorkloadsDashboard,
  netNamespacePodsDashboard,
  netWorkloadDashboard,
  netPodDashboard,
  kubeletDashboard,
  persistentVolumesDashboard,
  apiserverDashboard,

  nodesDashboard,
  useClusterDashboard,
  useNodeDashboard,
];

/** Every dashboard with its JSON file, relative to `dashboards/`: the folder in Grafana, and the UID without prefix. */
export function allDashboards(): readonly (readonly [file: string, dashboard: Dashboard])[] {
  return DASHBOARDS.map((build) => {
    const { folder, dashboard } = build();
    return [`${folder}/${(dashboard.uid ?? '').replace('binnacle-', '')}.json`, dashboard];
  });
}

/** The text of a dashboard's JSON file. */
export function dashboardJson(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
