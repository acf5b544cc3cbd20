import type { Row } from '../dashboard.ts';
import type { PanelLink } from '../links.ts';
import { FULL, lines, stat, steps } from '../panels.ts';
import { CLUSTER, CONTAINER, ofWorkloads, RATE } from '../scopes.ts';
import { table } from '../table.ts';

/*
 * The dashboards of computing resources ask the same at different levels: who uses how much, and what share of what was
 * asked for is that.
 */

/** One level, from the cluster down to the container. */
export interface Level {
  /** The labels that name one of them. */
  readonly by: readonly string[];
  /** Matchers that choose what is looked at, without braces. */
  readonly where: string;
  /** Labels that the metrics lack and that are joined to the pods: the workload to all, the node to the kubelet's. */
  readonly joins?: 'workloads' | 'nodes';
  /** From a row of the tables, by label. */
  readonly rowLinks?: Readonly<Record<string, readonly PanelLink[]>>;
  readonly seriesLinks?: readonly PanelLink[];
}

const CPU_USED = 'node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m';
const MEMORY_USED = 'node_namespace_pod_container:container_memory_working_set_bytes';
const REQUESTS = {
  cpu: 'cluster:namespace:pod_cpu:active:kube_pod_container_resource_requests',
  memory: 'cluster:namespace:pod_memory:active:kube_pod_container_resource_requests',
};
const LIMITS = {
  cpu: 'cluster:namespace:pod_cpu:active:kube_pod_container_resource_limits',
  memory: 'cluster:namespace:pod_memory:active:kube_pod_container_resource_limits',
};

/** A vector of containers or pods from recording rules, added up for the level. */
function total(level: Level, metric: string): string {
  const expr = `${metric}{${level.where}}`;
  const joined = level.joins === 'workloads' ? ofWorkloads(byPod(expr)) : expr;
  return `sum by (${level.by.join(', ')}) (${joined})`;
}

/** The same of the kubelet's own metrics, which `expr` makes from the matchers it is given. */
function totalOfKubelets(level: Level, expr: (where: string) => string): string {
  if (level.joins !== 'nodes') {
    const joined =
      level.joins === 'workloads' ? ofWorkloads(byPod(expr(level.where))) : expr(level.where);
    return `sum by (${level.by.join(', ')}) (${joined})`;
  }
  const pods = `max by (cluster, namespace, pod, node) (node_namespace_pod:kube_pod_info:{${level.where}})`;
  return `sum by (${level.by.join(', ')}) (${byPod(expr(CLUSTER))} * on (cluster, namespace, pod) group_left (node) ${pods})`;
}

function byPod(expr: string): string {
  return `sum by (cluster, namespace, pod) (${expr})`;
}

function legend(level: Level): string {
  return level.by.map((label) => `{{${label}}}`).join(' / ');
}

/** Usage of processors and memory against requests and limits. */
export function usageRows(level: Level): readonly Row[] {
  return [
    [
      'CPU',
      [
        lines(
          'CPU usage',
          'Cores in use, averaged over five minutes.',
          'short',
          [[total(level, CPU_USED), legend(level)]],
          { stacked: true, links: level.seriesLinks ?? [] },
        ),
        lines(
          'CPU throttling',
          'Share of the scheduling periods in which a limit held processes back. Above a quarter, answers get slow.',
          'percentunit',
          [[throttled(level), legend(level)]],
          { max: 1, steps: steps('green', [0.25, 'red']), links: level.seriesLinks ?? [] },
        ),
        shareTable(level, 'cpu', 'CPU against requests and limits', 'short'),
      ],
    ],
    [
      'Memory',
      [
        lines(
          'Memory usage',
          'Working set: what cannot be given back under pressure, and what the kernel compares with the limit.',
          'bytes',
          [[total(level, MEMORY_USED), legend(level)]],
          { stacked: true, links: level.seriesLinks ?? [] },
        ),
        lines(
          'Out-of-memory kills',
          'Processes killed at their memory limit in each five minutes.',
          'short',
          [
            [
              `${totalOfKubelets(level, (where) => `increase(container_oom_events_total{${CONTAINER}, ${where}}[5m])`)} > 0`,
              legend(level),
            ],
          ],
          { links: level.seriesLinks ?? [] },
        ),
        shareTable(level, 'memory', 'Memory against requests and limits', 'bytes'),
      ],
    ],
  ];
}

