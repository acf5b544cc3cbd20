import { dashboard, type PlacedDashboard, type Row } from '../dashboard.ts';
import { panelLink, rowLink, seriesLink } from '../links.ts';
import { BAD_BELOW_ONE, BAD_FROM_ONE, FULL, lines, stat, steps, WARN_FROM_ONE } from '../panels.ts';
import { CLUSTER, HOST, NAMESPACE, NODE } from '../scopes.ts';
import { table } from '../table.ts';
import {
  errorLines,
  failingProbes,
  notReadyPods,
  restarts,
  unfinishedRollouts,
  volumeShare,
} from './problems.ts';

const zero = (expr: string): string => `${expr} or vector(0)`;

/** Is anything wrong now? The first page to open at night: what is broken, where, since when, and where to read on. */
export function overviewDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'overview',
    title: 'Overview',
    description:
      'Is anything wrong now? From the top: how bad it is, which alerts, which namespaces and nodes, what changed.',
    variables: ['cluster', 'namespace', 'host'],
    rows: [howBad(), alerts(), where(), whatChanged()],
  });
}

function howBad(): Row {
  const firing = (severity: string): string =>
    zero(`count(ALERTS{alertstate="firing", severity="${severity}", ${NAMESPACE}})`);
  return [
    'How bad is it?',
    [
      stat(
        'Critical alerts',
        'Alerts of severity critical that fire now: someone must act.',
        firing('critical'),
        { steps: BAD_FROM_ONE, links: [panelLink('Alerts', 'alerts', ['namespace'])] },
      ),
      stat('Warnings', 'Alerts of severity warning that fire now.', firing('warning'), {
        steps: WARN_FROM_ONE,
        links: [panelLink('Alerts', 'alerts', ['namespace'])],
      }),
      stat(
        'Nodes not ready',
        'Nodes that Kubernetes does not call ready.',
        zero(
          `count(kube_node_status_condition{condition="Ready", status="true", ${CLUSTER}} == 0)`,
        ),
        { steps: BAD_FROM_ONE, links: [panelLink('Nodes', 'useCluster')] },
      ),
      stat(
        'Pods not ready',
        'Pods that should run and are not ready.',
        zero(`count(${notReadyPods('cluster, namespace, pod')} > 0)`),
        { steps: BAD_FROM_ONE, links: [panelLink('Probes', 'probes', ['namespace'])] },
      ),
      stat(
        'Probes failing',
        'Containers whose liveness, readiness or startup probe failed in the last five minutes, and active probes whose last attempt did.',
        `(${zero(`count(${failingProbes('cluster, namespace, pod, container, probe_type')} > 0)`)}) + (${zero(`count(probe_success{scope!="shadow", ${NAMESPACE}} == 0)`)})`,
        { steps: BAD_FROM_ONE, links: [panelLink('Probes', 'probes', ['namespace'])] },
      ),
      stat(
        'Rollouts not finished',
        'Deployments, stateful sets and daemon sets with pods of an older template or too few available.',
        zero(`sum(${unfinishedRollouts('cluster')})`),
        { steps: WARN_FROM_ONE, links: [panelLink('Rollouts', 'rollouts', ['namespace'])] },
      ),
      stat(
        'Restarts in 15 min',
        'Restarts of containers.',
        zero(`sum(${restarts('cluster', '15m')})`),
        {
          steps: steps('green', [1, 'orange'], [10, 'red']),
          decimals: 0,
          links: [panelLink('Pods', 'namespacePods', ['namespace'])],
        },
      ),
      stat(
        'Error lines in 5 min',
        'Log lines of level error or fatal.',
        zero(`sum(${errorLines('cluster')})`),
        {
          steps: WARN_FROM_ONE,
          decimals: 0,
          links: [panelLink('Logs', 'logs', ['namespace'])],
        },
      ),
      stat(
        'Fullest volume',
        'The fullest file system of a node or a persistent volume.',
        `max(${volumeShare('cluster')} or max by (cluster) (1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs", ${CLUSTER}} / node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs", ${CLUSTER}}))`,
        {
          unit: 'percentunit',
          steps: FULL,
          decimals: 0,
          links: [panelLink('Storage', 'storage', ['namespace'])],
        },
      ),
      stat(
        'Targets down',
        'Targets that did not answer the last scrape: what they would tell is missing above.',
        zero(`count(up{${CLUSTER}} == 0)`),
        { steps: BAD_FROM_ONE, links: [panelLink('Stack health', 'stack')] },
      ),
      stat(
        'Log bytes lost in 1 h',
        'Bytes of logs that were rotated away or dropped before they were sent.',
        zero(`sum(increase(binnacle_log_lost_bytes_total{${CLUSTER}}[1h]))`),
        {
          unit: 'bytes',
          steps: BAD_FROM_ONE,
          links: [panelLink('Stack health', 'stack')],
        },
      ),
      stat(
        'Alert path',
        '1 while the Watchdog fires: samples arrive, rules are evaluated, results are stored. Without it, the zeros on this page prove nothing.',
        'max(ALERTS{alertname="Watchdog", alertstate="firing"}) or vector(0)',
        { steps: BAD_BELOW_ONE, links: [panelLink('Stack health', 'stack')] },
      ),
    ],
  ];
}

