import { HostFileError } from '../host-source.ts';
import { linesOf, readAttribute, readIfPresent } from '../host-text.ts';
import type { HostCollector } from './collector.ts';

export const unameCollector: HostCollector = {
  name: 'uname',
  collect(source, writer, nowMs): void {
    const { machine, nodeName } = source.facts(nowMs);
    const kernel = (name: string): string => source.readText(`proc/sys/kernel/${name}`).trim();
    writer.add(
      'node_uname_info',
      'gauge',
      'Labeled system information as provided by the uname system call.',
      1,
      [
        ['domainname', kernel('domainname')],
        ['machine', machine],
        ['nodename', nodeName ?? kernel('hostname')],
        ['release', kernel('osrelease')],
        ['sysname', kernel('ostype')],
        ['version', kernel('version')],
      ].flat(),
    );
  },
};

const OS_LABELS = [
  'build_id',
  'id',
  'id_like',
  'image_id',
  'image_version',
  'name',
  'pretty_name',
  'variant',
  'variant_id',
  'version',
  'version_codename',
  'version_id',
] as const;

/** The assignments of an os-release file (os-release(5)), with its shell quoting undone. */
function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of linesOf(text)) {
    const match = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim());
    if (match !== null) values.set(match[1]!.toLowerCase(), unquote(match[2]!));
  }
  return values;
}

function unquote(text: string): string {
  const quote = text[0];
  if ((quote === '"' || quote === "'") && text.length >= 2 && text.endsWith(quote)) {
    const inner = text.slice(1, -1);
    return quote === '"' ? inner.replaceAll(/\\([\\"$`])/g, '$1') : inner;
  }
  return text;
}

export const osCollector: HostCollector = {
  name: 'os',
  collect(source, writer): void {
    const text =
      readIfPresent(source, 'root/etc/os-release') ?? source.readText('root/usr/lib/os-release');
    const values = parseOsRelease(text);
    writer.add(
      'node_os_info',
      'gauge',
      "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, variant, variant_id, version, version_codename, version_id.",
      1,
      OS_LABELS.flatMap((label) => [label, values.get(label) ?? '']),
    );
    const version = /^\d+(\.\d+)?/.exec(values.get('version_id') ?? '');
    if (version === null) return;
    writer.add(
      'node_os_version',
      'gauge',
      'Metric containing the major.minor part of the OS version.',
      Number(version[0]),
      ['id', 'id_like', 'name'].flatMap((label) => [label, values.get(label) ?? '']),
    );
  },
};

const DMI_FILES = [
  'bios_date',
  'bios_release',
  'bios_vendor',
  'bios_version',
  'board_asset_tag',
  'board_name',
  'board_serial',
  'board_vendor',
  'board_version',
  'chassis_asset_tag',
  'chassis_serial',
  'chassis_vendor',
  'chassis_version',
  'product_family',
  'product_name',
  'product_serial',
  'product_sku',
  'product_uuid',
  'product_version',
] as const;

export const dmiCollector: HostCollector = {
  name: 'dmi',
  collect(source, writer): void {
    const folder = 'sys/class/dmi/id';
    // Serial numbers are for root only; what can't be read is left out.
    const labels = DMI_FILES.flatMap((file) => [
      file,
      readAttribute(source, `${folder}/${file}`) ?? '',
    ]);
    labels.push('system_vendor', readAttribute(source, `${folder}/sys_vendor`) ?? '');
    if (labels.every((text, index) => index % 2 === 0 || text === '')) {
      throw new HostFileError('missing', folder);
    }
    writer.add(
      'node_dmi_info',
      'gauge',
      "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, board_asset_tag, board_name, board_serial, board_vendor, board_version, chassis_asset_tag, chassis_serial, chassis_vendor, chassis_version, product_family, product_name, product_serial, product_sku, product_uuid, product_version, system_vendor if provided by DMI.",
      1,
      labels,
    );
  },
};

export const timeCollector: HostCollector = {
  name: 'time',
  collect(source, writer, nowMs): void {
    writer.add(
      'node_time_seconds',
      'gauge',
      'System time in seconds since epoch (1970).',
      nowMs / 1000,
    );
    const { timeZone } = source.facts(nowMs);
    writer.add(
      'node_time_zone_offset_seconds',
      'gauge',
      'System time zone offset in seconds.',
      timeZone.offsetSeconds,
      ['time_zone', timeZone.name],
    );
    const folder = 'sys/devices/system/clocksource';
    for (const name of source.listNames(folder)) {
      const device = /^clocksource(\d+)$/.exec(name)?.[1];
      if (device === undefined) continue;
      const available = source.readText(`${folder}/${name}/available_clocksource`).trim();
      for (const clocksource of available.split(' ')) {
        writer.add(
          'node_time_clocksource_available_info',
          'gauge',
          "Available clocksources read from '/sys/devices/system/clocksource'.",
          1,
          ['clocksource', clocksource, 'device', device],
        );
      }
      writer.add(
        'node_time_clocksource_current_info',
        'gauge',
        "Current clocksource read from '/sys/devices/system/clocksource'.",
        1,
        [
          'clocksource',
          source.readText(`${folder}/${name}/current_clocksource`).trim(),
          'device',
          device,
        ],
      );
    }
  },
};
