import { dashboard, type PlacedDashboard, type Row } from '../dashboard.ts';
import { rowLink } from '../links.ts';
import { BAD_BELOW_ONE, BAD_FROM_ONE, lines, stat, steps } from '../panels.ts';
import { CLUSTER, RATE } from '../scopes.ts';
import { table } from '../table.ts';

const sum = (expr: string): string => `(sum(${expr}) or vector(0))`;
const hourly = (metric: string, more = ''): string =>
  sum(`increase(${metric}{${more}${CLUSTER}}[1h])`);
const perSecond = (metric: string, by: string): string =>
  `sum by (${by}) (rate(${metric}{${CLUSTER}}[${RATE}]))`;
/** A group of rules is labelled with its file and its name; the name is enough. */
const byGroup = (how: 'max' | 'sum', expr: string): string =>
  `${how} by (group) (label_replace(${expr}, "group", "$1", "rule_group", "(?:.*;)?(.*)"))`;
const KEPT = {
  unit: 'percentunit',
  decimals: 4,
  width: 8,
  steps: steps('red', [0.999, 'orange'], [0.9999, 'green']),
} as const;

/** Does what watches work: collectors, engine, store, and the three promises that nothing gets lost? */
export function stackDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'stack',
    title: 'Stack health',
    description:
      'Do the collectors, the engine and the store work, and is anything lost on the way?',
    variables: ['cluster'],
    rows: [losses(), collectors(), rules(), store(), queries()],
  });
}

function losses(): Row {
  const delivered = hourly('alertmanager_notifications_total');
  const metrics = hourly('binnacle_output_sent_total', 'kind="metrics", ');
  const records = hourly('binnacle_output_sent_total', 'kind="logs", ');
  const lostRecords = hourly('binnacle_output_dropped_total', 'kind="logs", ');
  return [
    'What was promised: nothing is lost (last hour)',
    [
      stat(
        'Samples kept',
        'Share of the scraped samples that reached the store.',
        `1 - ${hourly('binnacle_output_dropped_total', 'kind="metrics", ')} / (${metrics} + ${hourly('binnacle_output_dropped_total', 'kind="metrics", ')} > 0)`,
        { ...KEPT, noValue: 'nothing sent' },
      ),
      stat(
        'Log records kept',
        'Share of the log records that reached an output.',
        `1 - ${lostRecords} / (${records} + ${lostRecords} > 0)`,
        { ...KEPT, noValue: 'nothing sent' },
      ),
      stat(
        'Notifications delivered',
        'Share of the notifications that a receiver took.',
        `1 - ${hourly('alertmanager_notifications_failed_total')} / (${delivered} > 0)`,
        { ...KEPT, noValue: 'nothing sent' },
      ),
      lines(
        'Lost on the way',
        'Items per second that were given up, by output and reason.',
        'cps',
        [
          [
            `sum by (output, kind, reason) (rate(binnacle_output_dropped_total{${CLUSTER}}[${RATE}])) > 0`,
            '{{output}} {{kind}}: {{reason}}',
          ],
          [
            `${perSecond('binnacle_store_samples_rejected_total', 'reason')} > 0`,
            'refused by the store: {{reason}}',
          ],
          [
            `${perSecond('binnacle_notification_drops_total', 'reason')} > 0`,
            'notifications: {{reason}}',
          ],
        ],
      ),
      lines('Logs lost', 'Bytes per second that were rotated away or cut off.', 'Bps', [
        [`sum(rate(binnacle_log_lost_bytes_total{${CLUSTER}}[${RATE}]))`, 'lost'],
        [`sum(rate(binnacle_log_truncated_bytes_total{${CLUSTER}}[${RATE}]))`, 'cut off'],
      ]),
    ],
  ];
}

function collectors(): Row {
  return [
    'Collectors',
    [
      stat(
        'Targets down',
        'Targets that did not answer the last scrape.',
        `count(up{${CLUSTER}} == 0) or vector(0)`,
        { steps: BAD_FROM_ONE },
      ),
      stat('Targets', 'Targets that are scraped.', `count(up{${CLUSTER}}) or vector(0)`),
      stat(
        'Samples per scrape round',
        'Samples that all targets give in one round.',
        `sum(scrape_samples_scraped{${CLUSTER}}) or vector(0)`,
      ),
      stat(
        'Scrapes over a limit in 1 h',
        'Scrapes that were refused for too many samples, bytes, labels or targets.',
        `${hourly('prometheus_target_scrapes_exceeded_sample_limit_total')} + ${hourly('prometheus_target_scrapes_exceeded_body_size_limit_total')} + ${hourly('prometheus_target_scrape_pool_exceeded_label_limits_total')} + ${hourly('prometheus_target_scrape_pool_exceeded_target_limit_total')}`,
        { steps: BAD_FROM_ONE, decimals: 0 },
      ),
      stat(
        'Waiting to be sent',
        'Items in the queues of the collectors.',
        `sum(binnacle_output_queued{${CLUSTER}}) or vector(0)`,
      ),
      stat(
        'Slowest scrape',
        'The longest of the last scrapes.',
        `max(scrape_duration_seconds{${CLUSTER}})`,
        { unit: 's', steps: steps('green', [5, 'orange'], [10, 'red']) },
      ),
      table('Targets that are down', 'What they would tell is missing everywhere.', {
        labels: ['job', 'instance'],
        noValue: 'none is down',
        columns: [
          {
            name: 'Up',
            expr: `max by (job, instance) (up{${CLUSTER}}) == 0`,
            steps: BAD_BELOW_ONE,
          },
        ],
        links: { job: [rowLink('Alerts', 'alerts', {})] },
        width: 12,
      }),
      lines(
        'Sent',
        'Items per second by output.',
        'cps',
        [
          [
            `sum by (output, kind) (rate(binnacle_output_sent_total{${CLUSTER}}[${RATE}]))`,
            '{{output}} {{kind}}',
          ],
          [
            `sum by (output, kind) (rate(binnacle_output_retried_total{${CLUSTER}}[${RATE}])) > 0`,
            '{{output}} {{kind}} retried',
          ],
        ],
        { height: 9 },
      ),
      lines('Scrape duration', 'The slowest target of each job.', 's', [
        [`max by (job) (scrape_duration_seconds{${CLUSTER}})`, '{{job}}'],
      ]),
      lines('Memory of the stack', 'What collectors and engines hold.', 'bytes', [
        [
          `process_resident_memory_bytes{job=~".*(binnacle|collector|engine).*", ${CLUSTER}}`,
          '{{job}} {{instance}}',
        ],
      ]),
    ],
  ];
}

