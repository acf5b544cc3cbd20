import type { HostMetricWriter } from '../host-metric-writer.ts';
import { type HostSource, HostTextError } from '../host-source.ts';
import {
  excerpt,
  fieldsOf,
  linesOf,
  parseNumber,
  parsePrefixedInteger,
  readAttribute,
  readIfPresent,
} from '../host-text.ts';
import type { NameFilter } from '../name-filter.ts';
import type { HostCollector } from './collector.ts';

/** The columns of /proc/net/dev under node_exporter's names, in order. */
const DEVICE_COLUMNS = [
  'receive_bytes',
  'receive_packets',
  'receive_errs',
  'receive_drop',
  'receive_fifo',
  'receive_frame',
  'receive_compressed',
  'receive_multicast',
  'transmit_bytes',
  'transmit_packets',
  'transmit_errs',
  'transmit_drop',
  'transmit_fifo',
  'transmit_colls',
  'transmit_carrier',
  'transmit_compressed',
] as const;

/** The counters of /proc/net/dev by device, in the order of its columns. @throws HostTextError */
function parseNetworkDevices(text: string, path: string): Map<string, Float64Array> {
  const devices = new Map<string, Float64Array>();
  const lines = linesOf(text);
  if (!(lines[1] ?? '').includes('|')) {
    throw new HostTextError(path, 'expected two lines of headings');
  }
  for (const line of lines.slice(2)) {
    // An alias such as eth0:1 has a colon in its name; the last one ends it.
    const colon = line.lastIndexOf(':');
    const fields = fieldsOf(line.slice(colon + 1));
    if (colon < 0 || fields.length !== DEVICE_COLUMNS.length) {
      throw new HostTextError(path, `expected a device and 16 counters, found ${excerpt(line)}`);
    }
    const counters = new Float64Array(DEVICE_COLUMNS.length);
    for (let i = 0; i < counters.length; i++) counters[i] = parseNumber(fields[i], path);
    devices.set(line.slice(0, colon).trim(), counters);
  }
  return devices;
}

export class NetdevCollector implements HostCollector {
  readonly name = 'netdev';
  readonly #excludedDevices: NameFilter;

  constructor(excludedDevices: NameFilter) {
    this.#excludedDevices = excludedDevices;
  }

  collect(source: HostSource, writer: HostMetricWriter): void {
    const devices = parseNetworkDevices(source.readText('net/dev'), 'net/dev');
    for (const [device, counters] of devices) {
      if (this.#excludedDevices.excludes(device)) continue;
      for (let i = 0; i < counters.length; i++) {
        writeDeviceCounter(writer, device, DEVICE_COLUMNS[i]!, counters[i]!);
      }
      // Not in /proc/net/dev; node_exporter has it from netlink.
      const unhandled = readAttribute(source, `sys/class/net/${device}/statistics/rx_nohandler`);
      if (unhandled !== null && /^\d+$/.test(unhandled)) {
        writeDeviceCounter(writer, device, 'receive_nohandler', Number(unhandled));
      }
    }
  }
}

function writeDeviceCounter(
  writer: HostMetricWriter,
  device: string,
  counter: string,
  value: number,
): void {
  const help = `Network device statistic ${counter}.`;
  writer.add(`node_network_${counter}_total`, 'counter', help, value, ['device', device]);
}

const BYTES_PER_MEGABIT = 1_000_000 / 8;

/** Numeric files of /sys/class/net/DEVICE (kernel, ABI/testing/sysfs-class-net): file, metric, type, factor. */
const ATTRIBUTES: readonly (readonly [string, string, 'counter' | 'gauge', number])[] = [
  ['addr_assign_type', 'address_assign_type', 'gauge', 1],
  ['carrier', 'carrier', 'gauge', 1],
  ['carrier_changes', 'carrier_changes_total', 'counter', 1],
  ['carrier_up_count', 'carrier_up_changes_total', 'counter', 1],
  ['carrier_down_count', 'carrier_down_changes_total', 'counter', 1],
  ['dev_id', 'device_id', 'gauge', 1],
  ['dormant', 'dormant', 'gauge', 1],
  ['flags', 'flags', 'gauge', 1],
  ['ifindex', 'iface_id', 'gauge', 1],
  ['iflink', 'iface_link', 'gauge', 1],
  ['link_mode', 'iface_link_mode', 'gauge', 1],
  ['mtu', 'mtu_bytes', 'gauge', 1],
  ['name_assign_type', 'name_assign_type', 'gauge', 1],
  ['netdev_group', 'net_dev_group', 'gauge', 1],
  ['speed', 'speed_bytes', 'gauge', BYTES_PER_MEGABIT],
  ['tx_queue_len', 'transmit_queue_length', 'gauge', 1],
  ['type', 'protocol_type', 'gauge', 1],
];

export class NetclassCollector implements HostCollector {
  readonly name = 'netclass';
  readonly #ignoredDevices: NameFilter;

