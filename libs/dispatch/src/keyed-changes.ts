import { entryRecords, type Ledger, targetKey } from './ledger.ts';
import {
  type DispatchRecord,
  encodeDispatchRecord,
  encodeDispatchRecords,
  type KeyedChange,
} from './notification-log.ts';

/**
 * Records as changes of a store of keys and values: a key for each alert and one for each target.
 * @param ledger as it is after these records
 */
export function toKeyedChanges(records: readonly DispatchRecord[], ledger: Ledger): KeyedChange[] {
  const changes = new Map<string, string | null>();
  for (const record of records) {
    if (record.kind === 'alert') {
      changes.set(alertKey(record.alert.fingerprint), encodeDispatchRecord(record));
    } else if (record.kind === 'alert-gone') {
      changes.set(alertKey(record.fingerprint), null);
    } else {
      const target = record.kind === 'intent' ? record.intent.target : record.target;
      const entry = ledger.get(target);
      const value = entry === null ? null : encodeDispatchRecords(entryRecords(entry));
      changes.set(`target ${targetKey(target)}`, value);
    }
  }
  return [...changes].map(([key, value]) => ({ key, value }));
}

function alertKey(fingerprint: string): string {
  return `alert ${fingerprint}`;
}
