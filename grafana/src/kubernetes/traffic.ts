import type { Row } from '../dashboard.ts';
import type { PanelLink } from '../links.ts';
import { lines, type PanelBuilder, steps } from '../panels.ts';
import { ofWorkloads, RATE } from '../scopes.ts';
import { table } from '../table.ts';

/*
 * The dashboards of networking ask the same at different levels: who talks how much, and what gets lost.
 */

/** One level, from the cluster down to the pod. */
export interface TrafficLevel {
  readonly by: readonly string[];
  /** Matchers that choose what is looked at, without braces. */
  readonly where: string;
  readonly joinsWorkloads?: boolean;
  readonly rowLinks?: Readonly<Record<string, readonly PanelLink[]>>;
  readonly seriesLinks?: readonly PanelLink[];
}

type Direction = 'receive' | 'transmit';
type Words = readonly [title: string, description: string];

/** Shares of dropped packets. */
const DROPS = steps('green', [0.001, 'orange'], [0.01, 'red']);

function rateOf(level: TrafficLevel, direction: Direction, what: string): string {
  const rate = `rate(container_network_${direction}_${what}_total{${level.where}}[${RATE}])`;
  const joined =
    level.joinsWorkloads === true
      ? ofWorkloads(`sum by (cluster, namespace, pod) (${rate})`)
      : rate;
  return `sum by (${level.by.join(', ')}) (${joined})`;
}

/** Bytes, packets and losses in both directions, and a table of the present. */
export function trafficRows(level: TrafficLevel): readonly Row[] {
  const legend = level.by
    .filter((label) => label !== 'workload_type')
    .map((label) => `{{${label}}}`)
    .join(' / ');
  /** A diagram for each direction, beside each other. */
  const pair = (
    what: string,
    unit: string,
    ...[received, sent]: readonly [Words, Words]
  ): readonly PanelBuilder[] =>
    [['receive', received] as const, ['transmit', sent] as const].map(
      ([direction, [title, description]]) =>
        lines(title, description, unit, [[rateOf(level, direction, what), legend]], {
          stacked: what === 'bytes',
          links: level.seriesLinks ?? [],
        }),
    );
  const share = (direction: Direction): string =>
    `${rateOf(level, direction, 'packets_dropped')} / (${rateOf(level, direction, 'packets')} > 0)`;
  return [
    [
      'Now',
      [
        table('Traffic', 'The last minutes. Pods on the network of their node are not counted.', {
          labels: level.by,
          columns: [
            { name: 'Received', expr: rateOf(level, 'receive', 'bytes'), unit: 'Bps' },
            { name: 'Sent', expr: rateOf(level, 'transmit', 'bytes'), unit: 'Bps' },
            { name: 'Packets received', expr: rateOf(level, 'receive', 'packets'), unit: 'pps' },
            { name: 'Packets sent', expr: rateOf(level, 'transmit', 'packets'), unit: 'pps' },
            {
              name: 'Received and dropped',
              expr: share('receive'),
              unit: 'percentunit',
              steps: DROPS,
            },
            {
              name: 'Dropped on sending',
              expr: share('transmit'),
              unit: 'percentunit',
              steps: DROPS,
            },
          ],
          links: level.rowLinks ?? {},
        }),
      ],
    ],
    [
      'Bytes',
      pair(
        'bytes',
        'Bps',
        ['Received', 'Bytes per second that arrived.'],
        ['Sent', 'Bytes per second that left.'],
      ),
    ],
    [
      'Packets',
      pair(
        'packets',
        'pps',
        ['Packets received', 'Packets per second that arrived.'],
        ['Packets sent', 'Packets per second that left.'],
      ),
    ],
    [
      'Lost packets',
      [
        ...pair(
          'packets_dropped',
          'pps',
          [
            'Dropped on receiving',
            'Packets per second that arrived and were thrown away: a full queue or nobody listening.',
          ],
          ['Dropped on sending', 'Packets per second that never left: a full queue.'],
        ),
        ...pair(
          'errors',
          'pps',
          ['Errors on receiving', 'Packets per second that arrived damaged.'],
          ['Errors on sending', 'Packets per second that the interface could not send.'],
        ),
      ],
    ],
  ];
}
