import { dashboard, type PlacedDashboard, type Row } from '../dashboard.ts';
import { type PanelLink, panelLink, rowLink, seriesLink } from '../links.ts';
import {
  BAD_BELOW_ONE,
  BAD_FROM_ONE,
  FULL,
  lines,
  NEUTRAL,
  type PanelBuilder,
  SEVERITY_COLORS,
  stat,
  type StatOptions,
  steps,
  type ThresholdStep,
  WARN_FROM_ONE,
} from '../panels.ts';
import { CLUSTER, HOST, NAMESPACE, NODE } from '../scopes.ts';
import { table } from '../table.ts';
import { alertTable } from './alert-table.ts';
import {
  errorLines,
  failedJobs,
  failingProbes,
  LIFE,
  notReadyPods,
  outOfMemoryKills,
  restarts,
  unfinishedRollouts,
  volumeShare,
  waitingContainers,
} from './problems.ts';

const DISKS = 'fstype!~"tmpfs|overlay|squashfs"';
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

/** A number at the top, and where it leads. */
function sign(
  title: string,
  description: string,
  expr: string,
  steps_: readonly ThresholdStep[],
  link: PanelLink,
  options: StatOptions = {},
): PanelBuilder {
  return stat(title, description, expr, { ...options, steps: steps_, links: [link], height: 3 });
}

function howBad(): Row {
  const firing = (severity: string): string =>
    zero(`count(ALERTS{alertstate="firing", severity="${severity}", ${NAMESPACE}})`);
  const toAlerts = panelLink('Alerts', 'alerts', ['namespace']);
  const toStack = panelLink('Stack health', 'stack');
  return [
    'How bad is it?',
    [
      sign(
        'Critical alerts',
        'Alerts of severity critical that fire now: someone must act.',
        firing('critical'),
        BAD_FROM_ONE,
        toAlerts,
      ),
      sign(
        'Warnings',
        'Alerts of severity warning that fire now.',
        firing('warning'),
        WARN_FROM_ONE,
        toAlerts,
      ),
      sign(
        'Nodes not ready',
        'Nodes that Kubernetes does not call ready.',
        zero(
          `count(kube_node_status_condition{condition="Ready", status="true", ${CLUSTER}} == 0)`,
        ),
        BAD_FROM_ONE,
        panelLink('Nodes', 'useCluster'),
      ),
      sign(
        'Targets down',
        'Targets that did not answer the last scrape: what they would tell is missing here.',
        zero(`count(up{${CLUSTER}} == 0)`),
        BAD_FROM_ONE,
        toStack,
      ),
      sign(
        'Log bytes lost in 1 h',
        'Bytes of logs that were rotated away or dropped before they were sent.',
        zero(`sum(increase(binnacle_log_lost_bytes_total{${CLUSTER}}[1h]))`),
        BAD_FROM_ONE,
        toStack,
        { unit: 'bytes' },
      ),
      sign(
        'Alert path',
        'Whether the Watchdog fires: samples arrive, rules are evaluated, results are stored. Without it, the zeros on this page prove nothing.',
        'max(ALERTS{alertname="Watchdog", alertstate="firing"}) or vector(0)',
        BAD_BELOW_ONE,
        toStack,
        { words: ['works', 'broken'] },
      ),
      ...pods(),
      ...whatElse(),
    ],
  ];
}

