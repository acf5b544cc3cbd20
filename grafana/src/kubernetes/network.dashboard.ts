import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { lines } from '../panels.ts';
import { CLUSTER, NAMESPACE, POD, RATE } from '../scopes.ts';
import { trafficRows } from './traffic.ts';

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
  return dashboard('Kubernetes', {
    name: 'netNamespacePods',
    title: 'Network / Namespace, pods',
    description: 'Which pods of a namespace talk how much?',
    variables: ['cluster', 'namespace'],
    rows: trafficRows({
      by: ['namespace', 'pod'],
      where: `${NAMESPACE}, namespace!=""`,
      rowLinks: { pod: [rowLink('Network', 'netPod', pod), rowLink('Pod', 'pod', pod)] },
      seriesLinks: [seriesLink('Network', 'netPod', pod)],
    }),
  });
}

/** The traffic of a namespace by workload. */
export function netNamespaceWorkloadsDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'netNamespaceWorkloads',
    title: 'Network / Namespace, workloads',
    description: 'Which workloads of a namespace talk how much?',
    variables: ['cluster', 'namespace', 'workload'],
    rows: trafficRows({
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
    }),
  });
}

/** The traffic of a workload by pod. */
export function netWorkloadDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'netWorkload',
    title: 'Network / Workload',
    description: 'Does every pod of a workload get its share of the traffic?',
    variables: ['cluster', 'namespace', 'workload'],
    rows: trafficRows({
      by: ['namespace', 'workload', 'pod'],
      where: NAMESPACE,
      joinsWorkloads: true,
      rowLinks: { pod: [rowLink('Network', 'netPod', pod), rowLink('Pod', 'pod', pod)] },
      seriesLinks: [seriesLink('Network', 'netPod', pod)],
    }),
  });
}

/** The traffic of a pod by interface. */
export function netPodDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'netPod',
    title: 'Network / Pod',
    description: 'What goes through the interfaces of a pod?',
    variables: ['cluster', 'namespace', 'pod'],
    rows: trafficRows({
      by: ['namespace', 'pod', 'interface'],
      where: POD,
      rowLinks: { pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)] },
      seriesLinks: [seriesLink('Pod', 'pod', pod), seriesLink('Logs', 'logs', pod)],
    }),
  });
}
