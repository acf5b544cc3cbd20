/*
 * Links between dashboards. What the reader has chosen (data source, cluster, time) goes along; a cell or a line adds what
 * it stands for.
 */

/** The fixed ends of all links: dashboards by what they answer. */
export const UID = {
  overview: 'binnacle-overview',
  alerts: 'binnacle-alerts',
  probes: 'binnacle-pod-probes',
  rollouts: 'binnacle-rollouts',
  hpa: 'binnacle-hpa',
  jobs: 'binnacle-jobs',
  certificates: 'binnacle-certificates',
  storage: 'binnacle-storage',
  logs: 'binnacle-logs',
  stack: 'binnacle-stack',
  clusters: 'binnacle-k8s-clusters',
  cluster: 'binnacle-k8s-cluster',
  namespacePods: 'binnacle-k8s-namespace-pods',
  namespaceWorkloads: 'binnacle-k8s-namespace-workloads',
  workload: 'binnacle-k8s-workload',
  pod: 'binnacle-k8s-pod',
  nodePods: 'binnacle-k8s-node-pods',
  quota: 'binnacle-k8s-quota',
  netCluster: 'binnacle-net-cluster',
  netNamespacePods: 'binnacle-net-namespace-pods',
  netNamespaceWorkloads: 'binnacle-net-namespace-workloads',
  netWorkload: 'binnacle-net-workload',
  netPod: 'binnacle-net-pod',
  kubelet: 'binnacle-kubelet',
  volumes: 'binnacle-persistent-volumes',
  apiserver: 'binnacle-apiserver',
  nodes: 'binnacle-nodes',
  useCluster: 'binnacle-use-cluster',
  useNode: 'binnacle-use-node',
} as const;

/** The name of a dashboard in links. */
export type DashboardName = keyof typeof UID;

/** A link of a panel, a cell or a line. */
export interface PanelLink {
  readonly title: string;
  readonly url: string;
}

/** Variables of the target and the labels they take their values from. */
export type LinkLabels = Readonly<Record<string, string>>;

const KEPT = '${datasource:queryparam}&${cluster:queryparam}&${__url_time_range}';

/** From a whole panel to the dashboard that has the details; `also` are variables to hand on. */
export function panelLink(
  title: string,
  to: DashboardName,
  also: readonly string[] = [],
): PanelLink {
  const more = also.map((name) => `&\${${name}:queryparam}`).join('');
  return { title, url: `/d/${UID[to]}?${KEPT}${more}` };
}

/** From a row of a table. */
export function rowLink(title: string, to: DashboardName, labels: LinkLabels): PanelLink {
  return { title, url: `/d/${UID[to]}?${KEPT}${filled(labels, '__data.fields')}` };
}

/** From a line of a diagram. */
export function seriesLink(title: string, to: DashboardName, labels: LinkLabels): PanelLink {
  return { title, url: `/d/${UID[to]}?${KEPT}${filled(labels, '__field.labels')}` };
}

function filled(labels: LinkLabels, from: string): string {
  return Object.entries(labels)
    .map(([variable, label]) => `&var-${variable}=\${${from}.${label}}`)
    .join('');
}
