import { type MsgpackReader, MsgpackWriter } from '#libs/forward';
import {
  detectLevel,
  JSON_FIELD,
  levelOfValue,
  type LogSource,
  NUMBER_FIELD,
  PACKED_FIELD,
  RecordBatch,
  RecordFields,
  TEXT_FIELD,
  UNKNOWN_LEVEL,
} from '#libs/log-pipeline';

/** Names by which records tell their message, the best known first. */
const MESSAGE_FIELDS = ['message', 'log', 'msg'];
/** Names by which records tell their level. */
const LEVEL_FIELDS = new Set(['level', 'severity', 'lvl', 'loglevel', 'log_level', 'log.level']);
const MAX_LEVEL_LENGTH = 64;
/** What is put before the names of fields that would pass for one of ours. */
const RESERVED_PREFIX = 'log_';
/** Longer numbers stay as they were sent, since a double might not hold them. */
const MAX_NUMBER_LENGTH = 15;
/** Of a record; what it says beyond that is left out. */
const MAX_FIELDS = 1_024;
const NO_BYTES = Buffer.alloc(0);
/** Ids of `LOG_STREAMS`. */
const STREAMS: ReadonlyMap<string, number> = new Map([
  ['stdout', 1],
  ['stderr', 2],
]);

/** Records of one sender, in their order. */
export interface SentRecords {
  readonly source: LogSource;
  readonly records: RecordBatch;
}

/**
 * Makes batches of records that senders tell, record by record: {@link begin}, the fields, {@link end}. A record's own fields
 * do not replace what is known of its sender.
 */
export class RecordBuilder {
  /** Records of which fields were left out, having too many. */
  cutRecords = 0;
  readonly #lines: Buffer;
  readonly #parts = new Map<LogSource, RecordBatch>();
  readonly #packed = new MsgpackWriter(256);
  #source: LogSource | null = null;
  #records: RecordBatch;
  #fields: RecordFields;
  #count = 0;
  #byteCount = 0;
  #row = 0;
  #hasMessage = false;
  #messageRank = MESSAGE_FIELDS.length;
  #isCut = false;

  /** @param lines where {@link fieldsFrom} reads, which is not copied */
  constructor(lines: Buffer = NO_BYTES) {
    this.#lines = lines;
    this.#records = new RecordBatch(lines, 4);
    this.#fields = new RecordFields(4);
  }

  get count(): number {
    return this.#count;
  }

