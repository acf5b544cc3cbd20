import { dashboard, type DashboardOptions, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { lines } from '../panels.ts';
import { CLUSTER, NAMESPACE, POD, RATE } from '../scopes.ts';
import { type TrafficLevel, trafficRows } from './traffic.ts';

const ns = { namespace: 'namespace' };
const workload = { namespace: 'namespace', workload: 'workload' };
const pod = { namespace: 'namespace', pod: 'pod' };

/** The traffic of the cluster by namespace, and what its nodes' connections suffer. */
export function netClusterDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'netCluster',
    title: 'Network / Cluster',
    description: 'Which namespaces talk how much, and do packets get lost?',
    variables: ['cluster', 'namespace'],
    rows: [
      ...trafficRows({
        by: ['namespace'],
        where: `${NAMESPACE}, namespace!=""`,
        rowLinks: {
          namespace: [
            rowLink('Workloads', 'netNamespaceWorkloads', ns),
            rowLink('Pods', 'netNamespacePods', ns),
          ],
        },
        seriesLinks: [seriesLink('Workloads', 'netNamespaceWorkloads', ns)],
      }),
      [
        'Connections of the nodes',
        [
          lines(
            'TCP segments sent again',
            'Share of the segments of each node that had to be sent again.',
            'percentunit',
            [
              [
                `sum by (instance) (rate(node_netstat_Tcp_RetransSegs{${CLUSTER}}[${RATE}])) / (sum by (instance) (rate(node_netstat_Tcp_OutSegs{${CLUSTER}}[${RATE}])) > 0)`,
                '{{instance}}',
              ],
            ],
            { links: [seriesLink('Node', 'nodes', { node: 'instance' })] },
          ),
          lines(
            'Connection attempts repeated',
            'TCP connections per second whose first packet had to be sent again: the other side does not answer.',
            'cps',
            [
              [
                `sum by (instance) (rate(node_netstat_TcpExt_TCPSynRetrans{${CLUSTER}}[${RATE}]))`,
                '{{instance}}',
              ],
            ],
            { links: [seriesLink('Node', 'nodes', { node: 'instance' })] },
          ),
        ],
      ],
    ],
  });
}

/** The traffic of a namespace by pod. */
export function netNamespacePodsDashboard(): PlacedDashboard {
  return network({
    name: 'netNamespacePods',
    title: 'Namespace, pods',
    description: 'Which pods of a namespace talk how much?',
    variables: ['namespace'],
    level: { ...ofPods('namespace', 'pod'), where: `${NAMESPACE}, namespace!=""` },
  });
}

/** The traffic of a namespace by workload. */
export function netNamespaceWorkloadsDashboard(): PlacedDashboard {
  return network({
    name: 'netNamespaceWorkloads',
    title: 'Namespace, workloads',
    description: 'Which workloads of a namespace talk how much?',
    variables: ['namespace', 'workload'],
    subject: 'namespace',
    level: {
      by: ['namespace', 'workload', 'workload_type'],
      where: NAMESPACE,
      joinsWorkloads: true,
      rowLinks: {
        workload: [
          rowLink('Network', 'netWorkload', workload),
          rowLink('Workload', 'workload', workload),
        ],
      },
      seriesLinks: [seriesLink('Network', 'netWorkload', workload)],
    },
  });
}

/** The traffic of a workload by pod. */
export function netWorkloadDashboard(): PlacedDashboard {
  return network({
    name: 'netWorkload',
    title: 'Workload',
    description: 'Does every pod of a workload get its share of the traffic?',
    variables: ['namespace', 'workload'],
    level: { ...ofPods('namespace', 'workload', 'pod'), where: NAMESPACE, joinsWorkloads: true },
  });
}

/** The traffic of a pod by interface. */
export function netPodDashboard(): PlacedDashboard {
  return network({
    name: 'netPod',
    title: 'Pod',
    description: 'What goes through the interfaces of a pod?',
    variables: ['namespace', 'pod'],
    level: {
      by: ['namespace', 'pod', 'interface'],
      where: POD,
      rowLinks: { pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)] },
      seriesLinks: [seriesLink('Pod', 'pod', pod), seriesLink('Logs', 'logs', pod)],
    },
  });
}

interface NetworkOptions extends Omit<DashboardOptions, 'rows'> {
  readonly level: TrafficLevel;
}

/** A page about one thing's traffic: the last of its variables, if none else is named. */
function network({ level, ...options }: NetworkOptions): PlacedDashboard {
  const { title, variables, subject = variables.at(-1) } = options;
  return dashboard('Kubernetes', {
    ...options,
    title: `Network / ${title}`,
    variables: ['cluster', ...variables],
    ...(subject === undefined ? {} : { subject }),
    rows: trafficRows(level),
  });
}

/** Rows and lines of pods, which lead to the page of the pod's traffic. */
function ofPods(...by: readonly string[]): Omit<TrafficLevel, 'where'> {
  return {
    by,
    rowLinks: { pod: [rowLink('Network', 'netPod', pod), rowLink('Pod', 'pod', pod)] },
    seriesLinks: [seriesLink('Network', 'netPod', pod)],
  };
}
