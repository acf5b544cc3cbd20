import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { BAD_FROM_ONE, lines, stat, steps, WARN_FROM_ONE } from '../panels.ts';
import { NAMESPACE } from '../scopes.ts';
import { table } from '../table.ts';
import { unfinishedRollouts } from './problems.ts';

interface Kind {
  readonly title: string;
  readonly label: string;
  readonly wanted: string;
  readonly updated: string;
  readonly ready: string;
  readonly generation: string;
  readonly observed: string;
}

const KINDS: readonly Kind[] = [
  {
    title: 'Deployments',
    label: 'deployment',
    wanted: 'kube_deployment_spec_replicas',
    updated: 'kube_deployment_status_replicas_updated',
    ready: 'kube_deployment_status_replicas_available',
    generation: 'kube_deployment_metadata_generation',
    observed: 'kube_deployment_status_observed_generation',
  },
  {
    title: 'Stateful sets',
    label: 'statefulset',
    wanted: 'kube_statefulset_replicas',
    updated: 'kube_statefulset_status_replicas_updated',
    ready: 'kube_statefulset_status_replicas_ready',
    generation: 'kube_statefulset_metadata_generation',
    observed: 'kube_statefulset_status_observed_generation',
  },
  {
    title: 'Daemon sets',
    label: 'daemonset',
    wanted: 'kube_daemonset_status_desired_number_scheduled',
    updated: 'kube_daemonset_status_updated_number_scheduled',
    ready: 'kube_daemonset_status_number_available',
    generation: 'kube_daemonset_metadata_generation',
    observed: 'kube_daemonset_status_observed_generation',
  },
];

function kindTable({ title, label, wanted, updated, ready, generation, observed }: Kind) {
  const of = (metric: string): string => `max by (namespace, ${label}) (${metric}{${NAMESPACE}})`;
  return table(title, 'Those that lag behind most come first.', {
    labels: ['namespace', label],
    columns: [
      {
        name: 'Missing',
        expr: `clamp_min(${of(wanted)} - ${of(ready)}, 0)`,
        steps: BAD_FROM_ONE,
      },
      {
        name: 'Of an older template',
        expr: `clamp_min(${of(wanted)} - ${of(updated)}, 0)`,
        steps: WARN_FROM_ONE,
      },
      { name: 'Wanted', expr: of(wanted) },
      { name: 'Available', expr: of(ready) },
      {
        name: 'Not yet seen',
        expr: `${of(generation)} - ${of(observed)}`,
        steps: WARN_FROM_ONE,
      },
    ],
    links: {
      [label]: [
        rowLink('Workload', 'workload', { namespace: 'namespace', workload: label }),
        rowLink('Probes', 'probes', { namespace: 'namespace' }),
        rowLink('Logs', 'logs', { namespace: 'namespace' }),
      ],
    },
    height: 8,
  });
}

/** Which rollouts are under way, which are stuck, and what do they wait for? */
export function rolloutsDashboard(): PlacedDashboard {
  const stuck = `count(kube_deployment_status_condition{condition="Progressing", status="false", ${NAMESPACE}} == 1) or vector(0)`;
  return dashboard('Binnacle', {
    name: 'rollouts',
    title: 'Workload rollouts',
    description: 'Which rollouts are under way, which are stuck, and may pods be moved at all?',
    variables: ['cluster', 'namespace'],
    from: 'now-6h',
    rows: [
      [
        'Now',
        [
          stat(
            'Not finished',
            'Workloads with pods of an older template, or fewer available than wanted.',
            `sum(${unfinishedRollouts('cluster')}) or vector(0)`,
            { steps: WARN_FROM_ONE, width: 6 },
          ),
          stat('Stuck', 'Deployments that made no progress within their deadline.', stuck, {
            steps: BAD_FROM_ONE,
            width: 6,
          }),
          stat(
            'Paused',
            'Deployments whose rollout someone paused.',
            `sum(kube_deployment_spec_paused{${NAMESPACE}}) or vector(0)`,
            { steps: WARN_FROM_ONE, width: 6 },
          ),
          stat(
            'Budgets at their limit',
            'Disruption budgets that allow no pod to be moved now: a drain of a node waits for them.',
            `count(kube_poddisruptionbudget_status_pod_disruptions_allowed{${NAMESPACE}} == 0 and kube_poddisruptionbudget_status_expected_pods{${NAMESPACE}} > 0) or vector(0)`,
            { steps: WARN_FROM_ONE, width: 6 },
          ),
        ],
      ],
      ['By kind', KINDS.map(kindTable)],
      [
        'Over time',
        [
          ...KINDS.map(({ title, label, wanted, updated, ready }) =>
            lines(
              `${title} behind`,
              'Pods that are missing or of an older template.',
              'short',
              [
                [
                  `max by (namespace, ${label}) (${wanted}{${NAMESPACE}} - ${ready}{${NAMESPACE}}) > 0`,
                  `{{namespace}} / {{${label}}} missing`,
                ],
                [
                  `max by (namespace, ${label}) (${wanted}{${NAMESPACE}} - ${updated}{${NAMESPACE}}) > 0`,
                  `{{namespace}} / {{${label}}} old`,
                ],
              ],
              {
                links: [
                  seriesLink('Workload', 'workload', { namespace: 'namespace', workload: label }),
                ],
              },
            ),
          ),
          lines(
            'Room in disruption budgets',
            'How many pods may be moved at once.',
            'short',
            [
              [
                `min by (namespace, poddisruptionbudget) (kube_poddisruptionbudget_status_pod_disruptions_allowed{${NAMESPACE}})`,
                '{{namespace}} / {{poddisruptionbudget}}',
              ],
            ],
            { steps: steps('red', [1, 'green']), leastFirst: true },
          ),
        ],
      ],
    ],
  });
}
