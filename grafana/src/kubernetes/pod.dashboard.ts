import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { panelLink, rowLink } from '../links.ts';
import { BAD_BELOW_ONE, BAD_FROM_ONE, lines, stat, timeline } from '../panels.ts';
import { POD } from '../scopes.ts';
import { table } from '../table.ts';
import { type Level, trafficRow, usageRows } from './compute.ts';

/** A pod by container: its state first, then what it uses. */
export function podDashboard(): PlacedDashboard {
  const level: Level = { by: ['pod', 'container'], where: POD };
  return dashboard('Kubernetes', {
    name: 'pod',
    title: 'Compute / Pod',
    description: 'Why is this pod not well, and what do its containers use?',
    variables: ['cluster', 'namespace', 'pod'],
    subject: 'pod',
    rows: [
      [
        'State',
        [
          stat(
            'Not ready',
            'Pods that are not ready.',
            `sum(kube_pod_status_ready{condition="false", ${POD}})`,
            { steps: BAD_FROM_ONE, links: [panelLink('Probes', 'probes', ['namespace', 'pod'])] },
          ),
          stat(
            'Restarts in 1 h',
            'Restarts of containers in the last hour.',
            `sum(increase(kube_pod_container_status_restarts_total{${POD}}[1h]))`,
            { steps: BAD_FROM_ONE, decimals: 0 },
          ),
          stat(
            'Probe failures in 15 min',
            'Failed liveness, readiness and startup probes that the kubelet counted.',
            `sum(increase(prober_probe_total{result="failed", ${POD}}[15m])) or vector(0)`,
            {
              steps: BAD_FROM_ONE,
              decimals: 0,
              links: [panelLink('Probes', 'probes', ['namespace', 'pod'])],
            },
          ),
          stat(
            'Error lines in 15 min',
            'Log lines of level error or fatal.',
            `sum(increase(binnacle_log_lines_total{level=~"error|fatal", ${POD}}[15m])) or vector(0)`,
            {
              steps: BAD_FROM_ONE,
              decimals: 0,
              links: [panelLink('Logs', 'logs', ['namespace', 'pod'])],
            },
          ),
          stat(
            'Age',
            'Since the oldest of the chosen pods started.',
            `time() - min(kube_pod_start_time{${POD}})`,
            { unit: 's', width: 8 },
          ),
          timeline(
            'Containers ready',
            'Red: the container was not ready.',
            [
              [
                `max by (pod, container) (kube_pod_container_status_ready{${POD}})`,
                '{{pod}} / {{container}}',
              ],
            ],
            BAD_BELOW_ONE,
            { height: 5 },
          ),
          table('Why', 'What a container waits for, and how it ended the last time.', {
            labels: ['pod', 'container', 'reason'],
            columns: [
              {
                name: 'Waiting',
                expr: `max by (pod, container, reason) (kube_pod_container_status_waiting_reason{${POD}}) > 0`,
                one: 'now',
                steps: BAD_FROM_ONE,
              },
              {
                name: 'Ended last',
                expr: `max by (pod, container, reason) (kube_pod_container_status_last_terminated_reason{${POD}}) > 0`,
                one: 'the last time',
              },
            ],
            links: {
              container: [rowLink('Logs', 'logs', { pod: 'pod' })],
            },
            width: 12,
            noValue: 'nothing waits, nothing ended badly',
          }),
          lines(
            'Restarts',
            'Restarts of each container in five minutes.',
            'short',
            [
              [
                `sum by (pod, container) (increase(kube_pod_container_status_restarts_total{${POD}}[5m]))`,
                '{{pod}} / {{container}}',
              ],
            ],
            { height: 9 },
          ),
        ],
      ],
      ...usageRows(level),
      trafficRow({ by: ['pod'], where: POD }),
    ],
  });
}
