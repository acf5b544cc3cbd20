import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink } from '../links.ts';
import { BAD_FROM_ONE, lines, stat, steps, WARN_FROM_ONE } from '../panels.ts';
import { NAMESPACE } from '../scopes.ts';
import { table } from '../table.ts';
import { failedJobs } from './problems.ts';

const job = (metric: string): string =>
  `max by (namespace, job_name) (kube_job_${metric}{${NAMESPACE}})`;
const cron = (metric: string): string =>
  `max by (namespace, cronjob) (kube_cronjob_${metric}{${NAMESPACE}})`;
const awake = `(${cron('spec_suspend')} == 0)`;
const overdue = `(time() - ${cron('next_schedule_time')} > 0) and ${awake}`;

/** Did what should run by the clock run, and did it succeed? */
export function jobsDashboard(): PlacedDashboard {
  const logs = [
    rowLink('Pods', 'namespacePods', { namespace: 'namespace' }),
    rowLink('Logs', 'logs', { namespace: 'namespace' }),
  ];
  return dashboard('Binnacle', {
    name: 'jobs',
    title: 'Jobs and cron jobs',
    description: 'Which jobs failed, which run too long, and which were never started?',
    variables: ['cluster', 'namespace'],
    from: 'now-24h',
    rows: [
      [
        'Now',
        [
          stat(
            'Failed jobs',
            'Jobs that gave up and still exist.',
            `sum(${failedJobs('cluster')}) or vector(0)`,
            { steps: BAD_FROM_ONE, width: 6 },
          ),
          stat(
            'Running jobs',
            'Jobs with running pods.',
            `count(${job('status_active')} > 0) or vector(0)`,
            { width: 6 },
          ),
          stat(
            'Overdue cron jobs',
            'Cron jobs whose next start lies in the past by more than five minutes.',
            `count((${overdue}) > 300) or vector(0)`,
            { steps: BAD_FROM_ONE, width: 6 },
          ),
          stat(
            'Suspended cron jobs',
            'Cron jobs that somebody switched off.',
            `sum(${cron('spec_suspend')}) or vector(0)`,
            { steps: WARN_FROM_ONE, width: 6 },
          ),
        ],
      ],
      [
        'Which?',
        [
          table('Cron jobs', 'The ones that succeeded longest ago first.', {
            labels: ['namespace', 'cronjob'],
            columns: [
              {
                name: 'Last success ago',
                expr: `time() - ${cron('status_last_successful_time')}`,
                unit: 's',
              },
              {
                name: 'Last start ago',
                expr: `time() - ${cron('status_last_schedule_time')}`,
                unit: 's',
              },
              {
                name: 'Next start in',
                expr: `${cron('next_schedule_time')} - time()`,
                unit: 's',
                steps: steps('red', [-300, 'green']),
              },
              { name: 'Running', expr: cron('status_active') },
              { name: 'Suspended', expr: cron('spec_suspend'), steps: WARN_FROM_ONE },
            ],
            links: { cronjob: logs, namespace: logs },
          }),
          table('Failed jobs by reason', 'Why they gave up.', {
            labels: ['namespace', 'job_name', 'reason'],
            columns: [
              {
                name: 'Failed pods',
                expr: `sum by (namespace, job_name, reason) (kube_job_status_failed{${NAMESPACE}}) > 0`,
                steps: BAD_FROM_ONE,
              },
            ],
            links: { job_name: logs },
            width: 12,
          }),
          table('Running for', 'Jobs with running pods, the longest first.', {
            labels: ['namespace', 'job_name'],
            columns: [
              {
                name: 'Running for',
                expr: `(time() - ${job('status_start_time')}) and (${job('status_active')} > 0)`,
                unit: 's',
                steps: steps('green', [43_200, 'orange']),
              },
            ],
            links: { job_name: logs },
            width: 12,
          }),
        ],
      ],
      [
        'Over time',
        [
          lines(
            'Running',
            'Pods of jobs that run.',
            'short',
            [[`sum by (namespace) (kube_job_status_active{${NAMESPACE}})`, '{{namespace}}']],
            { stacked: true },
          ),
          lines('Failed', 'Jobs that gave up and still exist.', 'short', [
            [
              `sum by (namespace) (kube_job_failed{condition="true", ${NAMESPACE}})`,
              '{{namespace}}',
            ],
          ]),
          lines('Duration', 'How long finished jobs took.', 's', [
            [
              `${job('status_completion_time')} - ${job('status_start_time')}`,
              '{{namespace}} / {{job_name}}',
            ],
          ]),
          lines('Time since the last success', 'Of cron jobs that are not suspended.', 's', [
            [
              `(time() - ${cron('status_last_successful_time')}) and ${awake}`,
              '{{namespace}} / {{cronjob}}',
            ],
          ]),
        ],
      ],
    ],
  });
}
