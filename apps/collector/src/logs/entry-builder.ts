import { type MsgpackReader, MsgpackWriter } from '#libs/forward';
import { detectLevel, LOG_LEVELS, levelOfValue, UNKNOWN_LEVEL } from '#libs/log-pipeline';

/** Names by which records tell their message, the best known first. */
const MESSAGE_FIELDS = ['message', 'log', 'msg'];
/** Names by which records tell their level. */
const LEVEL_FIELDS = new Set(['level', 'severity', 'lvl', 'loglevel', 'log_level', 'log.level']);
const MAX_LEVEL_LENGTH = 64;

/** Fields that records of one origin have in common, encoded once. */
export class CommonFields {
  readonly names: ReadonlySet<string>;
  readonly count: number;
  readonly bytes: Buffer;

  /** @param fields `message` and `level` among them are not taken */
  constructor(fields: Readonly<Record<string, unknown>>) {
    const own = Object.entries(fields).filter(([name]) => name !== 'message' && name !== 'level');
    const writer = new MsgpackWriter(256);
    for (const [name, value] of own) {
      writer.text(name);
      writer.value(value);
    }
    this.names = new Set(own.map(([name]) => name));
    this.count = own.length;
    this.bytes = Buffer.from(writer.written);
  }
}

/** Records by level, in the order of `LOG_LEVELS`. */
export type LevelTally = Float64Array;

/**
 * Writes the entries of a chunk record by record: {@link begin}, the fields, {@link end}. Each entry has the common
 * fields, a level, its own fields, and the message last. A record's own fields do not replace common ones.
 */
export class EntryBuilder {
  readonly levels: LevelTally = new Float64Array(LOG_LEVELS.length);
  #entries = new MsgpackWriter(4_096);
  #fields = new MsgpackWriter(1_024);
  #common: CommonFields;
  #count = 0;
  #fieldCount = 0;
  #seconds = 0;
  #nanos = 0;
  #message: Buffer | null = null;
  #level = UNKNOWN_LEVEL;

  constructor(common: CommonFields) {
    this.#common = common;
  }

  get count(): number {
    return this.#count;
  }

  get byteCount(): number {
    return this.#entries.length;
  }

  /** The fields that records have in common from here on. */
  set common(common: CommonFields) {
    this.#common = common;
  }

  /** A record of that time, or of `nowMs` where it has none. */
  begin(seconds: number, nanos: number, nowMs: number): void {
    const hasTime = seconds >= 0 && seconds <= 0xffff_ffff;
    this.#seconds = hasTime ? seconds : Math.floor(nowMs / 1000);
    this.#nanos = hasTime ? nanos : Math.floor(nowMs % 1000) * 1_000_000;
    this.#fields.length = 0;
    this.#fieldCount = 0;
    this.#message = null;
    this.#level = UNKNOWN_LEVEL;
  }

  /** One of `LOG_LEVELS` by its place, where the sender has told it. */
  level(level: number): void {
    this.#level = level;
  }

  message(bytes: Buffer): void {
    this.#message = bytes;
  }

  /** A field with anything that JSON could say; what would not be told is left out. */
  field(name: string, value: unknown): void {
    if (value === '' || value === null || value === undefined || this.#isTaken(name)) return;
    this.#fields.text(name);
    this.#fields.value(value);
    this.#fieldCount++;
  }

  /** The fields of a record as a sender has encoded them; message and level are found by their usual names. */
  fieldsFrom(reader: MsgpackReader, count: number): void {
    let messageRank = MESSAGE_FIELDS.length;
    let message: readonly [start: number, end: number] | null = null;
    let messageKey = '';
    for (let i = 0; i < count; i++) {
      const start = reader.position;
      reader.next();
      const name = reader.kind === 'number' ? String(reader.number) : reader.text();
      const valueStart = reader.position;
      reader.next();
      const isText = reader.kind === 'text' || reader.kind === 'binary';
      const { valueStart: textStart, valueEnd: textEnd } = reader;
      reader.position = valueStart;
      reader.skip();
      const rank = isText ? MESSAGE_FIELDS.indexOf(name) : -1;
      if (rank >= 0 && rank < messageRank) {
        // One of a worse name that came before is a field like any other.
        if (message !== null) this.#textField(reader.bytes, messageKey, message);
        messageRank = rank;
        message = [textStart, textEnd];
        messageKey = name;
        continue;
      }
      if (this.#isTaken(name)) continue;
      if (LEVEL_FIELDS.has(name) && this.#readLevel(reader, valueStart) && name === 'level')
        continue;
      this.#fields.raw(reader.bytes.subarray(start, reader.position));
      this.#fieldCount++;
    }
    if (message !== null)
      this.#message = reader.bytes.subarray(...withoutNewline(reader.bytes, message));
  }

  /** The record is complete. */
  end(): void {
    const message = this.#message;
    let level = this.#level;
    if (level === UNKNOWN_LEVEL && message !== null)
      level = detectLevel(message, 0, message.length);
    const entries = this.#entries;
    entries.arrayHeader(2);
    entries.eventTime(this.#seconds, this.#nanos);
    entries.mapHeader(this.#common.count + this.#fieldCount + 1 + (message === null ? 0 : 1));
    entries.raw(this.#common.bytes);
    entries.text('level');
    entries.text(LOG_LEVELS[level]!);
    entries.raw(this.#fields.written);
    if (message !== null) {
      entries.text('message');
      entries.text(message.toString('utf8'));
    }
    this.levels[level]! += 1;
    this.#count++;
  }

  /** The entries, in memory of their own. */
  take(): Buffer {
    return Buffer.from(this.#entries.written);
  }

  #isTaken(name: string): boolean {
    return name === 'message' || this.#common.names.has(name);
  }

  #textField(bytes: Buffer, name: string, [start, end]: readonly [number, number]): void {
    if (this.#common.names.has(name)) return;
    this.#fields.text(name);
    this.#fields.text(bytes.toString('utf8', start, end));
    this.#fieldCount++;
  }

  /** @returns whether the value at the place is a level */
  #readLevel(reader: MsgpackReader, at: number): boolean {
    const { position, bytes } = reader;
    reader.position = at;
    reader.next();
    const { kind, number, valueStart, valueEnd } = reader;
    reader.position = position;
    let level = UNKNOWN_LEVEL;
    if (kind === 'number') {
      const digits = Buffer.from(String(number));
      level = levelOfValue(digits, 0, digits.length);
    } else if (kind === 'text' && valueEnd - valueStart <= MAX_LEVEL_LENGTH) {
      level = levelOfValue(bytes, valueStart, valueEnd);
    }
    if (level === UNKNOWN_LEVEL) return false;
    this.#level = level;
    return true;
  }
}

/** Without the newline that many senders leave at the end. */
function withoutNewline(
  bytes: Buffer,
  [start, end]: readonly [number, number],
): [start: number, end: number] {
  let to = end;
  if (to > start && bytes[to - 1] === 10) to--;
  if (to > start && to < end && bytes[to - 1] === 13) to--;
  return [start, to];
}
