import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { BAD_FROM_ONE, FULL, lines, stat, WARN_FROM_ONE } from '../panels.ts';
import { NAMESPACE } from '../scopes.ts';
import { table } from '../table.ts';

const of = (what: string): string =>
  `max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_${what}{${NAMESPACE}})`;
const LEGEND = '{{namespace}} / {{horizontalpodautoscaler}}';
const blind = `sum by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_condition{condition="ScalingActive", status="false", ${NAMESPACE}})`;

/** Do the autoscalers have room, and do they see? */
export function hpaDashboard(): PlacedDashboard {
  const workloads = [rowLink('Workloads', 'namespaceWorkloads', { namespace: 'namespace' })];
  return dashboard('Binnacle', {
    name: 'hpa',
    title: 'Horizontal autoscaling',
    description: 'Which autoscalers are at their end, cannot see their metric, or wait for pods?',
    variables: ['cluster', 'namespace'],
    from: 'now-6h',
    rows: [
      [
        'Now',
        [
          stat(
            'At the maximum',
            'Autoscalers that want no more only since they may not have more.',
            `count(${of('status_current_replicas')} >= ${of('spec_max_replicas')}) or vector(0)`,
            { steps: WARN_FROM_ONE, width: 6 },
          ),
          stat(
            'Without metrics',
            'Autoscalers that cannot read what they scale by, and so do nothing.',
            `count(${blind} > 0) or vector(0)`,
            { steps: BAD_FROM_ONE, width: 6 },
          ),
          stat(
            'Waiting for pods',
            'Autoscalers with another number of pods than they want.',
            `count(${of('status_current_replicas')} != ${of('status_desired_replicas')}) or vector(0)`,
            { steps: WARN_FROM_ONE, width: 6 },
          ),
          stat('Autoscalers', 'All of them.', `count(${of('spec_max_replicas')}) or vector(0)`, {
            width: 6,
          }),
          table('Every autoscaler', 'Those that use most of their range first.', {
            labels: ['namespace', 'horizontalpodautoscaler'],
            columns: [
              {
                name: 'Of the maximum',
                expr: `${of('status_current_replicas')} / ${of('spec_max_replicas')}`,
                unit: 'percentunit',
                steps: FULL,
              },
              { name: 'Has', expr: of('status_current_replicas') },
              { name: 'Wants', expr: of('status_desired_replicas') },
              { name: 'Minimum', expr: of('spec_min_replicas') },
              { name: 'Maximum', expr: of('spec_max_replicas') },
              { name: 'Without metrics', expr: blind, steps: BAD_FROM_ONE },
            ],
            links: { horizontalpodautoscaler: workloads, namespace: workloads },
          }),
        ],
      ],
      [
        'Over time',
        [
          lines(
            'Pods',
            'What each autoscaler has.',
            'short',
            [[of('status_current_replicas'), LEGEND]],
            {
              links: [seriesLink('Workloads', 'namespaceWorkloads', { namespace: 'namespace' })],
            },
          ),
          lines(
            'Pods wanted and not there',
            'Wanted less present: pods that do not start.',
            'short',
            [[`${of('status_desired_replicas')} - ${of('status_current_replicas')} > 0`, LEGEND]],
          ),
          lines(
            'Use of the range',
            'Share of the maximum.',
            'percentunit',
            [[`${of('status_current_replicas')} / ${of('spec_max_replicas')}`, LEGEND]],
            { max: 1, steps: FULL },
          ),
          lines(
            'Changes of mind',
            'How often the wanted number changed in an hour: more than a few is flapping.',
            'short',
            [
              [
                `max by (namespace, horizontalpodautoscaler) (changes(kube_horizontalpodautoscaler_status_desired_replicas{${NAMESPACE}}[1h]))`,
                LEGEND,
              ],
            ],
          ),
        ],
      ],
    ],
  });
}