  constructor(ignoredDevices: NameFilter) {
    this.#ignoredDevices = ignoredDevices;
  }

  collect(source: HostSource, writer: HostMetricWriter): void {
    const folder = 'sys/class/net';
    for (const device of source.listNames(folder)) {
      if (this.#ignoredDevices.excludes(device)) continue;
      const read = (file: string): string | null =>
        readAttribute(source, `${folder}/${device}/${file}`);
      const state = read('operstate');
      // Files such as bonding_masters lie beside the devices, and a device may go while we look.
      if (state === null && read('ifindex') === null) continue;
      const isUp = state === 'up';
      writer.add(
        'node_network_up',
        'gauge',
        "Value is 1 if operstate is 'up', 0 otherwise.",
        isUp ? 1 : 0,
        ['device', device],
      );
      writer.add(
        'node_network_info',
        'gauge',
        'Non-numeric data from /sys/class/net/<iface>, value is always 1.',
        1,
        [
          ['address', read('address') ?? ''],
          ['broadcast', read('broadcast') ?? ''],
          ['device', device],
          ['duplex', read('duplex') ?? ''],
          ['ifalias', read('ifalias') ?? ''],
          ['operstate', state ?? ''],
        ].flat(),
      );
      for (const [file, metric, type, factor] of ATTRIBUTES) {
        // Many attributes answer with an error while a device is down: then the metric is absent.
        const value = parsePrefixedInteger(read(file) ?? '');
        if (value === null) continue;
        const help = `Network device property: ${metric}`;
        writer.add(`node_network_${metric}`, type, help, value * factor, ['device', device]);
      }
    }
  }
}

export const bondingCollector: HostCollector = {
  name: 'bonding',
  collect(source, writer): void {
    const folder = 'sys/class/net';
    for (const master of fieldsOf(source.readText(`${folder}/bonding_masters`).trim())) {
      const slaves = fieldsOf(source.readText(`${folder}/${master}/bonding/slaves`).trim());
      let active = 0;
      for (const slave of slaves) {
        const state =
          readIfPresent(source, `${folder}/${master}/lower_${slave}/bonding_slave/mii_status`) ??
          source.readText(`${folder}/${master}/slave_${slave}/bonding_slave/mii_status`);
        if (state.trim() === 'up') active++;
      }
      const labels = ['master', master];
      const help = 'Number of configured slaves per bonding interface.';
      writer.add('node_bonding_slaves', 'gauge', help, slaves.length, labels);
      const activeHelp = 'Number of active slaves per bonding interface.';
      writer.add('node_bonding_active', 'gauge', activeHelp, active, labels);
    }
  },
};

export const arpCollector: HostCollector = {
  name: 'arp',
  collect(source, writer): void {
    const path = 'net/arp';
    const counts = new Map<string, number>();
    for (const line of linesOf(source.readText(path)).slice(1)) {
      const device = fieldsOf(line)[5];
      if (device === undefined) throw new HostTextError(path, 'expected six columns');
      counts.set(device, (counts.get(device) ?? 0) + 1);
    }
    for (const [device, count] of counts) {
      writer.add('node_arp_entries', 'gauge', 'ARP entries by device', count, ['device', device]);
    }
  },
};
