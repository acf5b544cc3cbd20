import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink } from '../links.ts';
import { FULL, lines, steps } from '../panels.ts';
import { NAMESPACE } from '../scopes.ts';
import { table } from '../table.ts';

const BY = 'namespace, persistentvolumeclaim';
const LEGEND = '{{namespace}} / {{persistentvolumeclaim}}';
const of = (metric: string): string =>
  `max by (${BY}) (kubelet_volume_stats_${metric}{${NAMESPACE}})`;

/** How full are the volumes, and when will they be? */
export function persistentVolumesDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'volumes',
    title: 'Persistent volumes',
    description: 'How full is each persistent volume, and how long will it last?',
    variables: ['cluster', 'namespace'],
    from: 'now-24h',
    rows: [
      [
        'Volumes',
        [
          table('Volumes', 'The fullest first.', {
            labels: ['namespace', 'persistentvolumeclaim'],
            columns: [
              {
                name: 'Space used',
                expr: `${of('used_bytes')} / ${of('capacity_bytes')}`,
                unit: 'percentunit',
                steps: FULL,
              },
              {
                name: 'Inodes used',
                expr: `${of('inodes_used')} / ${of('inodes')}`,
                unit: 'percentunit',
                steps: FULL,
              },
              { name: 'Free', expr: of('available_bytes'), unit: 'bytes' },
              { name: 'Size', expr: of('capacity_bytes'), unit: 'bytes' },
              {
                name: 'Full in',
                expr: `${of('available_bytes')} / (max by (${BY}) (-deriv(kubelet_volume_stats_available_bytes{${NAMESPACE}}[6h])) > 0)`,
                unit: 's',
                steps: steps('red', [86_400, 'orange'], [345_600, 'green']),
              },
            ],
            links: { namespace: [rowLink('Storage', 'storage', { namespace: 'namespace' })] },
          }),
        ],
      ],
      [
        'Over time',
        [
          lines(
            'Space used',
            'Share of the volume that is used.',
            'percentunit',
            [[`${of('used_bytes')} / ${of('capacity_bytes')}`, LEGEND]],
            { max: 1, steps: FULL },
          ),
          lines(
            'Inodes used',
            'Share of the inodes that is used: many small files fill a volume that has space left.',
            'percentunit',
            [[`${of('inodes_used')} / ${of('inodes')}`, LEGEND]],
            { max: 1, steps: FULL },
          ),
          lines(
            'Free space',
            'What can still be written.',
            'bytes',
            [[of('available_bytes'), LEGEND]],
            { leastFirst: true },
          ),
          lines(
            'Free inodes',
            'How many files can still be made.',
            'short',
            [[of('inodes_free'), LEGEND]],
            { leastFirst: true },
          ),
        ],
      ],
    ],
  });
}
