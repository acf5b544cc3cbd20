import { dashboard, type DashboardOptions, type PlacedDashboard, type Row } from '../dashboard.ts';
import { seriesLink } from '../links.ts';
import { FULL, lines, type LinesOptions, steps } from '../panels.ts';
import { CLUSTER, HOST } from '../scopes.ts';

/*
 * Utilisation, saturation and errors of each resource, for the whole cluster and for single nodes. In the cluster's view
 * the nodes' shares lie on top of each other: 100% is all nodes.
 */

const DISKS = 'fstype!~"tmpfs|overlay|squashfs"';

/** Utilisation, saturation and errors of all nodes together. */
export function useClusterDashboard(): PlacedDashboard {
  return dashboard('Nodes', {
    ...options('cluster'),
    name: 'useCluster',
    title: 'USE / Cluster',
    description: 'Which resource of the whole cluster is used up, and which node uses it?',
    variables: ['cluster'],
  });
}

/** Utilisation, saturation and errors of a node. */
export function useNodeDashboard(): PlacedDashboard {
  return dashboard('Nodes', {
    ...options('node'),
    name: 'useNode',
    title: 'USE / Node',
    description: 'Which resource of a node is used up, queued for or failing?',
    variables: ['cluster', 'host'],
    subject: 'host',
  });
}

function options(view: 'cluster' | 'node'): Pick<DashboardOptions, 'rows'> {
  const where = view === 'cluster' ? CLUSTER : HOST;
  const look: LinesOptions =
    view === 'cluster'
      ? { stacked: true, links: [seriesLink('Node', 'useNode', { node: 'instance' })] }
      : { steps: FULL, links: [seriesLink('Node', 'nodes', { node: 'instance' })] };
  const { steps: _full, ...withoutSteps } = look;
  /** A ratio of each node, or its part in the cluster's. */
  const part = (ratio: string): string =>
    view === 'cluster'
      ? `${ratio} / on (cluster) group_left () count by (cluster) (instance:node_num_cpu:sum{${where}})`
      : ratio;
  return {
    rows: [
      [
        'CPU',
        [
          lines(
            'CPU utilisation',
            'Share of the cores that is not idle.',
            'percentunit',
            [
              [
                view === 'cluster'
                  ? `instance:node_cpu_utilisation:rate5m{${where}} * instance:node_num_cpu:sum{${where}} / on (cluster) group_left () sum by (cluster) (instance:node_num_cpu:sum{${where}})`
                  : `instance:node_cpu_utilisation:rate5m{${where}}`,
                '{{instance}}',
              ],
            ],
            look,
          ),
          lines(
            'CPU saturation',
            'Load of the last minute per core: above 100% something waits.',
            'percentunit',
            [[part(`instance:node_load1_per_cpu:ratio{${where}}`), '{{instance}}']],
            withoutSteps,
          ),
        ],
      ],
      [
        'Memory',
        [
          lines(
            'Memory utilisation',
            'Share of the memory that is not available.',
            'percentunit',
            [[part(`instance:node_memory_utilisation:ratio{${where}}`), '{{instance}}']],
            look,
          ),
          lines(
            'Memory saturation',
            'Pages per second that had to be read from a disk.',
            'cps',
            [[`instance:node_vmstat_pgmajfault:rate5m{${where}}`, '{{instance}}']],
            withoutSteps,
          ),
        ],
      ],
      networkRow(where, withoutSteps),
      [
        'Disks',
        [
          lines(
            'Disk utilisation',
            'Share of the time in which a disk had something to do.',
            'percentunit',
            [
              [
                part(`instance_device:node_disk_io_time_seconds:rate5m{${where}}`),
                '{{instance}} {{device}}',
              ],
            ],
            look,
          ),
          lines(
            'Disk saturation',
            'How many requests wait for a disk on average.',
            'short',
            [
              [
                `instance_device:node_disk_io_time_weighted_seconds:rate5m{${where}}`,
                '{{instance}} {{device}}',
              ],
            ],
            withoutSteps,
          ),
          lines(
            'Space used',
            'Share of the space of the file systems that is used.',
            'percentunit',
            [
              [
                view === 'cluster'
                  ? `sum by (cluster, instance) (max by (cluster, instance, device) (node_filesystem_size_bytes{${DISKS}, ${where}} - node_filesystem_avail_bytes{${DISKS}, ${where}})) / on (cluster) group_left () sum by (cluster) (max by (cluster, instance, device) (node_filesystem_size_bytes{${DISKS}, ${where}}))`
                  : `1 - node_filesystem_avail_bytes{${DISKS}, ${where}} / node_filesystem_size_bytes{${DISKS}, ${where}}`,
                view === 'cluster' ? '{{instance}}' : '{{instance}} {{mountpoint}}',
              ],
            ],
            { ...look, width: 24 },
          ),
        ],
      ],
    ],
  };
}

function networkRow(where: string, look: LinesOptions): Row {
  const both = (what: 'bytes' | 'drop'): [string, string][] => [
    [`instance:node_network_receive_${what}_physical:rate5m{${where}}`, '{{instance}} received'],
    [`instance:node_network_transmit_${what}_physical:rate5m{${where}}`, '{{instance}} sent'],
  ];
  return [
    'Network',
    [
      lines('Network utilisation', 'Bytes per second.', 'Bps', both('bytes'), look),
      lines('Network saturation', 'Packets per second that were dropped.', 'pps', both('drop'), {
        ...look,
        ...(look.stacked === true ? {} : { steps: steps('green', [1, 'orange']) }),
      }),
    ],
  ];
}
