import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink } from '../links.ts';
import { FULL, lines } from '../panels.ts';
import { CLUSTER, NAMESPACE } from '../scopes.ts';
import { table } from '../table.ts';
import { commitmentStats } from './compute.ts';

/** What counts bytes, unlike cores and objects, needs a column with their unit. */
const BYTES = '.*(memory|storage)';
const amount = (type: 'used' | 'hard', bytes: '=~' | '!~'): string =>
  `max by (namespace, resourcequota, resource) (kube_resourcequota{type="${type}", resource${bytes}"${BYTES}", ${NAMESPACE}})`;
const used = `max by (namespace, resourcequota, resource) (kube_resourcequota{type="used", ${NAMESPACE}})`;
const hard = `max by (namespace, resourcequota, resource) (kube_resourcequota{type="hard", ${NAMESPACE}})`;
const requests = (resource: string): string =>
  `namespace_${resource}:kube_pod_container_resource_requests:sum{${NAMESPACE}}`;
const limits = (resource: string): string =>
  `namespace_${resource}:kube_pod_container_resource_limits:sum{${NAMESPACE}}`;

/** Promises: quotas, requests and limits of namespaces. */
export function quotaDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'quota',
    title: 'Compute / Quotas and commitment',
    description: 'Which quotas run full, and would the cluster survive the loss of a node?',
    variables: ['cluster', 'namespace'],
    rows: [
      ['Of what the nodes can give', commitmentStats(CLUSTER)],
      [
        'Quotas',
        [
          table('Quotas', 'At 100% the API server refuses new pods of the namespace.', {
            labels: ['namespace', 'resourcequota', 'resource'],
            columns: [
              { name: 'Share', expr: `${used} / (${hard} > 0)`, unit: 'percentunit', steps: FULL },
              { name: 'Used', expr: amount('used', '!~') },
              { name: 'Allowed', expr: amount('hard', '!~') },
              { name: 'Bytes used', expr: amount('used', '=~'), unit: 'bytes' },
              { name: 'Bytes allowed', expr: amount('hard', '=~'), unit: 'bytes' },
            ],
            links: {
              namespace: [rowLink('Workloads', 'namespaceWorkloads', { namespace: 'namespace' })],
            },
          }),
          lines(
            'Share of quotas in use',
            'How the quotas filled up.',
            'percentunit',
            [[`${used} / (${hard} > 0)`, '{{namespace}} {{resourcequota}} {{resource}}']],
            { width: 24, steps: FULL },
          ),
        ],
      ],
      [
        'Promises by namespace',
        [
          lines(
            'CPU requests by namespace',
            'Cores that the pods of each namespace reserve.',
            'short',
            [[`sum by (namespace) (${requests('cpu')})`, '{{namespace}}']],
            { stacked: true },
          ),
          lines(
            'Memory requests by namespace',
            'Memory that the pods of each namespace reserve.',
            'bytes',
            [[`sum by (namespace) (${requests('memory')})`, '{{namespace}}']],
            { stacked: true },
          ),
          lines(
            'CPU limits by namespace',
            'Cores that the pods of each namespace may use at most.',
            'short',
            [[`sum by (namespace) (${limits('cpu')})`, '{{namespace}}']],
            { stacked: true },
          ),
          lines(
            'Memory limits by namespace',
            'Memory that the pods of each namespace may use at most.',
            'bytes',
            [[`sum by (namespace) (${limits('memory')})`, '{{namespace}}']],
            { stacked: true },
          ),
        ],
      ],
    ],
  });
}
