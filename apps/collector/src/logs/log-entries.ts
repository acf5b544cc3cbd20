import { MsgpackReader } from '#libs/forward';
import type { LogChunk } from './log-chunk.ts';

/** A record of a chunk as receivers over HTTP want it. */
export interface LogEntry {
  readonly seconds: number;
  readonly nanos: number;
  readonly message: string;
  /**
   * Every other field as text, in the order of the record. A pod's labels and annotations are fields of their own, such
   * as `labels.app`; anything else that has parts is JSON.
   */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Every other field as it is. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** Fields whose parts are told apart, since one wants to search by them. */
const GROUPS = new Set(['labels', 'annotations']);

/** The records of a chunk; what is not of our making and makes no sense is left out. */
export function entriesOf({ entries }: LogChunk): LogEntry[] {
  const reader = new MsgpackReader(entries);
  const found: LogEntry[] = [];
  while (!reader.isAtEnd) {
    const entry = reader.readValue();
    if (!Array.isArray(entry)) continue;
    const [time, record] = entry as readonly unknown[];
    if (!isRecord(record)) continue;
    const [seconds, nanos] = timeOf(time);
    // An event of fields alone is best read as a whole.
    const { message = JSON.stringify(record), ...others } = record;
    const fields: [string, string][] = [];
    for (const [name, value] of Object.entries(others)) addFields(fields, name, value);
    found.push({ seconds, nanos, message: textOf(message), fields, record: others });
  }
  return found;
}

/** A field of a record as text; each part of a group is one of its own. */
export function addFields(fields: [string, string][], name: string, value: unknown): void {
  if (!GROUPS.has(name) || typeof value !== 'object' || value === null) {
    fields.push([name, textOf(value)]);
    return;
  }
  for (const [key, part] of Object.entries(value)) fields.push([`${name}.${key}`, textOf(part)]);
}

/** Nanoseconds since the epoch in digits. */
export function nanosText({ seconds, nanos }: LogEntry): string {
  return `${seconds}${String(nanos).padStart(9, '0')}`;
}

/** RFC 3339 with nanoseconds. */
export function isoText({ seconds, nanos }: LogEntry): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(nanos).padStart(9, '0')}Z`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function timeOf(time: unknown): readonly [number, number] {
  if (typeof time === 'number') return [Math.floor(time), 0];
  if (typeof time !== 'object' || time === null || !('bytes' in time)) return [0, 0];
  const { bytes } = time;
  if (!Buffer.isBuffer(bytes) || bytes.length !== 8) return [0, 0];
  return [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
}

function textOf(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
