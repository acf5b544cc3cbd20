import type { HostMetricWriter } from '../host-metric-writer.ts';
import { HostTextError } from '../host-source.ts';
import { fieldsOf, linesOf, parseNumber } from '../host-text.ts';
import type { HostCollector } from './collector.ts';

const KIBIBYTE = 1024;

/**
 * All lines of /proc/meminfo under node_exporter's names: `Active(anon): 4 kB` is `Active_anon_bytes` 4096, a line
 * without a unit keeps its name. @throws HostTextError
 */
function parseMeminfo(text: string, path: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of linesOf(text)) {
    const fields = fieldsOf(line);
    const rawName = fields[0]!;
    if (fields.length < 2 || !/^[A-Za-z_][A-Za-z0-9_]*(\([A-Za-z0-9_]+\))?:$/.test(rawName)) {
      throw new HostTextError(path, 'expected lines such as `MemTotal: 16 kB`');
    }
    const name = rawName.slice(0, -1).replace(/\((.*)\)/, '_$1');
    const value = parseNumber(fields[1], path);
    if (fields.length === 2) {
      values.set(name, value);
    } else if (fields[2] === 'kB') {
      values.set(`${name}_bytes`, value * KIBIBYTE);
    } else {
      throw new HostTextError(path, 'the only unit accepted is kB');
    }
  }
  if (values.size === 0) throw new HostTextError(path, 'the file is empty');
  return values;
}

export const meminfoCollector: HostCollector = {
  name: 'meminfo',
  collect(source, writer): void {
    for (const [name, value] of parseMeminfo(source.readText('proc/meminfo'), 'proc/meminfo')) {
      const type = name.endsWith('_total') ? 'counter' : 'gauge';
      writer.add(`node_memory_${name}`, type, `Memory information field ${name}.`, value);
    }
  },
};

/** The fields of /proc/vmstat that node_exporter publishes by default. */
const VMSTAT_FIELD = /^(oom_kill|pgpg|pswp|pg.*fault)/;

export const vmstatCollector: HostCollector = {
  name: 'vmstat',
  collect(source, writer: HostMetricWriter): void {
    for (const line of linesOf(source.readText('proc/vmstat'))) {
      const [name, value] = fieldsOf(line);
      if (name === undefined || !VMSTAT_FIELD.test(name)) continue;
      writer.add(
        `node_vmstat_${name.replaceAll(/[^A-Za-z0-9_]/g, '_')}`,
        'untyped',
        `/proc/vmstat information field ${name}.`,
        parseNumber(value, 'proc/vmstat'),
      );
    }
  },
};
