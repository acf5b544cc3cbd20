import { HostTextError } from '../host-source.ts';
import { excerpt, fieldsOf, linesOf, parseHex, parseNumber, readIfPresent } from '../host-text.ts';
import type { HostCollector } from './collector.ts';

export const loadavgCollector: HostCollector = {
  name: 'loadavg',
  collect(source, writer): void {
    const path = 'proc/loadavg';
    const fields = fieldsOf(source.readText(path));
    writer.add('node_load1', 'gauge', '1m load average.', parseNumber(fields[0], path));
    writer.add('node_load5', 'gauge', '5m load average.', parseNumber(fields[1], path));
    writer.add('node_load15', 'gauge', '15m load average.', parseNumber(fields[2], path));
  },
};

const STAT_LINES = [
  ['btime', 'node_boot_time_seconds', 'gauge', 'Node boot time, in unixtime.'],
  ['ctxt', 'node_context_switches_total', 'counter', 'Total number of context switches.'],
  ['processes', 'node_forks_total', 'counter', 'Total number of forks.'],
  ['intr', 'node_intr_total', 'counter', 'Total number of interrupts serviced.'],
  [
    'procs_blocked',
    'node_procs_blocked',
    'gauge',
    'Number of processes blocked waiting for I/O to complete.',
  ],
  ['procs_running', 'node_procs_running', 'gauge', 'Number of processes in runnable state.'],
] as const;

export const statCollector: HostCollector = {
  name: 'stat',
  collect(source, writer): void {
    const path = 'proc/stat';
    const values = new Map<string, string>();
    for (const line of linesOf(source.readText(path))) {
      // The line of interrupts has thousands of columns; only its first is the total.
      const [key, value] = line.split(' ', 2);
      if (key !== undefined && value !== undefined) values.set(key, value);
    }
    for (const [key, name, type, help] of STAT_LINES) {
      const value = values.get(key);
      if (value === undefined) throw new HostTextError(path, `the line \`${key}\` is missing`);
      writer.add(name, type, help, parseNumber(value, path));
    }
  },
};

export const filefdCollector: HostCollector = {
  name: 'filefd',
  collect(source, writer): void {
    const path = 'proc/sys/fs/file-nr';
    const fields = fieldsOf(source.readText(path));
    const help = 'File descriptor statistics: ';
    const allocated = parseNumber(fields[0], path);
    writer.add('node_filefd_allocated', 'gauge', `${help}allocated.`, allocated);
    writer.add('node_filefd_maximum', 'gauge', `${help}maximum.`, parseNumber(fields[2], path));
  },
};

export const entropyCollector: HostCollector = {
  name: 'entropy',
  collect(source, writer): void {
    const folder = 'proc/sys/kernel/random';
    const available = parseNumber(
      source.readText(`${folder}/entropy_avail`).trim(),
      `${folder}/entropy_avail`,
    );
    const size = parseNumber(source.readText(`${folder}/poolsize`).trim(), `${folder}/poolsize`);
    writer.add('node_entropy_available_bits', 'gauge', 'Bits of available entropy.', available);
    writer.add('node_entropy_pool_size_bits', 'gauge', 'Bits of entropy pool.', size);
  },
};

const PRESSURES = [
  [
    'cpu',
    'some',
    'node_pressure_cpu_waiting_seconds_total',
    'Total time in seconds that processes have waited for CPU time',
  ],
  [
    'io',
    'some',
    'node_pressure_io_waiting_seconds_total',
    'Total time in seconds that processes have waited due to IO congestion',
  ],
  [
    'io',
    'full',
    'node_pressure_io_stalled_seconds_total',
    'Total time in seconds no process could make progress due to IO congestion',
  ],
  [
    'memory',
    'some',
    'node_pressure_memory_waiting_seconds_total',
    'Total time in seconds that processes have waited for memory',
  ],
  [
    'memory',
    'full',
    'node_pressure_memory_stalled_seconds_total',
    'Total time in seconds no process could make progress due to memory congestion',
  ],
  [
    'irq',
    'full',
    'node_pressure_irq_stalled_seconds_total',
    'Total time in seconds no process could make progress due to IRQ congestion',
  ],
] as const;