function rules(): Row {
  return [
    'Rules',
    [
      stat(
        'Watchdog',
        'Whether the alert that always fires does.',
        'max(ALERTS{alertname="Watchdog", alertstate="firing"}) or vector(0)',
        { steps: BAD_BELOW_ONE, words: ['fires', 'silent'] },
      ),
      stat(
        'Failed evaluations in 1 h',
        'Evaluations of rules that ended in an error.',
        hourly('prometheus_rule_evaluation_failures_total'),
        { steps: BAD_FROM_ONE, decimals: 0 },
      ),
      stat(
        'Missed evaluations in 1 h',
        'Rounds that a group left out since the one before took too long.',
        hourly('prometheus_rule_group_iterations_missed_total'),
        { steps: BAD_FROM_ONE, decimals: 0 },
      ),
      stat(
        'Configuration',
        'Whether the last reload of every process succeeded.',
        `min(prometheus_config_last_reload_successful{${CLUSTER}} or alertmanager_config_last_reload_successful{${CLUSTER}})`,
        { steps: BAD_BELOW_ONE, words: ['loaded', 'refused'] },
      ),
      stat(
        'Rules',
        'Rules of all groups.',
        `sum(prometheus_rule_group_rules{${CLUSTER}}) or vector(0)`,
      ),
      stat(
        'Slowest group',
        'The longest last evaluation of a group over its interval: at 100% it misses rounds.',
        `max(prometheus_rule_group_last_duration_seconds{${CLUSTER}} / prometheus_rule_group_interval_seconds{${CLUSTER}})`,
        { unit: 'percentunit', steps: steps('green', [0.5, 'orange'], [0.9, 'red']) },
      ),
      lines('Duration of groups', 'The ten slowest.', 's', [
        [
          `topk(10, ${byGroup('max', `prometheus_rule_group_last_duration_seconds{${CLUSTER}}`)})`,
          '{{group}}',
        ],
      ]),
      lines('Failures', 'Evaluations per second that failed, by group.', 'cps', [
        [
          `${byGroup('sum', `rate(prometheus_rule_evaluation_failures_total{${CLUSTER}}[${RATE}])`)} > 0`,
          '{{group}}',
        ],
      ]),
    ],
  ];
}

function store(): Row {
  return [
    'Store',
    [
      stat(
        'Writable',
        'Whether the store takes samples.',
        `min(binnacle_store_writable{${CLUSTER}})`,
        { steps: BAD_BELOW_ONE, words: ['yes', 'no'] },
      ),
      stat('Series', 'Series in the head.', `sum(prometheus_tsdb_head_series{${CLUSTER}})`),
      stat(
        'Samples per second',
        'Samples that are written.',
        `sum(rate(prometheus_tsdb_head_samples_appended_total{${CLUSTER}}[5m]))`,
        { unit: 'cps', decimals: 0 },
      ),
      stat(
        'Disk free',
        'On the disk of the store.',
        `min(binnacle_store_disk_free_bytes{${CLUSTER}})`,
        { unit: 'bytes', steps: steps('red', [1e9, 'orange'], [5e9, 'green']) },
      ),
      stat(
        'Refused in 1 h',
        'Samples that the store did not take.',
        `${hourly('binnacle_store_samples_rejected_total')} + ${hourly('binnacle_store_series_budget_refusals_total')}`,
        { steps: BAD_FROM_ONE, decimals: 0 },
      ),
      stat(
        'Failed maintenance in 1 h',
        'Rounds of writing blocks or removing old ones that failed.',
        hourly('binnacle_store_maintenance_failures_total'),
        { steps: BAD_FROM_ONE, decimals: 0 },
      ),
      lines('Series over time', 'Series in the head.', 'short', [
        [`prometheus_tsdb_head_series{${CLUSTER}}`, '{{instance}}'],
      ]),
      lines(
        'Room on disk',
        'What blocks and the write log take.',
        'bytes',
        [
          [`sum(prometheus_tsdb_storage_blocks_bytes{${CLUSTER}})`, 'blocks'],
          [`sum(prometheus_tsdb_wal_storage_size_bytes{${CLUSTER}})`, 'write log'],
        ],
        { stacked: true },
      ),
    ],
  ];
}

function queries(): Row {
  return [
    'Queries',
    [
      lines('Queries running and waiting', 'Waiting ones find all places taken.', 'short', [
        [`sum(binnacle_query_running{${CLUSTER}})`, 'running'],
        [`sum(binnacle_query_waiting{${CLUSTER}})`, 'waiting'],
      ]),
      lines('Queries by outcome', 'Queries per second.', 'reqps', [
        [perSecond('binnacle_query_requests_total', 'outcome'), '{{outcome}}'],
      ]),
    ],
  ];
}
