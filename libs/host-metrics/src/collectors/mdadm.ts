import { HostTextError } from '../host-source.ts';
import { fieldsOf } from '../host-text.ts';
import type { HostCollector } from './collector.ts';

/** States of an array that have a series each. */
const STATES = ['active', 'check', 'inactive', 'recovering', 'resync'] as const;

/** A software RAID array of /proc/mdstat. */
interface MdArray {
  readonly name: string;
  /** One of the published states, or `reshaping`, which has no series. */
  readonly state: string;
  readonly activeDisks: number;
  readonly failedDisks: number;
  readonly spareDisks: number;
  readonly requiredDisks: number;
  readonly blocks: number;
  readonly syncedBlocks: number;
}

/** Reads /proc/mdstat (md(4)). @throws HostTextError */
function parseMdstat(text: string, path: string): MdArray[] {
  const arrays: MdArray[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (!/^\S+ : /.test(line) || /^(Personalities|unused devices)/.test(line)) continue;
    const details: string[] = [];
    while (i + 1 < lines.length && /^\s+\S/.test(lines[i + 1]!)) details.push(lines[++i]!);
    arrays.push(parseArray(line, details, path));
  }
  return arrays;
}

function parseArray(line: string, details: readonly string[], path: string): MdArray {
  const fields = fieldsOf(line);
  const name = fields[0]!;
  const sizeMatch = /^\s+(\d+) blocks/.exec(details[0] ?? '');
  if (sizeMatch === null || !/^(active|inactive)$/.test(fields[2] ?? '')) {
    throw new HostTextError(path, `the array ${name} has no state or no number of blocks`);
  }
  const blocks = Number(sizeMatch[1]);
  const { activeDisks, requiredDisks } = countDisks(line, details[0]!, name, path);
  let state = fields[2]!;
  let syncedBlocks = blocks;
  const activity = details.slice(1).find((detail) => /recovery|resync|reshape|check/.test(detail));
  if (activity !== undefined) {
    state = activityState(activity);
    syncedBlocks = Number(/\((\d+)\/\d+\)/.exec(activity)?.[1] ?? 0);
  }
  return {
    name,
    state,
    activeDisks,
    requiredDisks,
    failedDisks: line.split('(F)').length - 1,
    spareDisks: line.split('(S)').length - 1,
    blocks,
    syncedBlocks,
  };
}

function countDisks(
  line: string,
  status: string,
  name: string,
  path: string,
): { activeDisks: number; requiredDisks: number } {
  // Arrays without redundancy print no [required/active].
  if (/\b(raid0|linear)\b/.test(line) && / active /.test(line)) {
    const count = line.split('[').length - 1;
    return { activeDisks: count, requiredDisks: count };
  }
  if (/ inactive /.test(line)) return { activeDisks: 0, requiredDisks: 0 };
  const match = /\[(\d+)\/(\d+)\] \[[U_]+\]/.exec(status);
  if (match === null) throw new HostTextError(path, `the array ${name} has no disk counts`);
  return { activeDisks: Number(match[2]), requiredDisks: Number(match[1]) };
}

function activityState(line: string): string {
  if (line.includes('recovery')) return 'recovering';
  if (line.includes('reshape')) return 'reshaping';
  return line.includes('resync') ? 'resync' : 'check';
}

export const mdadmCollector: HostCollector = {
  name: 'mdadm',
  collect(source, writer): void {
    for (const array of parseMdstat(source.readText('proc/mdstat'), 'proc/mdstat')) {
      const gauge = (name: string, help: string, value: number, state?: string): void =>
        writer.add(`node_md_${name}`, 'gauge', help, value, [
          'device',
          array.name,
          ...(state === undefined ? [] : ['state', state]),
        ]);
      const disksHelp = 'Number of active/failed/spare disks of device.';
      gauge('disks', disksHelp, array.activeDisks, 'active');
      gauge('disks', disksHelp, array.failedDisks, 'failed');
      gauge('disks', disksHelp, array.spareDisks, 'spare');
      gauge('disks_required', 'Total number of disks of device.', array.requiredDisks);
      gauge('blocks', 'Total number of blocks on device.', array.blocks);
      gauge('blocks_synced', 'Number of blocks synced on device.', array.syncedBlocks);
      for (const state of STATES) {
        gauge('state', 'Indicates the state of md-device.', array.state === state ? 1 : 0, state);
      }
    }
  },
};
