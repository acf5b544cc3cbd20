import type { HostMetricWriter } from '../host-metric-writer.ts';
import { HostTextError, type HostSource } from '../host-source.ts';
import { fieldsOf, linesOf, parseNumber, readAttribute } from '../host-text.ts';
import type { NameFilter } from '../name-filter.ts';
import type { HostCollector } from './collector.ts';

const SECTOR_BYTES = 512;
const SECONDS_PER_MILLISECOND = 0.001;

/** The columns of /proc/diskstats after the device's name (kernel, admin-guide/iostats.rst), in order. */
const COLUMNS: readonly (readonly [
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  factor: number,
])[] = [
  ['reads_completed_total', 'counter', 'The total number of reads completed successfully.', 1],
  ['reads_merged_total', 'counter', 'The total number of reads merged.', 1],
  ['read_bytes_total', 'counter', 'The total number of bytes read successfully.', SECTOR_BYTES],
  [
    'read_time_seconds_total',
    'counter',
    'The total number of seconds spent by all reads.',
    SECONDS_PER_MILLISECOND,
  ],
  ['writes_completed_total', 'counter', 'The total number of writes completed successfully.', 1],
  ['writes_merged_total', 'counter', 'The number of writes merged.', 1],
  [
    'written_bytes_total',
    'counter',
    'The total number of bytes written successfully.',
    SECTOR_BYTES,
  ],
  [
    'write_time_seconds_total',
    'counter',
    'This is the total number of seconds spent by all writes.',
    SECONDS_PER_MILLISECOND,
  ],
  ['io_now', 'gauge', 'The number of I/Os currently in progress.', 1],
  ['io_time_seconds_total', 'counter', 'Total seconds spent doing I/Os.', SECONDS_PER_MILLISECOND],
  [
    'io_time_weighted_seconds_total',
    'counter',
    'The weighted # of seconds spent doing I/Os.',
    SECONDS_PER_MILLISECOND,
  ],
  [
    'discards_completed_total',
    'counter',
    'The total number of discards completed successfully.',
    1,
  ],
  ['discards_merged_total', 'counter', 'The total number of discards merged.', 1],
  ['discarded_sectors_total', 'counter', 'The total number of sectors discarded successfully.', 1],
  [
    'discard_time_seconds_total',
    'counter',
    'This is the total number of seconds spent by all discards.',
    SECONDS_PER_MILLISECOND,
  ],
  [
    'flush_requests_total',
    'counter',
    'The total number of flush requests completed successfully',
    1,
  ],
  [
    'flush_requests_time_seconds_total',
    'counter',
    'This is the total number of seconds spent by all flush requests.',
    SECONDS_PER_MILLISECOND,
  ],
];

/** What udev knows about a device: the `E:NAME=value` lines of its database file. */
function parseUdevProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of linesOf(text)) {
    const equals = line.indexOf('=');
    if (line.startsWith('E:') && equals > 0) {
      properties.set(line.slice(2, equals), line.slice(equals + 1));
    }
  }
  return properties;
}

export class DiskstatsCollector implements HostCollector {
  readonly name = 'diskstats';
  readonly #excludedDevices: NameFilter;

  constructor(excludedDevices: NameFilter) {
    this.#excludedDevices = excludedDevices;
  }

  collect(source: HostSource, writer: HostMetricWriter): void {
    const path = 'proc/diskstats';
    for (const line of linesOf(source.readText(path))) {
      const fields = fieldsOf(line);
      const [major, minor, device] = fields;
      if (major === undefined || minor === undefined || device === undefined) {
        throw new HostTextError(path, 'expected major, minor, device and figures in each line');
      }
      if (this.#excludedDevices.excludes(device)) continue;
      writeDeviceInfo(source, writer, major, minor, device);
      // Older kernels have 11 or 15 figures; the metrics of the missing ones are absent.
      const count = Math.min(COLUMNS.length, fields.length - 3);
      for (let i = 0; i < count; i++) {
        const [name, type, help, factor] = COLUMNS[i]!;
        const value = parseNumber(fields[i + 3], path) * factor;
        writer.add(`node_disk_${name}`, type, help, value, ['device', device]);
      }
    }
  }
}

const ATA_PROPERTIES: readonly (readonly [property: string, name: string, help: string])[] = [
  ['ID_ATA_WRITE_CACHE', 'ata_write_cache', 'ATA disk has a write cache.'],
  [
    'ID_ATA_WRITE_CACHE_ENABLED',
    'ata_write_cache_enabled',
    'ATA disk has its write cache enabled.',
  ],
  [
    'ID_ATA_ROTATION_RATE_RPM',
    'ata_rotation_rate_rpm',
    'ATA disk rotation rate in RPMs (0 for SSDs).',
  ],
];

function writeDeviceInfo(
  source: HostSource,
  writer: HostMetricWriter,
  major: string,
  minor: string,
  device: string,
): void {
  const text = readAttribute(source, `root/run/udev/data/b${major}:${minor}`) ?? '';
  const udev = parseUdevProperties(text);
  const property = (name: string): string => udev.get(name) ?? '';
  const info = (name: string, help: string, labels: readonly (readonly [string, string])[]): void =>
    writer.add(name, 'gauge', help, 1, [['device', device] as const, ...labels].flat());
  info('node_disk_info', 'Info of /sys/block/<block_device>.', [
    ['major', major],
    ['minor', minor],
    ['model', property('ID_MODEL')],
    ['path', property('ID_PATH')],
    ['revision', property('ID_REVISION')],
    ['serial', property('SCSI_IDENT_SERIAL') || property('ID_SERIAL_SHORT')],
    ['wwn', property('ID_WWN')],
  ]);
  if (property('DM_NAME') !== '') {
    info('node_disk_device_mapper_info', 'Info about disk device mapper.', [
      ['lv_layer', property('DM_LV_LAYER')],
      ['lv_name', property('DM_LV_NAME')],
      ['name', property('DM_NAME')],
      ['uuid', property('DM_UUID')],
      ['vg_name', property('DM_VG_NAME')],
    ]);
  }
  if (property('ID_FS_TYPE') !== '') {
    info('node_disk_filesystem_info', 'Info about disk filesystem.', [
      ['type', property('ID_FS_TYPE')],
      ['usage', property('ID_FS_USAGE')],
      ['uuid', property('ID_FS_UUID')],
      ['version', property('ID_FS_VERSION')],
    ]);
  }
  if (property('ID_ATA') === '') return;
  for (const [name, metric, help] of ATA_PROPERTIES) {
    const value = Number(property(name) || Number.NaN);
    if (Number.isNaN(value)) continue;
    writer.add(`node_disk_${metric}`, 'gauge', help, value, ['device', device]);
  }
}
