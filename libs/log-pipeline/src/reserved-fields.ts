/**
 * Fields that say where a record is from and what it is. What a message says of itself is never taken for them, be the pod
 * known or not: such fields get a name that begins with `log_`. `kubernetes` is what others call the same.
 */
const RESERVED = [
  'message',
  'level',
  'stream',
  'time',
  'tag',
  'file',
  'namespace',
  'pod',
  'container',
  'pod_uid',
  'container_id',
  'node',
  'workload',
  'workload_kind',
  'labels',
  'annotations',
  'kubernetes',
  'docker',
] as const;

/** What fields get put before their name that would pass for one of ours. */
export const RESERVED_PREFIX = 'log_';

const NAMES: readonly Uint8Array[] = RESERVED.map((name) => new TextEncoder().encode(name));
const LONGEST = Math.max(...NAMES.map(({ length }) => length));

/** Whether a field of a message may not be called `bytes[start]` up to `bytes[end]`, also with `.` and more behind it. */
export function isReservedField(
  bytes: Uint8Array,
  start: number,
  end: number,
  groupLabels: readonly Uint8Array[],
): boolean {
  let stop = start;
  const limit = Math.min(end, start + LONGEST + 1);
  while (stop < limit && bytes[stop] !== 46) stop++;
  const length = stop - start;
  return isOneOf(NAMES, bytes, start, length) || isOneOf(groupLabels, bytes, start, end - start);
}

function isOneOf(
  names: readonly Uint8Array[],
  bytes: Uint8Array,
  start: number,
  length: number,
): boolean {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (name.length !== length) continue;
    let at = 0;
    while (at < length && bytes[start + at] === name[at]) at++;
    if (at === length) return true;
  }
  return false;
}