function alerts(): Row {
  const labels = ['severity', 'alertname', 'namespace', 'pod', 'node', 'instance', 'job'];
  const by = labels.join(', ');
  return [
    'Which alerts?',
    [
      table(
        'Firing alerts',
        'Critical ones first. Informational alerts are on the page of all alerts.',
        {
          labels,
          columns: [
            {
              name: 'Since',
              expr: `max by (${by}) ((time() - ALERTS_FOR_STATE{${NAMESPACE}}) and ignoring (alertstate) ALERTS{alertstate="firing", alertname!="Watchdog", severity=~"critical|warning", ${NAMESPACE}})`,
              unit: 's',
            },
          ],
          sortBy: 'severity',
          ascending: true,
          links: {
            alertname: [rowLink('History', 'alerts', { namespace: 'namespace' })],
            namespace: [
              rowLink('Workloads', 'namespaceWorkloads', { namespace: 'namespace' }),
              rowLink('Logs', 'logs', { namespace: 'namespace' }),
            ],
            pod: [
              rowLink('Pod', 'pod', { namespace: 'namespace', pod: 'pod' }),
              rowLink('Logs', 'logs', { namespace: 'namespace', pod: 'pod' }),
            ],
            node: [rowLink('Node', 'nodes', { node: 'node' })],
            instance: [rowLink('Node', 'nodes', { node: 'instance' })],
          },
        },
      ),
    ],
  ];
}

const host = (expr: string): string => `max by (instance) (${expr})`;
// Kubernetes' own series say `node`, the operating systems' `instance`; the name is the same.
const kubeNode = (expr: string): string =>
  `label_replace(sum by (node) (${expr}), "instance", "$1", "node", "(.*)")`;

