import { rowLink } from '../links.ts';
import type { PanelBuilder } from '../panels.ts';
import { NAMESPACE } from '../scopes.ts';
import { table } from '../table.ts';

/*
 * An alert names what it is about in labels of its own: a deployment, a claim, a device. A column for each would be empty in
 * most rows, so what has no page of its own shares the column "Object".
 */

const OBJECT_LABELS = [
  'service',
  'ingress',
  'job_name',
  'cronjob',
  'horizontalpodautoscaler',
  'poddisruptionbudget',
  'resourcequota',
  'resource',
  'persistentvolumeclaim',
  'persistentvolume',
  'certificate',
  'target',
  'mountpoint',
  'device',
  'master',
  'condition',
  'reason',
  'name',
  'rule_group',
  'address',
];

/** A table of the alerts in `state`; how long their condition holds is told by when they became pending. */
export function alertTable(
  title: string,
  description: string,
  options: { readonly matchers: string; readonly hasState: boolean; readonly height: number },
): PanelBuilder {
  const { matchers, hasState, height } = options;
  const state = hasState ? ['alertstate'] : [];
  const labels = [
    'severity',
    'alertname',
    ...state,
    'namespace',
    'workload',
    'pod',
    'node',
    'object',
  ];
  const active = (namespace: string): string =>
    `(time() - ALERTS_FOR_STATE{${NAMESPACE}}) * ignoring (alertstate) group_right () ALERTS{${matchers}, ${namespace}, ${NAMESPACE}}`;
  // Alerts of nodes name it as `instance`, as the metrics of operating systems do; other instances are addresses.
  const withNode = `label_replace(${active('namespace=""')}, "node", "$1", "instance", "([^:/]+)") or ${active('namespace!=""')}`;
  const withAddress = `label_replace(${withNode}, "address", "$1", "instance", "(.*[:/].*)")`;
  const objects = OBJECT_LABELS.map((label) => `"${label}"`).join(', ');
  const pod = { namespace: 'namespace', pod: 'pod' };
  const namespace = { namespace: 'namespace' };
  return table(title, description, {
    labels,
    columns: [
      {
        name: 'For',
        expr: `max by (${labels.join(', ')}) (label_replace(label_join(${withAddress}, "object", " ", ${objects}), "object", "$1", "object", " *(.*?) *"))`,
        unit: 's',
      },
    ],
    sortBy: 'severity',
    ascending: true,
    noValue: 'no alerts',
    links: {
      alertname: [rowLink('History', 'alerts', namespace)],
      namespace: [
        rowLink('Workloads', 'namespaceWorkloads', namespace),
        rowLink('Logs', 'logs', namespace),
      ],
      workload: [rowLink('Workload', 'workload', { ...namespace, workload: 'workload' })],
      pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)],
      node: [rowLink('Node', 'nodes', { node: 'node' })],
    },
    height,
  });
}
