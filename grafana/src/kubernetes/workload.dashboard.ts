import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { panelLink, rowLink, seriesLink } from '../links.ts';
import { BAD_FROM_ONE, lines, stat } from '../panels.ts';
import { NAMESPACE, ofWorkloads } from '../scopes.ts';
import { type Level, trafficRow, usageRows } from './compute.ts';

const pods = (condition: string): string =>
  ofWorkloads(
    `max by (cluster, namespace, pod) (kube_pod_status_ready{condition="${condition}", ${NAMESPACE}})`,
  );

/** A workload by pod. */
export function workloadDashboard(): PlacedDashboard {
  const pod = { namespace: 'namespace', pod: 'pod' };
  const level: Level = {
    by: ['namespace', 'workload', 'pod'],
    where: NAMESPACE,
    joins: 'workloads',
    rowLinks: {
      pod: [
        rowLink('Pod', 'pod', pod),
        rowLink('Probes', 'probes', pod),
        rowLink('Logs', 'logs', pod),
      ],
    },
    seriesLinks: [seriesLink('Pod', 'pod', pod), seriesLink('Logs', 'logs', pod)],
  };
  const restarts = ofWorkloads(
    `sum by (cluster, namespace, pod) (increase(kube_pod_container_status_restarts_total{${NAMESPACE}}[1h]))`,
  );
  return dashboard('Kubernetes', {
    name: 'workload',
    title: 'Compute / Workload',
    description: 'What do the pods of one workload use, and are they ready?',
    variables: ['cluster', 'namespace', 'workload'],
    subject: 'workload',
    rows: [
      [
        'Pods',
        [
          stat('Ready', 'Pods that are ready.', `sum(${pods('true')})`, { width: 8 }),
          stat('Not ready', 'Pods that are not ready.', `sum(${pods('false')})`, {
            width: 8,
            steps: BAD_FROM_ONE,
            links: [panelLink('Probes', 'probes', ['namespace'])],
          }),
          stat('Restarts in 1 h', 'Restarts of containers in the last hour.', `sum(${restarts})`, {
            width: 8,
            steps: BAD_FROM_ONE,
            decimals: 0,
          }),
          lines(
            'Ready pods',
            'Pods of each workload that are ready.',
            'short',
            [[`sum by (namespace, workload) (${pods('true')})`, '{{namespace}} / {{workload}}']],
            { width: 24, height: 6 },
          ),
        ],
      ],
      ...usageRows(level),
      trafficRow(level),
    ],
  });
}