  /** About how much the records take. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** The records by sender. */
  get parts(): readonly SentRecords[] {
    return Array.from(this.#parts, ([source, records]) => ({ source, records }));
  }

  /** A record of a sender and of that time, or of `nowMs` where it has none. */
  begin(source: LogSource, seconds: number, nanos: number, nowMs: number): void {
    if (source !== this.#source) this.#use(source);
    const records = this.#records;
    const row = records.reserve();
    this.#fields.reserveRows(records.count + 1);
    this.#fields.begin(row);
    const hasTime = seconds >= 0 && seconds <= 0xffff_ffff;
    records.timeSeconds[row] = hasTime ? seconds : Math.floor(nowMs / 1000);
    records.timeNanos[row] = hasTime ? nanos : Math.floor(nowMs % 1000) * 1_000_000;
    records.levels[row] = UNKNOWN_LEVEL;
    records.streams[row] = 0;
    records.lineOffsets[row] = 0;
    records.place(row, true, 0, 0);
    this.#row = row;
    this.#hasMessage = false;
    this.#messageRank = MESSAGE_FIELDS.length;
    this.#isCut = false;
  }

  /** One of `LOG_LEVELS` by its place, where the sender has told it. */
  level(level: number): void {
    this.#records.levels[this.#row] = level;
  }

  message(bytes: Uint8Array): void {
    const at = this.#records.addExtra(bytes, 0, bytes.length);
    this.#records.place(this.#row, true, at, at + bytes.length);
    this.#hasMessage = true;
  }

  /** A field with anything that JSON could say; what would not be told is left out. */
  field(name: string, value: unknown): void {
    if (value === '' || value === null || value === undefined) return;
    if (this.#isKnown(name)) return;
    if (typeof value === 'string') this.#told(name, TEXT_FIELD, Buffer.from(value));
    else if (typeof value === 'boolean') this.#told(name, JSON_FIELD, Buffer.from(String(value)));
    else if (isShortNumber(value)) this.#told(name, NUMBER_FIELD, Buffer.from(String(value)));
    else {
      this.#packed.length = 0;
      this.#packed.value(value);
      this.#told(name, PACKED_FIELD, this.#packed.written);
    }
  }

  /** The fields of a record as a sender has encoded them; message and level are found by their usual names. */
  fieldsFrom(reader: MsgpackReader, count: number): void {
    for (let i = 0; i < count; i++) {
      reader.next();
      const name = reader.kind === 'number' ? String(reader.number) : reader.text();
      const at = reader.position;
      reader.next();
      const { kind, number, valueStart, valueEnd } = reader;
      reader.position = at;
      reader.skip();
      const isText = kind === 'text' || kind === 'binary';
      if (isText && this.#takeMessage(name, valueStart, valueEnd)) continue;
      if (this.#isKnown(name)) continue;
      if (kind === 'text' || kind === 'number') {
        const told = kind === 'number' ? Buffer.from(String(number)) : reader.bytes;
        const [from, to] = kind === 'number' ? [0, told.length] : [valueStart, valueEnd];
        if (LEVEL_FIELDS.has(name) && this.#readLevel(told, from, to) && name === 'level') continue;
      }
      const stream = name === 'stream' && kind === 'text' ? STREAMS.get(reader.text()) : undefined;
      if (stream !== undefined) {
        this.#records.streams[this.#row] = stream;
        continue;
      }
      const index = this.#begin(this.#nameOf(name));
      if (index < 0) continue;
      if (kind === 'text') this.#slice(index, TEXT_FIELD, valueStart, valueEnd);
      else if (kind === 'boolean') {
        this.#value(index, JSON_FIELD, Buffer.from(number === 1 ? 'true' : 'false'));
      } else if (kind === 'number' && isShortNumber(number)) {
        this.#value(index, NUMBER_FIELD, Buffer.from(String(number)));
      } else this.#slice(index, PACKED_FIELD, at, reader.position);
    }
  }

  /** The record is complete. */
  end(): void {
    const records = this.#records;
    const row = this.#row;
    const start = records.starts[row]!;
    const end = records.ends[row]!;
    if (records.levels[row] === UNKNOWN_LEVEL && end > start) {
      records.levels[row] = detectLevel(records.bytesOf(row), start, end);
    }
    this.#byteCount += end - start + RECORD_BYTES;
    if (this.#isCut) this.cutRecords++;
    this.#count++;
  }

  #use(source: LogSource): void {
    let records = this.#parts.get(source);
    if (records === undefined) {
      records = new RecordBatch(this.#lines, 64);
      records.fields = new RecordFields(64);
      this.#parts.set(source, records);
    }
    this.#source = source;
    this.#records = records;
    this.#fields = records.fields!;
  }

  /** @returns whether the field is the message, or one that the message is better told by has come already */
  #takeMessage(name: string, start: number, end: number): boolean {
    const rank = MESSAGE_FIELDS.indexOf(name);
    if (rank < 0 || rank >= this.#messageRank) return false;
    const records = this.#records;
    const row = this.#row;
    // One of a worse name that came before is a field like any other.
    if (this.#hasMessage) {
      const worse = MESSAGE_FIELDS[this.#messageRank]!;
      const index = this.#isKnown(worse) ? -1 : this.#begin(worse);
      if (index >= 0) this.#slice(index, TEXT_FIELD, records.starts[row]!, records.ends[row]!);
    }
    const bytes = this.#lines;
    let to = end;
    // Many senders leave the newline at the end.
    if (to > start && bytes[to - 1] === 10) to--;
    if (to > start && to < end && bytes[to - 1] === 13) to--;
    records.place(row, false, start, to);
    this.#messageRank = rank;
    this.#hasMessage = true;
    return true;
  }

  /** What is known of the sender is not to be replaced. */
  #isKnown(name: string): boolean {
    return Object.hasOwn(this.#source!.attributes, name);
  }

  #nameOf(name: string): string {
    const isOurs = name === 'message' || name === 'level' || name === 'stream';
    return isOurs ? `${RESERVED_PREFIX}${name}` : name;
  }

  /** Begins a field. @returns its index, or -1 when the record has too many */
  #begin(name: string): number {
    const fields = this.#fields;
    if (fields.counts[this.#row]! >= MAX_FIELDS) {
      this.#isCut = true;
      return -1;
    }
    const index = fields.addTold(this.#row);
    const bytes = Buffer.from(name);
    const at = this.#records.addExtra(bytes, 0, bytes.length);
    fields.nameStarts[index] = at;
    fields.nameEnds[index] = at + bytes.length;
    fields.isNameExtra[index] = 1;
    this.#byteCount += bytes.length + FIELD_BYTES;
    return index;
  }

  #told(name: string, kind: number, bytes: Uint8Array): void {
    const index = this.#begin(this.#nameOf(name));
    if (index >= 0) this.#value(index, kind, bytes);
  }

  #value(index: number, kind: number, bytes: Uint8Array): void {
    const at = this.#records.addExtra(bytes, 0, bytes.length);
    this.#place(index, kind, 1, at, at + bytes.length);
  }

  #slice(index: number, kind: number, start: number, end: number): void {
    this.#place(index, kind, 0, start, end);
  }

  #place(index: number, kind: number, isExtra: 0 | 1, start: number, end: number): void {
    const fields = this.#fields;
    fields.kinds[index] = kind;
    fields.isValueExtra[index] = isExtra;
    fields.valueStarts[index] = start;
    fields.valueEnds[index] = end;
    this.#byteCount += end - start;
  }

  /** @returns whether what is told is a level */
  #readLevel(bytes: Buffer, start: number, end: number): boolean {
    if (end - start > MAX_LEVEL_LENGTH) return false;
    const level = levelOfValue(bytes, start, end);
    if (level === UNKNOWN_LEVEL) return false;
    this.#records.levels[this.#row] = level;
    return true;
  }
}

/** About what a record and a field take beside what they say. */
const RECORD_BYTES = 32;
const FIELD_BYTES = 8;

function isShortNumber(value: unknown): value is number {
  return Number.isFinite(value) && String(value).length <= MAX_NUMBER_LENGTH;
}
