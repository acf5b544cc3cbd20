import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { CLUSTER, NAMESPACE } from '../scopes.ts';
import { commitmentStats, type Level, trafficRow, usageRows } from './compute.ts';

/** All clusters beside each other. */
export function clustersDashboard(): PlacedDashboard {
  const level: Level = {
    by: ['cluster'],
    where: CLUSTER,
    rowLinks: { cluster: [rowLink('Cluster', 'cluster', { cluster: 'cluster' })] },
    seriesLinks: [seriesLink('Cluster', 'cluster', { cluster: 'cluster' })],
  };
  return dashboard('Kubernetes', {
    name: 'clusters',
    title: 'Compute / Clusters',
    description: 'Which cluster uses how much of what it has?',
    variables: ['cluster'],
    rows: [
      ['All chosen clusters', commitmentStats(CLUSTER)],
      ...usageRows(level),
      trafficRow(level),
    ],
  });
}

/** One cluster by namespace. */
export function clusterDashboard(): PlacedDashboard {
  const namespace = { namespace: 'namespace' };
  const level: Level = {
    by: ['namespace'],
    where: NAMESPACE,
    rowLinks: {
      namespace: [
        rowLink('Workloads', 'namespaceWorkloads', namespace),
        rowLink('Pods', 'namespacePods', namespace),
        rowLink('Logs', 'logs', namespace),
      ],
    },
    seriesLinks: [
      seriesLink('Workloads', 'namespaceWorkloads', namespace),
      seriesLink('Logs', 'logs', namespace),
    ],
  };
  return dashboard('Kubernetes', {
    name: 'cluster',
    title: 'Compute / Cluster',
    description: 'Which namespaces use the cluster, and how much of it is promised?',
    variables: ['cluster', 'namespace'],
    rows: [
      ['Of what the nodes can give', commitmentStats(CLUSTER)],
      ...usageRows(level),
      trafficRow(level),
    ],
  });
}
