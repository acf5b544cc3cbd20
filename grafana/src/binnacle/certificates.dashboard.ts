import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { BAD_BELOW_ONE, BAD_FROM_ONE, lines, stat, steps, timeline } from '../panels.ts';
import { CLUSTER, NAMESPACE, RATE } from '../scopes.ts';
import { table } from '../table.ts';
import { DAY, LIFE } from './problems.ts';

const expiry = `min by (job, instance) (probe_ssl_earliest_cert_expiry{${NAMESPACE}}) - time()`;
const kubeletTtl = (side: 'client' | 'server'): string =>
  `min by (instance) (kubelet_certificate_manager_${side}_ttl_seconds{${CLUSTER}})`;

/** Do the probed addresses answer, and which certificate ends next? */
export function certificatesDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'certificates',
    title: 'Certificates and probes',
    description:
      'Which probed address does not answer, how slowly do the others, and which certificate ends next?',
    variables: ['cluster', 'namespace'],
    from: 'now-6h',
    rows: [
      [
        'Now',
        [
          stat(
            'Probes failing',
            'Active probes whose last attempt failed.',
            `count(probe_success{scope!="shadow", ${NAMESPACE}} == 0) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Success in the last hour',
            'Share of the attempts that succeeded.',
            `avg(avg_over_time(probe_success{scope!="shadow", ${NAMESPACE}}[1h]))`,
            {
              unit: 'percentunit',
              decimals: 2,
              steps: steps('red', [0.99, 'orange'], [0.999, 'green']),
            },
          ),
          stat(
            'Next probed certificate ends in',
            'The first of all certificates that active probes saw.',
            `min(${expiry})`,
            { unit: 's', steps: LIFE, noValue: 'none probed' },
          ),
          stat(
            'Next kubelet certificate ends in',
            'Client and server certificates; the kubelet renews them itself.',
            `min(${kubeletTtl('client')} or ${kubeletTtl('server')})`,
            {
              unit: 's',
              steps: steps('red', [DAY, 'orange'], [7 * DAY, 'green']),
              noValue: 'not told',
            },
          ),
          stat(
            'Renewals that failed in 1 h',
            'Kubelets that could not renew a certificate.',
            `(sum(increase(kubelet_certificate_manager_client_expiration_renew_errors{${CLUSTER}}[1h])) or vector(0)) + (sum(increase(kubelet_server_expiration_renew_errors{${CLUSTER}}[1h])) or vector(0))`,
            { steps: BAD_FROM_ONE, decimals: 0 },
          ),
          stat(
            'Clients with a week left',
            'Requests to the API server in the last hour with a client certificate of less than a week.',
            `sum(increase(apiserver_client_certificate_expiration_seconds_bucket{le=~"604800(\\\\.0)?", ${CLUSTER}}[1h])) or vector(0)`,
            { steps: steps('green', [1, 'orange']), decimals: 0 },
          ),
        ],
      ],
      [
        'Probes',
        [
          table('Probes', 'The failing and the slowest first.', {
            labels: ['job', 'instance'],
            columns: [
              {
                name: 'Failing',
                expr: `1 - min by (job, instance) (probe_success{scope!="shadow", ${NAMESPACE}})`,
                steps: BAD_FROM_ONE,
              },
              {
                name: 'Success in 24 h',
                expr: `avg by (job, instance) (avg_over_time(probe_success{scope!="shadow", ${NAMESPACE}}[1d]))`,
                unit: 'percentunit',
                steps: steps('red', [0.99, 'orange'], [0.999, 'green']),
              },
              {
                name: 'Duration',
                expr: `max by (job, instance) (probe_duration_seconds{${NAMESPACE}})`,
                unit: 's',
              },
              {
                name: 'HTTP code',
                expr: `max by (job, instance) (probe_http_status_code{${NAMESPACE}}) > 0`,
                steps: steps('green', [400, 'orange'], [500, 'red']),
              },
              { name: 'Certificate ends in', expr: expiry, unit: 's', steps: LIFE },
            ],
            links: { instance: [rowLink('Alerts', 'alerts', {})] },
          }),
          timeline(
            'Results',
            'Red: the attempt failed.',
            [
              [
                `min by (job, instance) (probe_success{scope!="shadow", ${NAMESPACE}})`,
                '{{job}} {{instance}}',
              ],
            ],
            BAD_BELOW_ONE,
          ),
          lines('Duration of probes', 'From the first packet to the verdict.', 's', [
            [
              `max by (job, instance) (probe_duration_seconds{${NAMESPACE}})`,
              '{{job}} {{instance}}',
            ],
          ]),
          lines(
            'HTTP probes by phase',
            'Where the time goes: looking the name up, connecting, TLS, waiting, reading.',
            's',
            [
              [
                `sum by (instance, phase) (probe_http_duration_seconds{${NAMESPACE}})`,
                '{{instance}} {{phase}}',
              ],
            ],
            { stacked: true },
          ),
        ],
      ],
      [
        'Certificates',
        [
          lines(
            'Probed certificates',
            'Time that is left; the line jumps up at a renewal.',
            's',
            [[expiry, '{{job}} {{instance}}']],
            { steps: LIFE, leastFirst: true },
          ),
          lines(
            'Certificates of kubelets',
            'Time that is left.',
            's',
            [
              [kubeletTtl('client'), '{{instance}} client'],
              [kubeletTtl('server'), '{{instance}} server'],
            ],
            { links: [seriesLink('Kubelets', 'kubelet', {})], leastFirst: true },
          ),
          lines(
            'Failed renewals',
            'Attempts per second.',
            'cps',
            [
              [
                `sum by (instance) (rate(kubelet_certificate_manager_client_expiration_renew_errors{${CLUSTER}}[${RATE}]))`,
                '{{instance}} client',
              ],
              [
                `sum by (instance) (rate(kubelet_server_expiration_renew_errors{${CLUSTER}}[${RATE}]))`,
                '{{instance}} server',
              ],
            ],
            { width: 24 },
          ),
        ],
      ],
    ],
  });
}
