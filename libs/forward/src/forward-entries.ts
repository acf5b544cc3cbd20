import { ForwardError } from './forward-error.ts';
import { MsgpackReader } from './msgpack-reader.ts';

/** Values nested deeper are refused; whoever reads records later goes no deeper either. */
const MAX_DEPTH = 30;
const EVENT_TIME_TYPE = 0;
const EVENT_TIME_BYTES = 8;

/** How the entries of a message are written. */
export type EntriesForm = 'stream' | 'array' | 'single';

/**
 * Goes over the entries of a message, one at a time and without making anything of them: after {@link next} the fields
 * tell the time and where the record lies, which was looked at as a whole.
 */
export class ForwardEntries {
  /** Seconds since the epoch; NaN where the sender told no time. */
  seconds = Number.NaN;
  nanos = 0;
  /** Pairs of the record. */
  fieldCount = 0;
  /** Where the record's first key begins, and its last value ends. */
  fieldsStart = 0;
  fieldsEnd = 0;
  readonly bytes: Buffer;
  readonly #reader: MsgpackReader;
  readonly #form: EntriesForm;
  readonly #total: number;
  #count = 0;

  /**
   * @param form `stream`: entries one behind the other up to the end; `array`: an array of them; `single`: a time and a
   * record, without the array around them
   * @throws ForwardError
   */
  constructor(bytes: Buffer, form: EntriesForm, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#reader = new MsgpackReader(bytes, start, end);
    this.#form = form;
    if (form === 'array') {
      this.#reader.next();
      if (this.#reader.kind !== 'array') throw new ForwardError('the entries are no array');
      this.#total = this.#reader.count;
    } else this.#total = form === 'single' ? 1 : Number.POSITIVE_INFINITY;
  }

  /** Entries so far. */
  get count(): number {
    return this.#count;
  }

  /** Where reading goes on. */
  get position(): number {
    return this.#reader.position;
  }

  /** Reads the next entry. @returns false when there is none. @throws ForwardError */
  next(): boolean {
    const reader = this.#reader;
    if (this.#count === this.#total || (this.#form === 'stream' && reader.isAtEnd)) return false;
    this.#count++;
    if (this.#form !== 'single') {
      reader.next();
      if (reader.kind !== 'array' || reader.count !== 2) {
        throw new ForwardError('an entry is not an array of a time and a record');
      }
    }
    this.#readTime();
    reader.next();
    if (reader.kind !== 'map') throw new ForwardError(`a record is a ${reader.kind}, not a map`);
    this.fieldCount = reader.count;
    this.fieldsStart = reader.position;
    for (let i = 0; i < this.fieldCount; i++) {
      checkKey(reader);
      checkValue(reader, 1);
    }
    this.fieldsEnd = reader.position;
    return true;
  }

  /** A cursor over the keys and values of the record that was read last. */
  fields(): MsgpackReader {
    return new MsgpackReader(this.bytes, this.fieldsStart, this.fieldsEnd);
  }

  #readTime(): void {
    const reader = this.#reader;
    reader.next();
    // Newer senders put `[time, metadata]` where older ones put the time.
    const hasMetadata = reader.kind === 'array' && reader.count === 2;
    if (hasMetadata) reader.next();
    if (reader.kind === 'number') this.#setTime(Math.floor(reader.number), 0);
    else if (
      reader.kind === 'extension' &&
      reader.extensionType === EVENT_TIME_TYPE &&
      reader.valueEnd - reader.valueStart === EVENT_TIME_BYTES
    ) {
      const { bytes, valueStart } = reader;
      this.#setTime(bytes.readUInt32BE(valueStart), bytes.readUInt32BE(valueStart + 4));
    } else if (reader.kind === 'nil') this.#setTime(Number.NaN, 0);
    else
      throw new ForwardError(`a time is a ${reader.kind}; accepted are whole seconds, EventTime`);
    if (hasMetadata) checkValue(reader, 1);
  }

  #setTime(seconds: number, nanos: number): void {
    const isTime = seconds >= 0 && seconds <= 0xffff_ffff;
    this.seconds = isTime ? seconds : Number.NaN;
    this.nanos = isTime && nanos < 1_000_000_000 ? nanos : 0;
  }
}

function checkKey(reader: MsgpackReader): void {
  reader.next();
  const { kind } = reader;
  if (kind !== 'text' && kind !== 'binary' && kind !== 'number') {
    throw new ForwardError(`a map’s key is a ${kind}; accepted is text`);
  }
}

function checkValue(reader: MsgpackReader, depth: number): void {
  if (depth > MAX_DEPTH) throw new ForwardError(`values nested more than ${MAX_DEPTH} deep`);
  reader.next();
  const { kind, count } = reader;
  if (kind === 'array') for (let i = 0; i < count; i++) checkValue(reader, depth + 1);
  else if (kind === 'map') {
    for (let i = 0; i < count; i++) {
      checkKey(reader);
      checkValue(reader, depth + 1);
    }
  }
}
