/** An entry of systemd's journal. */
export interface JournalEntry {
  readonly cursor: string;
  /** NaN where the entry tells no time. */
  readonly seconds: number;
  readonly nanos: number;
  /** 0 to 7, or null. */
  readonly priority: number | null;
  readonly message: Buffer;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** What fields of the journal are called in records; all others are left out. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['_HOSTNAME', 'hostname'],
  ['_SYSTEMD_UNIT', 'unit'],
  ['_SYSTEMD_USER_UNIT', 'user_unit'],
  ['SYSLOG_IDENTIFIER', 'app_name'],
  ['_PID', 'proc_id'],
  ['_UID', 'uid'],
  ['_COMM', 'command'],
  ['_TRANSPORT', 'transport'],
  ['_BOOT_ID', 'boot_id'],
  ['MESSAGE_ID', 'msg_id'],
  ['CONTAINER_NAME', 'container'],
  ['CODE_FILE', 'code_file'],
  ['CODE_LINE', 'code_line'],
]);

/** Reads a line of `journalctl --output=json`. Null for one that is no entry. */
export function readJournalEntry(line: Buffer): JournalEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entry = new Map<string, unknown>(Object.entries(value));
  const micros = textOf(entry.get('__REALTIME_TIMESTAMP')) ?? '';
  const isTime = /^\d{1,17}$/.test(micros);
  const priority = textOf(entry.get('PRIORITY')) ?? '';
  const fields: [string, string][] = [];
  for (const [name, field] of NAMES) {
    const text = textOf(entry.get(name));
    if (text !== null) fields.push([field, text]);
  }
  return {
    cursor: textOf(entry.get('__CURSOR')) ?? '',
    seconds: isTime ? Math.floor(Number(micros) / 1e6) : Number.NaN,
    nanos: isTime ? (Number(micros) % 1e6) * 1_000 : 0,
    priority: /^[0-7]$/.test(priority) ? Number(priority) : null,
    message: bytesOf(entry.get('MESSAGE')),
    fields,
  };
}

/** Of a field that an entry has several times, the first. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && typeof value[0] === 'string') return value[0];
  return null;
}

/** What is not UTF-8 comes as an array of its bytes. */
function bytesOf(value: unknown): Buffer {
  const text = textOf(value);
  if (text !== null) return Buffer.from(text);
  if (!Array.isArray(value)) return Buffer.alloc(0);
  return Buffer.from(value.filter((byte): byte is number => typeof byte === 'number'));
}
