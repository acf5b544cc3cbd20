import { createHash } from 'node:crypto';

/** What incidents and tickets of a group are found by again: SHA-256 of its key, as Alertmanager has it. */
export function groupKeyHash(groupKey: string): string {
  return createHash('sha256').update(groupKey).digest('hex');
}
