import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { NAMESPACE } from '../scopes.ts';
import { type Level, trafficRow, usageRows } from './compute.ts';

/** A namespace by pod. */
export function namespacePodsDashboard(): PlacedDashboard {
  const pod = { namespace: 'namespace', pod: 'pod' };
  const level: Level = {
    by: ['namespace', 'pod'],
    where: NAMESPACE,
    rowLinks: {
      pod: [
        rowLink('Pod', 'pod', pod),
        rowLink('Probes', 'probes', pod),
        rowLink('Logs', 'logs', pod),
      ],
    },
    seriesLinks: [seriesLink('Pod', 'pod', pod), seriesLink('Logs', 'logs', pod)],
  };
  return dashboard('Kubernetes', {
    name: 'namespacePods',
    title: 'Compute / Namespace, pods',
    description: 'Which pods of a namespace use how much of what they asked for?',
    variables: ['cluster', 'namespace'],
    subject: 'namespace',
    rows: [...usageRows(level), trafficRow(level)],
  });
}

/** A namespace by workload. */
export function namespaceWorkloadsDashboard(): PlacedDashboard {
  const workload = { namespace: 'namespace', workload: 'workload' };
  const level: Level = {
    by: ['namespace', 'workload', 'workload_type'],
    where: NAMESPACE,
    joins: 'workloads',
    rowLinks: {
      workload: [
        rowLink('Workload', 'workload', workload),
        rowLink('Rollout', 'rollouts', { namespace: 'namespace' }),
        rowLink('Logs', 'logs', { namespace: 'namespace' }),
      ],
    },
    seriesLinks: [seriesLink('Workload', 'workload', workload)],
  };
  return dashboard('Kubernetes', {
    name: 'namespaceWorkloads',
    title: 'Compute / Namespace, workloads',
    description: 'Which workloads of a namespace use how much of what they asked for?',
    variables: ['cluster', 'namespace', 'workload'],
    subject: 'namespace',
    rows: [...usageRows(level), trafficRow(level)],
  });
}
