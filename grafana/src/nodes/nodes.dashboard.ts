import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { panelLink } from '../links.ts';
import { FULL, lines, stat, steps } from '../panels.ts';
import { HOST, RATE } from '../scopes.ts';

const DISKS = `fstype!~"tmpfs|overlay|squashfs", ${HOST}`;

/** The operating system of a node. */
export function nodesDashboard(): PlacedDashboard {
  return dashboard('Nodes', {
    name: 'nodes',
    title: 'Node',
    description:
      'What does the operating system of a node say: processors, memory, disks, network, clock?',
    variables: ['cluster', 'host'],
    subject: 'host',
    rows: [
      [
        'Now',
        [
          stat(
            'CPU',
            'Share of all cores that is not idle.',
            `1 - avg(rate(node_cpu_seconds_total{mode="idle", ${HOST}}[5m]))`,
            {
              unit: 'percentunit',
              decimals: 0,
              steps: FULL,
              links: [panelLink('Pods', 'nodePods', ['node'])],
            },
          ),
          stat(
            'Memory',
            'Share of the memory that is not available.',
            `1 - sum(node_memory_MemAvailable_bytes{${HOST}}) / sum(node_memory_MemTotal_bytes{${HOST}})`,
            {
              unit: 'percentunit',
              decimals: 0,
              steps: FULL,
              links: [panelLink('Pods', 'nodePods', ['node'])],
            },
          ),
          stat(
            'Fullest disk',
            'The fullest file system.',
            `max(1 - node_filesystem_avail_bytes{${DISKS}} / node_filesystem_size_bytes{${DISKS}})`,
            { unit: 'percentunit', decimals: 0, steps: FULL },
          ),
          stat(
            'Out-of-memory kills in 1 h',
            'Processes that the kernel killed for want of memory.',
            `sum(increase(node_vmstat_oom_kill{${HOST}}[1h]))`,
            { decimals: 0, steps: steps('green', [1, 'red']) },
          ),
          stat(
            'Clock',
            'How far the clock is off.',
            `max(abs(node_timex_offset_seconds{${HOST}}))`,
            { unit: 's', steps: steps('green', [0.05, 'red']) },
          ),
          stat(
            'Up for',
            'Since the last boot.',
            `min(node_time_seconds{${HOST}} - node_boot_time_seconds{${HOST}})`,
            {
              unit: 's',
            },
          ),
        ],
      ],
      [
        'Processors',
        [
          lines(
            'CPU by mode',
            'Share of all cores by what they do, idle left out.',
            'percentunit',
            [
              [
                `sum by (instance, mode) (rate(node_cpu_seconds_total{mode!="idle", ${HOST}}[${RATE}])) / on (instance) group_left () count by (instance) (node_cpu_seconds_total{mode="idle", ${HOST}})`,
                '{{instance}} {{mode}}',
              ],
            ],
            { stacked: true },
          ),
          lines(
            'Load',
            'Runnable and waiting tasks, averaged over one, five and 15 minutes.',
            'short',
            [
              [`node_load1{${HOST}}`, '{{instance}} 1m'],
              [`node_load5{${HOST}}`, '{{instance}} 5m'],
              [`node_load15{${HOST}}`, '{{instance}} 15m'],
            ],
          ),
          lines(
            'Pressure',
            'Share of the time in which some task waited for a processor, memory or a disk.',
            'percentunit',
            [
              [
                `rate(node_pressure_cpu_waiting_seconds_total{${HOST}}[${RATE}])`,
                '{{instance}} CPU',
              ],
              [
                `rate(node_pressure_memory_waiting_seconds_total{${HOST}}[${RATE}])`,
                '{{instance}} memory',
              ],
              [
                `rate(node_pressure_io_waiting_seconds_total{${HOST}}[${RATE}])`,
                '{{instance}} disk',
              ],
            ],
            { steps: steps('green', [0.2, 'orange']) },
          ),
          lines('Open files', 'Share of the file handles that the kernel allows.', 'percentunit', [
            [`node_filefd_allocated{${HOST}} / node_filefd_maximum{${HOST}}`, '{{instance}}'],
          ]),
        ],
      ],
      [
        'Memory',
        [
          lines('Memory by use', 'What the memory is used for.', 'bytes', [
            [`node_memory_MemTotal_bytes{${HOST}}`, '{{instance}} total'],
            [
              `node_memory_MemTotal_bytes{${HOST}} - node_memory_MemAvailable_bytes{${HOST}}`,
              '{{instance}} used',
            ],
            [
              `node_memory_Cached_bytes{${HOST}} + node_memory_Buffers_bytes{${HOST}}`,
              '{{instance}} cache',
            ],
            [`node_memory_Slab_bytes{${HOST}}`, '{{instance}} kernel objects'],
          ]),
          lines('Paging', 'Pages per second that had to come from a disk.', 'cps', [
            [`rate(node_vmstat_pgmajfault{${HOST}}[${RATE}])`, '{{instance}} major faults'],
            [`rate(node_vmstat_pswpin{${HOST}}[${RATE}])`, '{{instance}} swapped in'],
            [`rate(node_vmstat_pswpout{${HOST}}[${RATE}])`, '{{instance}} swapped out'],
          ]),
        ],
      ],
      [
        'Disks',
        [
          lines(
            'File systems',
            'Share of each file system that is used.',
            'percentunit',
            [
              [
                `1 - node_filesystem_avail_bytes{${DISKS}} / node_filesystem_size_bytes{${DISKS}}`,
                '{{instance}} {{mountpoint}}',
              ],
            ],
            { max: 1, steps: FULL },
          ),
          lines(
            'Inodes',
            'Share of the inodes of each file system that is used.',
            'percentunit',
            [
              [
                `1 - node_filesystem_files_free{${DISKS}} / (node_filesystem_files{${DISKS}} > 0)`,
                '{{instance}} {{mountpoint}}',
              ],
            ],
            { max: 1, steps: FULL },
          ),
          lines('Reading and writing', 'Bytes per second.', 'Bps', [
            [`rate(node_disk_read_bytes_total{${HOST}}[${RATE}])`, '{{instance}} {{device}} read'],
            [
              `rate(node_disk_written_bytes_total{${HOST}}[${RATE}])`,
              '{{instance}} {{device}} written',
            ],
          ]),
          lines(
            'Disks busy',
            'Share of the time in which a disk had something to do.',
            'percentunit',
            [
              [
                `rate(node_disk_io_time_seconds_total{${HOST}}[${RATE}])`,
                '{{instance}} {{device}}',
              ],
            ],
            { steps: FULL },
          ),
        ],
      ],
      [
        'Network',
        [
          lines('Traffic', 'Bytes per second, loopback left out.', 'Bps', [
            [
              `rate(node_network_receive_bytes_total{device!="lo", ${HOST}}[${RATE}])`,
              '{{instance}} {{device}} received',
            ],
            [
              `rate(node_network_transmit_bytes_total{device!="lo", ${HOST}}[${RATE}])`,
              '{{instance}} {{device}} sent',
            ],
          ]),
          lines('Errors and drops', 'Packets per second that were lost.', 'pps', [
            [
              `rate(node_network_receive_errs_total{${HOST}}[${RATE}]) > 0`,
              '{{instance}} {{device}} receive errors',
            ],
            [
              `rate(node_network_transmit_errs_total{${HOST}}[${RATE}]) > 0`,
              '{{instance}} {{device}} transmit errors',
            ],
            [
              `rate(node_network_receive_drop_total{${HOST}}[${RATE}]) > 0`,
              '{{instance}} {{device}} receive drops',
            ],
            [
              `rate(node_network_transmit_drop_total{${HOST}}[${RATE}]) > 0`,
              '{{instance}} {{device}} transmit drops',
            ],
          ]),
          lines(
            'Tracked connections',
            'Share of the connections that the kernel can keep track of; when they run out, new ones are refused.',
            'percentunit',
            [
              [
                `node_nf_conntrack_entries{${HOST}} / node_nf_conntrack_entries_limit{${HOST}}`,
                '{{instance}}',
              ],
            ],
            { max: 1, steps: FULL },
          ),
          lines('TCP segments sent again', 'Segments per second.', 'cps', [
            [`rate(node_netstat_Tcp_RetransSegs{${HOST}}[${RATE}])`, '{{instance}}'],
          ]),
        ],
      ],
    ],
  });
}
