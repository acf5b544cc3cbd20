import { MsgpackReader } from '#libs/forward';
import type { SpoolItem } from '#libs/spool';

/** Records on their way to an output, in the form that all outputs and the spools share. */
export interface LogChunk {
  readonly tag: string;
  /** Fluentd entries, `[EventTime, record]`, one behind the other. */
  readonly entries: Buffer;
  readonly count: number;
}

/** As a spool keeps it: the length of the tag in two bytes, the tag, the entries. */
export function toSpoolItem({ tag, entries, count }: LogChunk): SpoolItem {
  const name = Buffer.from(tag);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(name.length);
  return { bytes: Buffer.concat([head, name, entries]), count };
}

export function fromSpoolItem({ bytes, count }: SpoolItem): LogChunk {
  const length = bytes.readUInt16BE(0);
  return { tag: bytes.toString('utf8', 2, 2 + length), entries: bytes.subarray(2 + length), count };
}

/** An item without its records of some levels: the same where there are none, null where there are no others. */
export function withoutLevels(item: SpoolItem, levels: ReadonlySet<string>): SpoolItem | null {
  const { tag, entries } = fromSpoolItem(item);
  const reader = new MsgpackReader(entries);
  const parts: Buffer[] = [];
  let count = 0;
  let total = 0;
  for (; !reader.isAtEnd; total++) {
    const start = reader.position;
    const isWanted = !levels.has(levelAt(reader));
    reader.position = start;
    reader.skip();
    if (!isWanted) continue;
    parts.push(entries.subarray(start, reader.position));
    count++;
  }
  if (count === total) return item;
  return count === 0 ? null : toSpoolItem({ tag, entries: Buffer.concat(parts), count });
}

/** The level of the record that begins at the reader's position; empty where it tells none. */
function levelAt(reader: MsgpackReader): string {
  if (nextKind(reader) !== 'array') return '';
  reader.skip();
  if (nextKind(reader) !== 'map') return '';
  for (let pairs = reader.count; pairs > 0; pairs--) {
    const isLevel = nextKind(reader) === 'text' && reader.text() === 'level';
    if (isLevel) return nextKind(reader) === 'text' ? reader.text() : '';
    reader.skip();
  }
  return '';
}

function nextKind(reader: MsgpackReader): MsgpackReader['kind'] {
  reader.next();
  return reader.kind;
}

/** Some of the records of chunks, by their number over all chunks, in their order. */
export function pickRecords(
  chunks: readonly LogChunk[],
  isWanted: (index: number) => boolean,
): LogChunk[] {
  const picked: LogChunk[] = [];
  let index = 0;
  for (const { tag, entries } of chunks) {
    const reader = new MsgpackReader(entries);
    const parts: Buffer[] = [];
    while (!reader.isAtEnd) {
      const start = reader.position;
      reader.skip();
      if (isWanted(index)) parts.push(entries.subarray(start, reader.position));
      index++;
    }
    if (parts.length > 0) {
      picked.push({ tag, entries: Buffer.concat(parts), count: parts.length });
    }
  }
  return picked;
}

/** The same records in two halves; null for a single one. */
export function splitChunk({ tag, entries, count }: LogChunk): [LogChunk, LogChunk] | null {
  if (count < 2) return null;
  const half = Math.floor(count / 2);
  const reader = new MsgpackReader(entries);
  for (let i = 0; i < half; i++) reader.skip();
  const at = reader.position;
  return [
    { tag, entries: entries.subarray(0, at), count: half },
    { tag, entries: entries.subarray(at), count: count - half },
  ];
}