function pods(): readonly PanelBuilder[] {
  const toProbes = panelLink('Probes', 'probes', ['namespace']);
  return [
    sign(
      'Pods not ready',
      'Pods that should run and are not ready.',
      zero(`count(${notReadyPods('cluster, namespace, pod')} > 0)`),
      BAD_FROM_ONE,
      toProbes,
    ),
    sign(
      'Probes failing',
      'Containers whose liveness, readiness or startup probe failed in the last five minutes, and active probes whose last attempt did.',
      `(${zero(`count(${failingProbes('cluster, namespace, pod, container, probe_type')} > 0)`)}) + (${zero(`count(probe_success{scope!="shadow", ${NAMESPACE}} == 0)`)})`,
      BAD_FROM_ONE,
      toProbes,
    ),
    sign(
      'Crash loops',
      'Containers that Kubernetes holds back since they end again and again.',
      zero(`sum(${waitingContainers('cluster', 'CrashLoopBackOff')})`),
      BAD_FROM_ONE,
      toProbes,
    ),
    sign(
      'Out-of-memory kills in 1 h',
      'Processes of containers that were killed at their memory limit.',
      zero(`sum(${outOfMemoryKills('cluster', '1h')})`),
      BAD_FROM_ONE,
      panelLink('Namespaces', 'cluster', ['namespace']),
      { decimals: 0 },
    ),
    sign(
      'Cannot start',
      'Containers whose image cannot be pulled or whose configuration is missing, and pods for which there is no node.',
      `(${zero(`sum(${waitingContainers('cluster', '.*Image.*|CreateContainer.*|RunContainerError')})`)}) + (${zero(`count(kube_pod_status_unschedulable{${NAMESPACE}} == 1)`)})`,
      BAD_FROM_ONE,
      toProbes,
    ),
    sign(
      'Restarts in 15 min',
      'Restarts of containers.',
      zero(`sum(${restarts('cluster', '15m')})`),
      steps('green', [1, 'orange'], [10, 'red']),
      toProbes,
      { decimals: 0 },
    ),
  ];
}

function whatElse(): readonly PanelBuilder[] {
  return [
    sign(
      'Rollouts not finished',
      'Deployments, stateful sets and daemon sets with pods of an older template or too few available.',
      zero(`sum(${unfinishedRollouts('cluster')})`),
      WARN_FROM_ONE,
      panelLink('Rollouts', 'rollouts', ['namespace']),
    ),
    sign(
      'Failed jobs',
      'Jobs that gave up and still exist.',
      zero(`sum(${failedJobs('cluster')})`),
      WARN_FROM_ONE,
      panelLink('Jobs', 'jobs', ['namespace']),
    ),
    sign(
      'Fullest volume',
      'The fullest file system of a node or a persistent volume.',
      `max(${volumeShare('cluster')} or max by (cluster) (1 - node_filesystem_avail_bytes{${DISKS}, ${CLUSTER}} / node_filesystem_size_bytes{${DISKS}, ${CLUSTER}}))`,
      FULL,
      panelLink('Storage', 'storage', ['namespace']),
      { unit: 'percentunit', decimals: 0 },
    ),
    sign(
      'Next certificate ends in',
      'The first of the certificates that active probes saw.',
      `min(probe_ssl_earliest_cert_expiry{${NAMESPACE}}) - time()`,
      LIFE,
      panelLink('Certificates', 'certificates', ['namespace']),
      { unit: 's', noValue: 'none probed' },
    ),
    sign(
      'Error lines in 5 min',
      'Log lines of level error or fatal.',
      zero(`sum(${errorLines('cluster')})`),
      WARN_FROM_ONE,
      panelLink('Logs', 'logs', ['namespace']),
      { decimals: 0 },
    ),
    sign(
      'Suppressed alerts',
      'Alerts that a silence or another alert keeps quiet: they are counted above, and nobody is told.',
      zero(`sum(alertmanager_alerts{state="suppressed", ${CLUSTER}})`),
      NEUTRAL,
      panelLink('Alerts', 'alerts', ['namespace']),
    ),
  ];
}

function alerts(): Row {
  return [
    'Which alerts?',
    [
      alertTable(
        'Firing alerts',
        'Critical ones first. Informational alerts are on the page of all alerts.',
        {
          matchers: 'alertstate="firing", alertname!="Watchdog", severity=~"critical|warning"',
          hasState: false,
          height: 11,
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
        headings: { instance: 'Node' },
        columns: [
          {
            name: 'Bad conditions',
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
              `1 - node_filesystem_avail_bytes{${DISKS}, ${HOST}} / node_filesystem_size_bytes{${DISKS}, ${HOST}}`,
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
        sortBy: 'Bad conditions',
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
            `count by (severity) (ALERTS{alertstate="firing", severity!="none", ${NAMESPACE}})`,
            '{{severity}}',
          ],
        ],
        { links: [seriesLink('Alerts', 'alerts', {})], colors: SEVERITY_COLORS },
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