function where(): Row {
  return [
    'Where?',
    [
      table('Namespaces with problems', 'Namespaces without any are left out.', {
        labels: ['namespace'],
        columns: [
          {
            name: 'Alerts',
            expr: `count by (namespace) (ALERTS{alertstate="firing", severity=~"critical|warning", namespace!="", ${NAMESPACE}})`,
            steps: BAD_FROM_ONE,
          },
          {
            name: 'Pods not ready',
            expr: `count by (namespace) (${notReadyPods('cluster, namespace, pod')} > 0)`,
            steps: BAD_FROM_ONE,
          },
          {
            name: 'Failing probes',
            expr: `count by (namespace) (${failingProbes('cluster, namespace, pod, container, probe_type')} > 0)`,
            steps: BAD_FROM_ONE,
          },
          {
            name: 'Restarts in 15 min',
            expr: `round(${restarts('namespace', '15m')}) > 0`,
            steps: WARN_FROM_ONE,
          },
          {
            name: 'Rollouts not finished',
            expr: `${unfinishedRollouts('namespace')} > 0`,
            steps: WARN_FROM_ONE,
          },
          {
            name: 'Error lines in 5 min',
            expr: `round(${errorLines('namespace')}) > 0`,
            steps: WARN_FROM_ONE,
          },
        ],
        links: {
          namespace: [
            rowLink('Workloads', 'namespaceWorkloads', { namespace: 'namespace' }),
            rowLink('Pods', 'namespacePods', { namespace: 'namespace' }),
            rowLink('Probes', 'probes', { namespace: 'namespace' }),
            rowLink('Rollouts', 'rollouts', { namespace: 'namespace' }),
            rowLink('Logs', 'logs', { namespace: 'namespace' }),
          ],
        },
      }),
      table('Nodes', 'All nodes; sort by what you look for.', {
        labels: ['instance'],
        columns: [
          {
            name: 'Conditions',
            expr: kubeNode(
              `kube_node_status_condition{condition!="Ready", status="true", ${NODE}} or kube_node_status_condition{condition="Ready", status!="true", ${NODE}}`,
            ),
            steps: BAD_FROM_ONE,
          },
          {
            name: 'CPU',
            expr: host(
              `1 - avg by (cluster, instance) (rate(node_cpu_seconds_total{mode="idle", ${HOST}}[5m]))`,
            ),
            unit: 'percentunit',
            steps: FULL,
          },
          {
            name: 'Memory',
            expr: host(
              `1 - node_memory_MemAvailable_bytes{${HOST}} / node_memory_MemTotal_bytes{${HOST}}`,
            ),
            unit: 'percentunit',
            steps: FULL,
          },
          {
            name: 'Fullest disk',
            expr: host(
              `1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs", ${HOST}} / node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs", ${HOST}}`,
            ),
            unit: 'percentunit',
            steps: FULL,
          },
          {
            name: 'Load per core',
            expr: host(
              `node_load5{${HOST}} / on (cluster, instance) count by (cluster, instance) (node_cpu_seconds_total{mode="idle", ${HOST}})`,
            ),
            steps: steps('green', [1, 'orange'], [2, 'red']),
          },
          {
            name: 'Pods',
            expr: kubeNode(`kube_pod_info{${NODE}}`),
          },
        ],
        links: {
          instance: [
            rowLink('Node', 'nodes', { node: 'instance' }),
            rowLink('Pods', 'nodePods', { node: 'instance' }),
          ],
        },
        sortBy: 'Conditions',
      }),
    ],
  ];
}

function whatChanged(): Row {
  const namespace = { namespace: 'namespace' };
  return [
    'Since when?',
    [
      lines(
        'Alerts firing',
        'By severity.',
        'short',
        [
          [
            `count by (severity) (ALERTS{alertstate="firing", alertname!="Watchdog", ${NAMESPACE}})`,
            '{{severity}}',
          ],
        ],
        { links: [seriesLink('Alerts', 'alerts', {})] },
      ),
      lines(
        'Pods not ready over time',
        'Pods that should run and are not ready.',
        'short',
        [
          [
            `count by (namespace) (${notReadyPods('cluster, namespace, pod')} > 0)`,
            '{{namespace}}',
          ],
        ],
        { links: [seriesLink('Probes', 'probes', namespace)] },
      ),
      lines(
        'Error lines over time',
        'Log lines of level error or fatal in five minutes.',
        'short',
        [[`${errorLines('namespace')} > 0`, '{{namespace}}']],
        { links: [seriesLink('Logs', 'logs', namespace)] },
      ),
      lines(
        'Warnings of Kubernetes',
        'Events of type Warning in five minutes, by reason.',
        'short',
        [
          [
            `sum by (namespace, reason) (increase(binnacle_k8s_events_total{type="Warning", ${NAMESPACE}}[5m])) > 0`,
            '{{namespace}} {{reason}}',
          ],
        ],
        { links: [seriesLink('Workloads', 'namespaceWorkloads', namespace)] },
      ),
    ],
  ];
}
