import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { panelLink, rowLink } from '../links.ts';
import { BAD_FROM_ONE, FULL, lines, stat, WARN_FROM_ONE } from '../panels.ts';
import { CLUSTER, NAMESPACE, RATE } from '../scopes.ts';
import { table } from '../table.ts';
import { volumeShare } from './problems.ts';

const DISKS = `fstype!~"tmpfs|overlay|squashfs", ${CLUSTER}`;
const nodeShare = `max by (instance, mountpoint) (1 - node_filesystem_avail_bytes{${DISKS}} / node_filesystem_size_bytes{${DISKS}})`;

/** Is anything full, pending or failing, on nodes and in volumes? */
export function storageDashboard(): PlacedDashboard {
  return dashboard('Binnacle', {
    name: 'storage',
    title: 'Storage',
    description: 'What runs full, which claims wait for a volume, and which disks are slow?',
    variables: ['cluster', 'namespace'],
    from: 'now-6h',
    rows: [
      [
        'Now',
        [
          stat(
            'Fullest volume',
            'Share of the fullest persistent volume.',
            `max(${volumeShare('cluster')})`,
            {
              unit: 'percentunit',
              decimals: 0,
              steps: FULL,
              links: [panelLink('Volumes', 'volumes', ['namespace'])],
            },
          ),
          stat(
            'Fullest node disk',
            'Share of the fullest file system of a node.',
            `max(${nodeShare})`,
            { unit: 'percentunit', decimals: 0, steps: FULL },
          ),
          stat(
            'Claims pending',
            'Claims that have no volume yet.',
            `sum(kube_persistentvolumeclaim_status_phase{phase="Pending", ${NAMESPACE}}) or vector(0)`,
            { steps: WARN_FROM_ONE },
          ),
          stat(
            'Claims lost',
            'Claims whose volume is gone.',
            `sum(kube_persistentvolumeclaim_status_phase{phase="Lost", ${NAMESPACE}}) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Volumes failed',
            'Volumes that could not be given back.',
            `sum(kube_persistentvolume_status_phase{phase="Failed", ${CLUSTER}}) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
          stat(
            'Read-only file systems',
            'File systems of nodes that became read-only, mostly after an error.',
            `sum(node_filesystem_readonly{fstype=~"ext4|xfs|btrfs", ${CLUSTER}}) or vector(0)`,
            { steps: BAD_FROM_ONE },
          ),
        ],
      ],
      [
        'Which?',
        [
          table('Claims', 'The fullest first.', {
            labels: ['namespace', 'persistentvolumeclaim'],
            columns: [
              {
                name: 'Used',
                expr: volumeShare('namespace, persistentvolumeclaim'),
                unit: 'percentunit',
                steps: FULL,
              },
              {
                name: 'Asked for',
                expr: `max by (namespace, persistentvolumeclaim) (kube_persistentvolumeclaim_resource_requests_storage_bytes{${NAMESPACE}})`,
                unit: 'bytes',
              },
              {
                name: 'Pending',
                expr: `max by (namespace, persistentvolumeclaim) (kube_persistentvolumeclaim_status_phase{phase="Pending", ${NAMESPACE}})`,
                steps: WARN_FROM_ONE,
              },
            ],
            links: {
              persistentvolumeclaim: [rowLink('Volumes', 'volumes', { namespace: 'namespace' })],
              namespace: [rowLink('Pods', 'namespacePods', { namespace: 'namespace' })],
            },
            width: 12,
          }),
          table('File systems of nodes', 'The fullest first.', {
            labels: ['instance', 'mountpoint'],
            headings: { instance: 'Node' },
            columns: [
              { name: 'Used', expr: nodeShare, unit: 'percentunit', steps: FULL },
              {
                name: 'Free',
                expr: `max by (instance, mountpoint) (node_filesystem_avail_bytes{${DISKS}})`,
                unit: 'bytes',
              },
            ],
            links: { instance: [rowLink('Node', 'nodes', { node: 'instance' })] },
            width: 12,
          }),
          table('Claims by class', 'How much was asked for.', {
            labels: ['storageclass'],
            columns: [
              {
                name: 'Claims',
                expr: `count by (storageclass) (kube_persistentvolumeclaim_info{${NAMESPACE}})`,
              },
              {
                name: 'Asked for',
                expr: `sum by (storageclass) (kube_persistentvolumeclaim_resource_requests_storage_bytes{${NAMESPACE}} * on (cluster, namespace, persistentvolumeclaim) group_left (storageclass) kube_persistentvolumeclaim_info{${NAMESPACE}})`,
                unit: 'bytes',
              },
            ],
            width: 12,
            height: 8,
          }),
          lines(
            'Claims by phase',
            'Bound is good.',
            'short',
            [
              [
                `sum by (phase) (kube_persistentvolumeclaim_status_phase{${NAMESPACE}})`,
                '{{phase}}',
              ],
            ],
            { colors: { Bound: 'green', Pending: 'orange', Lost: 'red' } },
          ),
        ],
      ],
      [
        'Speed',
        [
          lines('Written and read by namespace', 'Bytes per second of containers.', 'Bps', [
            [
              `sum by (namespace) (rate(container_fs_writes_bytes_total{${NAMESPACE}}[${RATE}]))`,
              '{{namespace}} written',
            ],
            [
              `sum by (namespace) (rate(container_fs_reads_bytes_total{${NAMESPACE}}[${RATE}]))`,
              '{{namespace}} read',
            ],
          ]),
          lines(
            'Disks busy',
            'Share of the time in which a disk had something to do.',
            'percentunit',
            [
              [
                `rate(node_disk_io_time_seconds_total{${CLUSTER}}[${RATE}])`,
                '{{instance}} {{device}}',
              ],
            ],
            { steps: FULL },
          ),
          lines('Time per read', 'How long a disk takes for a request.', 's', [
            [
              `rate(node_disk_read_time_seconds_total{${CLUSTER}}[${RATE}]) / (rate(node_disk_reads_completed_total{${CLUSTER}}[${RATE}]) > 0)`,
              '{{instance}} {{device}}',
            ],
          ]),
          lines('Time per write', 'How long a disk takes for a request.', 's', [
            [
              `rate(node_disk_write_time_seconds_total{${CLUSTER}}[${RATE}]) / (rate(node_disk_writes_completed_total{${CLUSTER}}[${RATE}]) > 0)`,
              '{{instance}} {{device}}',
            ],
          ]),
        ],
      ],
    ],
  });
}