function throttled(level: Level): string {
  const periods = (which: string): string =>
    totalOfKubelets(
      level,
      (where) => `rate(container_cpu_cfs_${which}periods_total{${CONTAINER}, ${where}}[${RATE}])`,
    );
  return `${periods('throttled_')} / (${periods('')} > 0)`;
}

function shareTable(level: Level, of: 'cpu' | 'memory', title: string, unit: string) {
  const used = total(level, of === 'cpu' ? CPU_USED : MEMORY_USED);
  const requested = total(level, REQUESTS[of]);
  const limited = total(level, LIMITS[of]);
  return table(
    title,
    'Above its request it lives on what others leave; at its limit it is throttled or killed.',
    {
      labels: level.by,
      columns: [
        { name: 'Used', expr: used, unit },
        { name: 'Requested', expr: requested, unit },
        {
          name: 'Used of request',
          expr: `${used} / (${requested} > 0)`,
          unit: 'percentunit',
          steps: steps('green', [1, 'orange']),
        },
        { name: 'Limit', expr: limited, unit },
        {
          name: 'Used of limit',
          expr: `${used} / (${limited} > 0)`,
          unit: 'percentunit',
          steps: FULL,
        },
      ],
      links: level.rowLinks ?? {},
    },
  );
}

/** What goes through the network and to disks. */
export function trafficRow(level: Level): Row {
  const pair = (title: string, description: string, unit: string, metrics: [string, string]) =>
    lines(
      title,
      description,
      unit,
      metrics.map((metric) => [
        totalOfKubelets(level, (where) => `rate(${metric}{${where}}[${RATE}])`),
        `${legend(level)} ${/receive|read/.test(metric) ? 'in' : 'out'}`,
      ]),
      { links: level.seriesLinks ?? [] },
    );
  return [
    'Network and disks',
    [
      pair('Network', 'Bytes per second received (in) and sent (out) by pods.', 'Bps', [
        'container_network_receive_bytes_total',
        'container_network_transmit_bytes_total',
      ]),
      pair('Disk', 'Bytes per second read (in) and written (out) by containers.', 'Bps', [
        `container_fs_reads_bytes_total`,
        `container_fs_writes_bytes_total`,
      ]),
    ],
  ];
}

/** How much of what the nodes can give is used and promised. */
export function commitmentStats(where: string) {
  const stats = (['cpu', 'memory'] as const).flatMap((resource) => {
    const name = resource === 'cpu' ? 'CPU' : 'Memory';
    const allocatable = `sum(kube_node_status_allocatable{resource="${resource}", ${where}})`;
    const used = resource === 'cpu' ? CPU_USED : MEMORY_USED;
    const share = (expr: string): string => `sum(${expr}{${where}}) / ${allocatable}`;
    return [
      stat(`${name} used`, `Share of the allocatable ${name} that containers use.`, share(used), {
        unit: 'percentunit',
        steps: FULL,
        decimals: 0,
      }),
      stat(
        `${name} requested`,
        `Share of the allocatable ${name} that pods have reserved; at 100% nothing more is scheduled.`,
        share(REQUESTS[resource]),
        { unit: 'percentunit', steps: FULL, decimals: 0 },
      ),
      stat(
        `${name} limits`,
        `Sum of the ${name} limits over what is allocatable; above 100% not everyone can have theirs at once.`,
        share(LIMITS[resource]),
        { unit: 'percentunit', steps: steps('green', [1.5, 'orange']), decimals: 0 },
      ),
    ];
  });
  return stats;
}
