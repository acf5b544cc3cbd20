import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { BAD_FROM_ONE, CODE_COLORS, lines, stat, steps } from '../panels.ts';
import { CLUSTER, RATE } from '../scopes.ts';

const API = `job="apiserver", ${CLUSTER}`;
const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'];

/** Does the API server keep its promise? */
export function apiserverDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'apiserver',
    title: 'API server',
    description: 'Does the API server answer in time and without errors, and who asks it so much?',
    variables: ['cluster'],
    rows: [
      [
        'The promise: 99% of requests answered, in time',
        [
          stat(
            'Availability in 30 days',
            'Share of the requests that were answered in time and without a server error.',
            `min(apiserver_request:availability30d{verb="all", ${CLUSTER}} or apiserver_request:availability30d{verb="", ${CLUSTER}})`,
            {
              unit: 'percentunit',
              decimals: 3,
              steps: steps('red', [0.99, 'green']),
            },
          ),
          stat(
            'Answered with an error',
            'Share of the answers of the last five minutes with a code of 500 and above.',
            `(sum(rate(apiserver_request_total{code=~"5..", ${API}}[5m])) or vector(0)) / sum(rate(apiserver_request_total{${API}}[5m]))`,
            { unit: 'percentunit', decimals: 2, steps: steps('green', [0.01, 'red']) },
          ),
          stat(
            'Requests per second',
            'All requests.',
            `sum(rate(apiserver_request_total{${API}}[5m]))`,
            { unit: 'reqps', decimals: 0 },
          ),
          stat(
            'Instances down',
            'API servers that did not answer the last scrape.',
            `count(up{${API}} == 0) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Extensions unavailable',
            'Aggregated APIs that the API server cannot reach.',
            `sum(aggregator_unavailable_apiservice{${CLUSTER}}) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Requests cut off in 5 min',
            'Requests that the API server gave up to protect itself.',
            `sum(increase(apiserver_request_terminations_total{${API}}[5m])) or vector(0)`,
            { steps: BAD_FROM_ONE, decimals: 0 },
          ),
          lines(
            'Burn rate of the error budget',
            'How many times faster than allowed the budget of 30 days is spent, by window: 14 for an hour spends 2% of it.',
            'short',
            WINDOWS.map((window) => [
              `max(apiserver_request:burnrate${window}{${CLUSTER}}) / 0.01`,
              window,
            ]),
            { width: 24, steps: steps('green', [1, 'orange'], [14, 'red']) },
          ),
        ],
      ],
      [
        'Requests',
        [
          lines(
            'Requests by code',
            'Answers per second by their code.',
            'reqps',
            [[`sum by (code) (rate(apiserver_request_total{${API}}[${RATE}]))`, '{{code}}']],
            { stacked: true, colors: CODE_COLORS },
          ),
          lines('Answer time, 99%', 'By verb, without requests that watch.', 's', [
            [
              `histogram_quantile(0.99, sum by (verb, le) (rate(apiserver_request_sli_duration_seconds_bucket{verb!~"WATCH|CONNECT", ${API}}[${RATE}])))`,
              '{{verb}}',
            ],
          ]),
          lines('The ten most asked resources', 'Requests per second.', 'reqps', [
            [
              `topk(10, sum by (verb, resource) (rate(apiserver_request_total{${API}}[${RATE}])))`,
              '{{verb}} {{resource}}',
            ],
          ]),
          lines(
            'Server errors by resource',
            'Answers per second with a code of 500 and above.',
            'reqps',
            [
              [
                `sum by (verb, resource, code) (rate(apiserver_request_total{code=~"5..", ${API}}[${RATE}])) > 0`,
                '{{verb}} {{resource}} {{code}}',
              ],
            ],
          ),
        ],
      ],
      [
        'Work queues and the process',
        [
          lines('Work waiting', 'Items in the work queues.', 'short', [
            [`sum by (name) (workqueue_depth{${API}}) > 0`, '{{name}}'],
          ]),
          lines('Time in work queues, 99%', 'From being queued to being taken.', 's', [
            [
              `histogram_quantile(0.99, sum by (name, le) (rate(workqueue_queue_duration_seconds_bucket{${API}}[${RATE}])))`,
              '{{name}}',
            ],
          ]),
          lines('CPU', 'Cores that each API server uses.', 'short', [
            [`rate(process_cpu_seconds_total{${API}}[${RATE}])`, '{{instance}}'],
          ]),
          lines('Memory', 'Memory that each API server holds.', 'bytes', [
            [`process_resident_memory_bytes{${API}}`, '{{instance}}'],
          ]),
        ],
      ],
    ],
  });
}