export const pressureCollector: HostCollector = {
  name: 'pressure',
  collect(source, writer): void {
    for (const [resource, share, name, help] of PRESSURES) {
      const path = `proc/pressure/${resource}`;
      // Only newer kernels know the pressure of interrupts.
      const text = resource === 'irq' ? readIfPresent(source, path) : source.readText(path);
      if (text === null) continue;
      const line = linesOf(text).find((candidate) => candidate.startsWith(`${share} `));
      const match = line === undefined ? null : / total=(\d+)$/.exec(line);
      if (match === null) {
        throw new HostTextError(path, `no total in the line \`${share}\`, found ${excerpt(text)}`);
      }
      // Microseconds; divided twice as node_exporter does, so that the last digits are the same.
      writer.add(name, 'counter', help, Number(match[1]) / 1000 / 1000);
    }
  },
};

const CONNTRACK_COUNTERS: readonly (readonly [string, string])[] = [
  ['found', 'Number of searched entries which were successful.'],
  ['invalid', 'Number of packets seen which can not be tracked.'],
  ['ignore', 'Number of packets seen which are already connected to a conntrack entry.'],
  ['insert', 'Number of entries inserted into the list.'],
  ['insert_failed', 'Number of entries for which list insertion was attempted but failed.'],
  ['drop', 'Number of packets dropped due to conntrack failure.'],
  [
    'early_drop',
    'Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.',
  ],
  [
    'search_restart',
    'Number of conntrack table lookups which had to be restarted due to hashtable resizes.',
  ],
];

export const conntrackCollector: HostCollector = {
  name: 'conntrack',
  collect(source, writer): void {
    const folder = 'proc/sys/net/netfilter';
    const read = (path: string): number => parseNumber(source.readText(path).trim(), path);
    writer.add(
      'node_nf_conntrack_entries',
      'gauge',
      'Number of currently allocated flow entries for connection tracking.',
      read(`${folder}/nf_conntrack_count`),
    );
    writer.add(
      'node_nf_conntrack_entries_limit',
      'gauge',
      'Maximum size of connection tracking table.',
      read(`${folder}/nf_conntrack_max`),
    );
    const path = 'net/stat/nf_conntrack';
    const text = readIfPresent(source, path);
    if (text === null) return;
    const [header, ...rows] = linesOf(text);
    const columns = fieldsOf(header ?? '');
    for (const [counter, help] of CONNTRACK_COUNTERS) {
      const column = columns.indexOf(counter);
      if (column < 0) throw new HostTextError(path, `the column \`${counter}\` is missing`);
      let sum = 0;
      for (const row of rows) sum += parseHex(fieldsOf(row)[column], path);
      writer.add(`node_nf_conntrack_stat_${counter}`, 'gauge', help, sum);
    }
  },
};

export const softnetCollector: HostCollector = {
  name: 'softnet',
  collect(source, writer): void {
    const path = 'net/softnet_stat';
    const rows = linesOf(source.readText(path)).map(fieldsOf);
    const columns: readonly (readonly [string, string])[] = [
      ['node_softnet_processed_total', 'Number of processed packets'],
      ['node_softnet_dropped_total', 'Number of dropped packets'],
      ['node_softnet_times_squeezed_total', 'Number of times processing packets ran out of quota'],
    ];
    for (let row = 0; row < rows.length; row++) {
      // Newer kernels say in column 12 which CPU a row is about; offline ones have no row.
      const cpu = rows[row]!.length > 12 ? String(parseHex(rows[row]![12], path)) : String(row);
      for (let column = 0; column < columns.length; column++) {
        const [name, help] = columns[column]!;
        writer.add(name, 'counter', help, parseHex(rows[row]![column], path), ['cpu', cpu]);
      }
    }
  },
};
