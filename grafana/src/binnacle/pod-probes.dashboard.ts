import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import {
  BAD_BELOW_ONE,
  BAD_FROM_ONE,
  lines,
  stat,
  steps,
  timeline,
  WARN_FROM_ONE,
} from '../panels.ts';
import { NAMESPACE, POD, RATE } from '../scopes.ts';
import { table } from '../table.ts';

const pod = { namespace: 'namespace', pod: 'pod' };
const failed = (type: string): string =>
  `count(sum by (namespace, pod, container) (increase(prober_probe_total{probe_type="${type}", result="failed", ${POD}}[5m])) > 0) or vector(0)`;

/** Which pods are not ready, whose probes fail, and who gets no traffic for that? */
export function podProbesDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'probes',
    title: 'Pod liveness and readiness',
    description:
      'Which pods are not ready, which probe fails, and which services are left without a pod?',
    variables: ['cluster', 'namespace', 'pod'],
    rows: [
      [
        'Now',
        [
          stat(
            'Liveness failing',
            'Containers whose liveness probe failed in five minutes: they are about to be restarted.',
            failed('Liveness'),
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Readiness failing',
            'Containers whose readiness probe failed in five minutes: they get no traffic.',
            failed('Readiness'),
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Startup failing',
            'Containers whose startup probe failed in five minutes; normal while they start.',
            failed('Startup'),
            { steps: WARN_FROM_ONE },
          ),
          stat(
            'Services without endpoints',
            'Services whose pods are all unready.',
            `count(count by (cluster, namespace, endpointslice) (kube_endpointslice_endpoints{${NAMESPACE}}) unless count by (cluster, namespace, endpointslice) (kube_endpointslice_endpoints{ready="true", ${NAMESPACE}})) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Verdicts that differ',
            'Containers that our own probe and the kubelet judge differently: a network policy, or a probe that lies.',
            `sum(binnacle_pod_probe_mismatch{${POD}}) or vector(0)`,
            { steps: WARN_FROM_ONE },
          ),
          stat(
            'Restarts in 15 min',
            'Restarts of containers.',
            `sum(increase(kube_pod_container_status_restarts_total{${POD}}[15m])) or vector(0)`,
            {
              steps: WARN_FROM_ONE,
              decimals: 0,
            },
          ),
        ],
      ],
      [
        'Which containers?',
        [
          table('Failing probes', 'Containers with a failed probe in the last 15 minutes.', {
            labels: ['namespace', 'pod', 'container', 'probe_type'],
            columns: [
              {
                name: 'Failed in 15 min',
                expr: `round(sum by (namespace, pod, container, probe_type) (increase(prober_probe_total{result="failed", ${POD}}[15m]))) > 0`,
                steps: steps('orange', [10, 'red']),
              },
              {
                name: 'Share that failed',
                expr: `sum by (namespace, pod, container, probe_type) (increase(prober_probe_total{result="failed", ${POD}}[15m])) / (sum by (namespace, pod, container, probe_type) (increase(prober_probe_total{${POD}}[15m])) > 0) > 0`,
                unit: 'percentunit',
                steps: steps('orange', [0.5, 'red']),
              },
            ],
            links: {
              pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)],
              container: [rowLink('Logs', 'logs', pod)],
            },
          }),
          table(
            'Pods that are not ready',
            "With the time since they were last ready, as far back as the page's time reaches.",
            {
              labels: ['namespace', 'pod'],
              columns: [
                {
                  name: 'Not ready for',
                  expr: `(time() - (max by (namespace, pod) (max_over_time(timestamp(kube_pod_status_ready{condition="true", ${POD}} == 1)[$__range:1m])) or max by (namespace, pod) (clamp_min(kube_pod_created{${POD}}, time() - $__range_s)))) and on (namespace, pod) (kube_pod_status_ready{condition!="true", ${POD}} == 1) and on (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Running", ${POD}} == 1)`,
                  unit: 's',
                },
              ],
              links: { pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)] },
              width: 12,
            },
          ),
          table('Why containers wait', 'The reasons that Kubernetes gives.', {
            labels: ['namespace', 'pod', 'container', 'reason'],
            columns: [
              {
                name: 'Containers',
                expr: `sum by (namespace, pod, container, reason) (kube_pod_container_status_waiting_reason{${POD}} or kube_pod_init_container_status_waiting_reason{${POD}}) > 0`,
              },
            ],
            links: { pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)] },
            width: 12,
          }),
        ],
      ],
      [
        'Since when?',
        [
          timeline(
            'Readiness of pods',
            'Red: not ready. Only pods that were not ready at some time are shown, and no finished jobs.',
            [
              [
                `min by (namespace, pod) (kube_pod_status_ready{condition="true", ${POD}}) and on (namespace, pod) min_over_time(kube_pod_status_ready{condition="true", ${POD}}[$__range] @ end()) == 0 unless on (namespace, pod) kube_pod_status_phase{phase="Succeeded", ${POD}} @ end() == 1`,
                '{{namespace}} / {{pod}}',
              ],
            ],
            BAD_BELOW_ONE,
            {
              links: [seriesLink('Pod', 'pod', pod), seriesLink('Logs', 'logs', pod)],
              noValue: 'all were ready all the time',
            },
          ),
          lines(
            'Failed probes',
            'Failed probes per second, as the kubelet counts them.',
            'cps',
            [
              [
                `sum by (namespace, pod, container, probe_type) (rate(prober_probe_total{result="failed", ${POD}}[${RATE}])) > 0`,
                '{{namespace}} / {{pod}} / {{container}} {{probe_type}}',
              ],
            ],
            { links: [seriesLink('Logs', 'logs', pod)], noValue: 'none failed' },
          ),
          lines(
            'Duration of probes, 99%',
            'A probe that comes near its timeout fails under load.',
            's',
            [
              [
                `histogram_quantile(0.99, sum by (namespace, container, probe_type, le) (rate(prober_probe_duration_seconds_bucket{${POD}}[${RATE}])))`,
                '{{namespace}} / {{container}} {{probe_type}}',
              ],
            ],
          ),
          timeline(
            'Last verdicts of our own probes',
            'Red: the probe of the same address, sent by the collector, failed. Only those that failed at some time are shown.',
            [
              [
                `min by (namespace, pod, container, probe_type) (binnacle_pod_probe_result{${POD}}) and on (namespace, pod, container, probe_type) min_over_time(binnacle_pod_probe_result{${POD}}[$__range] @ end()) == 0`,
                '{{namespace}} / {{pod}} / {{container}} {{probe_type}}',
              ],
            ],
            BAD_BELOW_ONE,
            { links: [seriesLink('Logs', 'logs', pod)], noValue: 'none failed' },
          ),
        ],
      ],
    ],
  });
}
