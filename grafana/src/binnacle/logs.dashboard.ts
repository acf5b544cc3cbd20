import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import {
  BAD_FROM_ONE,
  countedLines,
  LEVEL_COLORS,
  lines,
  logLines,
  stat,
  steps,
  WARN_FROM_ONE,
} from '../panels.ts';
import { CLUSTER, POD, RATE } from '../scopes.ts';
import { table } from '../table.ts';

const pod = { namespace: 'namespace', pod: 'pod' };
const counted = (level = ''): string => `binnacle_log_lines_total{${level}${POD}}`;
/** A selector needs something that not every stream has; the collector gives every stream a tag. */
const STORED = '{tag=~".+", namespace=~"$namespace", pod=~"$pod"}';
const ERRORS = 'level=~"error|fatal", ';

/** How much is logged, by whom, with how many errors, and does any of it get lost? */
export function logsDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'logs',
    title: 'Logs',
    description:
      'Who logs how much, who logs errors, does any of it get lost, and what do the lines say?',
    variables: ['cluster', 'namespace', 'pod', 'logs'],
    rows: [
      [
        'Now',
        [
          stat('Lines', 'Lines per second.', `sum(rate(${counted()}[5m])) or vector(0)`, {
            unit: 'cps',
            decimals: 1,
          }),
          stat(
            'Errors',
            'Lines of level error or fatal per second.',
            `sum(rate(${counted(ERRORS)}[5m])) or vector(0)`,
            { unit: 'cps', decimals: 2, steps: steps('green', [0.01, 'orange'], [1, 'red']) },
          ),
          stat(
            'Share of errors',
            'Of all lines whose level is known.',
            `(sum(rate(${counted(ERRORS)}[5m])) or vector(0)) / sum(rate(${counted('level!="", ')}[5m]))`,
            {
              unit: 'percentunit',
              decimals: 2,
              steps: steps('green', [0.01, 'orange'], [0.1, 'red']),
              noValue: 'no lines',
            },
          ),
          stat(
            'Lost in 1 h',
            'Bytes that were rotated away or dropped before they were sent.',
            `sum(increase(binnacle_log_lost_bytes_total{${CLUSTER}}[1h])) or vector(0)`,
            { unit: 'bytes', steps: BAD_FROM_ONE },
          ),
          stat(
            'Behind',
            'Age of the oldest line that was read and not yet delivered.',
            `max(binnacle_log_lag_seconds{${CLUSTER}}) or vector(0)`,
            { unit: 's', steps: steps('green', [30, 'orange'], [300, 'red']) },
          ),
          stat(
            'Records given up in 1 h',
            'Records that an output dropped, whatever the reason.',
            `sum(increase(binnacle_output_dropped_total{kind="logs", ${CLUSTER}}[1h])) or vector(0)`,
            { steps: BAD_FROM_ONE, decimals: 0 },
          ),
        ],
      ],
      [
        'Who?',
        [
          table('Pods with errors', 'In the last 15 minutes, the most first.', {
            labels: ['namespace', 'pod', 'container'],
            columns: [
              {
                name: 'Error lines',
                expr: `topk(50, round(sum by (namespace, pod, container) (increase(${counted(ERRORS)}[15m]))) > 0)`,
                steps: WARN_FROM_ONE,
              },
            ],
            links: { pod: [rowLink('Lines', 'logs', pod), rowLink('Pod', 'pod', pod)] },
            width: 12,
          }),
          table('Who logs most', 'Bytes per second over the last 15 minutes.', {
            labels: ['namespace', 'pod', 'container'],
            columns: [
              {
                name: 'Volume',
                expr: `topk(50, sum by (namespace, pod, container) (rate(binnacle_log_bytes_total{${POD}}[15m])))`,
                unit: 'Bps',
              },
            ],
            links: { pod: [rowLink('Lines', 'logs', pod), rowLink('Pod', 'pod', pod)] },
            width: 12,
          }),
        ],
      ],
      [
        'Since when?',
        [
          lines(
            'Lines by level',
            'Lines per second.',
            'cps',
            [[`sum by (level) (rate(${counted()}[${RATE}]))`, '{{level}}']],
            { stacked: true, colors: LEVEL_COLORS },
          ),
          lines(
            'Errors by namespace',
            'Lines of level error or fatal per second.',
            'cps',
            [[`sum by (namespace) (rate(${counted(ERRORS)}[${RATE}])) > 0`, '{{namespace}}']],
            { links: [seriesLink('Lines', 'logs', { namespace: 'namespace' })] },
          ),
          lines(
            'Volume against a day before',
            'Bytes per second, and at the same time yesterday.',
            'Bps',
            [
              [`sum(rate(binnacle_log_bytes_total{${POD}}[${RATE}]))`, 'now'],
              [`sum(rate(binnacle_log_bytes_total{${POD}}[${RATE}] offset 1d))`, 'a day before'],
            ],
          ),
          lines(
            'Lines by namespace',
            'The ten that log most.',
            'cps',
            [[`topk(10, sum by (namespace) (rate(${counted()}[${RATE}])))`, '{{namespace}}']],
            { links: [seriesLink('Lines', 'logs', { namespace: 'namespace' })] },
          ),
        ],
      ],
      [
        'On the way',
        [
          lines('Sent, retried, failed, dropped', 'Records per second, by output.', 'cps', [
            [
              `sum by (output) (rate(binnacle_output_sent_total{kind="logs", ${CLUSTER}}[${RATE}]))`,
              '{{output}} sent',
            ],
            [
              `sum by (output) (rate(binnacle_output_retried_total{kind="logs", ${CLUSTER}}[${RATE}])) > 0`,
              '{{output}} retried',
            ],
            [
              `sum by (output, reason) (rate(binnacle_output_failed_total{kind="logs", ${CLUSTER}}[${RATE}])) > 0`,
              '{{output}} failed: {{reason}}',
            ],
            [
              `sum by (output, reason) (rate(binnacle_output_dropped_total{kind="logs", ${CLUSTER}}[${RATE}])) > 0`,
              '{{output}} dropped: {{reason}}',
            ],
          ]),
          lines(
            'Behind by output',
            'Age of the oldest line that was not yet delivered.',
            's',
            [
              [
                `max by (instance, output) (binnacle_log_lag_seconds{${CLUSTER}})`,
                '{{instance}} {{output}}',
              ],
            ],
            { steps: steps('green', [30, 'orange'], [300, 'red']) },
          ),
          lines(
            'Written and not shipped',
            'Bytes by which log files grew in an hour, less what was shipped of them in that hour: what is behind, and what was lost.',
            'bytes',
            [
              [
                `sum by (output) (increase(binnacle_log_seen_bytes_total{${POD}}[1h])) - sum by (output) (increase(binnacle_log_shipped_bytes_total{${POD}}[1h]))`,
                '{{output}}',
              ],
              [
                `sum by (output) (binnacle_log_lag_bytes{output!="metrics", ${CLUSTER}})`,
                '{{output}} behind now',
              ],
            ],
          ),
          lines(
            'Left out on purpose',
            'Records per second that were counted and not shipped: excluded by their pod, filtered, sampled, over their rate.',
            'cps',
            [
              [
                `sum by (group, reason) (rate(binnacle_log_dropped_lines_total{${CLUSTER}}[${RATE}])) > 0`,
                '{{group}} {{reason}}',
              ],
            ],
          ),
          lines(
            'Not as expected',
            'Records per second whose pod was not known, that are not of the format of their parser, or that had something to hide.',
            'cps',
            [
              [
                `sum by (group) (rate(binnacle_log_unenriched_total{${CLUSTER}}[${RATE}])) > 0`,
                '{{group}} without their pod',
              ],
              [
                `sum by (group) (rate(binnacle_log_unparsed_lines_total{output="metrics", ${CLUSTER}}[${RATE}])) > 0`,
                '{{group}} not parsed',
              ],
              [
                `sum by (group, kind) (rate(binnacle_log_redactions_total{${CLUSTER}}[${RATE}])) > 0`,
                '{{group}} redacted {{kind}}',
              ],
            ],
            { width: 24, noValue: 'all as expected' },
          ),
        ],
      ],
      [
        'What do they say?',
        [
          countedLines(
            'Stored lines by level',
            'Lines per second, counted over the stored lines themselves.',
            'cps',
            [`sum by (level) (rate(${STORED} [$__auto]))`, '{{level}}'],
            { stacked: true, colors: LEVEL_COLORS },
          ),
          countedLines(
            'Stored bytes by namespace',
            'Bytes per second of the ten that have most, over the stored lines themselves.',
            'Bps',
            [`topk(10, sum by (namespace) (bytes_rate(${STORED} [$__auto])))`, '{{namespace}}'],
            { links: [seriesLink('Lines', 'logs', { namespace: 'namespace' })] },
          ),
          logLines(
            'Newest errors',
            'The newest 500 lines of level error or fatal of the chosen pods.',
            `${STORED} | level=~"error|fatal"`,
          ),
          logLines(
            'Newest lines',
            'The newest 500 lines of the chosen pods, from the data source that the variable Logs names: the engine, a Loki, or what speaks its API.',
            STORED,
          ),
        ],
      ],
    ],
  });
}
