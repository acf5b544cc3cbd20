import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import {
  BAD_BELOW_ONE,
  BAD_FROM_ONE,
  lines,
  NEUTRAL,
  SEVERITY_COLORS,
  stat,
  steps,
  WARN_FROM_ONE,
} from '../panels.ts';
import { CLUSTER, NAMESPACE, RATE } from '../scopes.ts';
import { table } from '../table.ts';
import { alertTable } from './alert-table.ts';

/** All but the alert that always fires and the one that only mutes others. */
const REAL = `alertname!~"Watchdog|InfoInhibitor", ${NAMESPACE}`;
const firing = `ALERTS{alertstate="firing", ${REAL}}`;
/** How often an alert began in the window: the time since which it is active changes each time. */
const BEGINNINGS = `sum by (alertname) (changes(ALERTS_FOR_STATE{${REAL}}[1d]) + 1)`;
const MINUTES_FIRING = `sum by (alertname) (count_over_time(${firing}[1d:1m]))`;

const notified = (what: string): string =>
  `sum by (integration) (rate(alertmanager_notifications_${what}total{${CLUSTER}}[${RATE}]))`;

/** What fires, what fired, how long did it last, and did the notifications arrive? */
export function alertsDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'alerts',
    title: 'Alerts',
    description:
      'What fires, what fired, how long does it last, which rules are noise, and do notifications arrive?',
    variables: ['cluster', 'namespace'],
    from: 'now-24h',
    rows: [
      [
        'Now',
        [
          stat(
            'Critical',
            'Alerts of severity critical that fire.',
            `count(${firing.replace('{', '{severity="critical", ')}) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Warning',
            'Alerts of severity warning that fire.',
            `count(${firing.replace('{', '{severity="warning", ')}) or vector(0)`,
            { steps: WARN_FROM_ONE },
          ),
          stat(
            'Pending',
            'Alerts whose condition holds, but not for long enough yet.',
            `count(ALERTS{alertstate="pending", ${REAL}}) or vector(0)`,
          ),
          stat(
            'Suppressed',
            'Alerts that a silence or another alert keeps quiet.',
            `sum(alertmanager_alerts{state="suppressed", ${CLUSTER}}) or vector(0)`,
            { steps: NEUTRAL },
          ),
          stat(
            'Notifications delivered in 1 h',
            'Share of the notifications that arrived.',
            `1 - sum(increase(alertmanager_notifications_failed_total{${CLUSTER}}[1h])) / (sum(increase(alertmanager_notifications_total{${CLUSTER}}[1h])) > 0)`,
            {
              unit: 'percentunit',
              decimals: 1,
              steps: steps('red', [0.9, 'orange'], [0.999, 'green']),
              noValue: 'none sent',
            },
          ),
          stat(
            'Watchdog',
            'Whether the alert that always fires does: the path of alerts works as far as the engine.',
            'max(ALERTS{alertname="Watchdog", alertstate="firing"}) or vector(0)',
            { steps: BAD_BELOW_ONE, words: ['fires', 'silent'] },
          ),
          alertTable('Active alerts', 'Pending and firing, critical ones first.', {
            matchers: 'alertname!~"Watchdog|InfoInhibitor"',
            hasState: true,
            height: 14,
          }),
        ],
      ],
      [
        'History',
        [
          lines(
            'Firing by severity',
            'How many alerts fired at once.',
            'short',
            [[`count by (severity) (${firing})`, '{{severity}}']],
            { stacked: true, colors: SEVERITY_COLORS },
          ),
          lines('Firing by alert', 'The ten alerts with most instances.', 'short', [
            [`topk(10, count by (alertname) (${firing}))`, '{{alertname}}'],
          ]),
        ],
      ],
      [
        'Noise and duration, last 24 hours',
        [
          table(
            'Alerts of the last 24 hours',
            'What begins often and ends by itself is noise: it needs a longer `for`, another limit, or to go.',
            {
              labels: ['alertname'],
              columns: [
                {
                  name: 'Began',
                  expr: BEGINNINGS,
                  steps: steps('green', [10, 'orange'], [50, 'red']),
                },
                { name: 'Time firing', expr: `${MINUTES_FIRING} * 60`, unit: 's' },
                {
                  name: 'Mean time to resolve',
                  expr: `${MINUTES_FIRING} * 60 / ${BEGINNINGS}`,
                  unit: 's',
                },
              ],
            },
          ),
          stat(
            'Mean time to resolve',
            'Time that alerts fired over how often one began, the last 24 hours.',
            `sum(${MINUTES_FIRING}) * 60 / sum(${BEGINNINGS})`,
            { unit: 's', width: 6, noValue: 'nothing fired' },
          ),
          stat(
            'Mean time to acknowledge',
            'From the start of an alert to the first acknowledgement or silence that somebody made for it, the last 24 hours.',
            `sum(increase(binnacle_alert_time_to_acknowledge_seconds_sum{${CLUSTER}}[1d])) / (sum(increase(binnacle_alert_time_to_acknowledge_seconds_count{${CLUSTER}}[1d])) > 0)`,
            { unit: 's', width: 6, noValue: 'none acknowledged' },
          ),
          stat(
            'Mean time to notify',
            'From handing a notification to a receiver until it was taken, the last hour.',
            `sum(rate(alertmanager_notification_latency_seconds_sum{${CLUSTER}}[1h])) / (sum(rate(alertmanager_notification_latency_seconds_count{${CLUSTER}}[1h])) > 0)`,
            { unit: 's', width: 6, steps: steps('green', [5, 'orange']), noValue: 'none sent' },
          ),
          stat(
            'Active silences',
            'Silences that are in force; acknowledgements are silences too.',
            `sum(alertmanager_silences{state="active", ${CLUSTER}}) or vector(0)`,
            { width: 6 },
          ),
        ],
      ],
      [
        'Notifications',
        [
          lines('Sent', 'Notifications per second, by integration.', 'cps', [
            [`${notified('')} > 0`, '{{integration}}'],
          ]),
          lines('Failed', 'Notifications per second that did not arrive, by reason.', 'cps', [
            [
              `sum by (integration, reason) (rate(alertmanager_notifications_failed_total{${CLUSTER}}[${RATE}])) > 0`,
              '{{integration}} {{reason}}',
            ],
          ]),
          lines('Time to deliver, 99%', 'How long receivers take.', 's', [
            [
              `histogram_quantile(0.99, sum by (integration, le) (rate(alertmanager_notification_latency_seconds_bucket{${CLUSTER}}[${RATE}])))`,
              '{{integration}}',
            ],
          ]),
          lines(
            'Owed and dropped',
            'Notifications that wait, and those that were given up.',
            'short',
            [
              [`sum(binnacle_notifications_owed{${CLUSTER}})`, 'owed'],
              [
                `sum by (reason) (increase(binnacle_notification_drops_total{${CLUSTER}}[1h])) > 0`,
                'dropped in 1 h: {{reason}}',
              ],
            ],
          ),
        ],
      ],
    ],
  });
}
