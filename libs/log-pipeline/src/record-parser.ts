import { type FieldParser, parseJsonFields, parseLogfmtFields } from './field-parsers.ts';
import { levelOfValue, UNKNOWN_LEVEL } from './log-level.ts';
import { grokFieldParser, regexFieldParser } from './pattern-parser.ts';
import type { RecordBatch } from './record-batch.ts';
import { JSON_FIELD, RecordFields } from './record-fields.ts';
import { isReservedField, RESERVED_PREFIX } from './reserved-fields.ts';
import { Moment } from './rfc3339.ts';
import { TimeFormat } from './time-format.ts';

/** What a parser reads. */
export const PARSER_FORMATS = ['json', 'logfmt', 'regex', 'grok'] as const;

/** How messages are taken apart, and what becomes of the parts. */
export interface ParserSpec {
  readonly name: string;
  readonly format: (typeof PARSER_FORMATS)[number];
  /** Of `regex` and `grok`. */
  readonly pattern?: string;
  /** Patterns that a `grok` pattern may name. */
  readonly patterns?: Readonly<Record<string, string>>;
  /** Fields of patterns that become numbers where they are written like one. */
  readonly numbers?: readonly string[];
  /** The first of these that is there becomes the message; default `message`, `msg`. */
  readonly messageFields?: readonly string[];
  /** The first of these that tells a level; default `level`, `severity`, `lvl`, `log.level`, `levelname`. */
  readonly levelFields?: readonly string[];
  /** Holds the time of the record. Default: none, the line's own time stays. */
  readonly timeField?: string | null;
  /** Of {@link TimeFormat}; default `rfc3339`. */
  readonly timeFormat?: string;
  /** East of Greenwich, of times that tell no zone; default 0. */
  readonly timeOffsetSeconds?: number;
  /** The message stays the whole line; what would have become the message is a field. Default false. */
  readonly keepsLine?: boolean;
}

/** What parsers have met that was not as it should be. */
export interface ParserCounters {
  /** Messages that are not of their parser's format; they go on as they are. */
  unparsedLines: number;
  /** Times that could not be read or cannot be true; the record has the time of its line. */
  badTimes: number;
}

const MESSAGE_FIELDS = ['message', 'msg'];
const LEVEL_FIELDS = ['level', 'severity', 'lvl', 'log.level', 'levelname'];
/** A clock that was never set tells 1970. */
const EARLIEST_SECONDS = 365 * 86_400;
/** How far ahead clocks may be. */
const MAX_AHEAD_SECONDS = 86_400;
const PREFIX = Buffer.from(RESERVED_PREFIX);
const NONE: readonly Uint8Array[] = [];

/** Takes messages apart: fields, and from them the message, the level and the time. */
export class RecordParser {
  readonly name: string;
  readonly #parse: FieldParser;
  readonly #messageFields: readonly Buffer[];
  readonly #levelFields: readonly Buffer[];
  readonly #timeField: Buffer | null;
  readonly #timeFormat: TimeFormat;
  readonly #keepsLine: boolean;
  readonly #moment = new Moment();

  /** @throws RegExpSyntaxError, TimeFormatError */
  constructor(spec: ParserSpec) {
    this.name = spec.name;
    this.#parse = fieldParserOf(spec);
    this.#keepsLine = spec.keepsLine ?? false;
    this.#messageFields = namesOf(spec.messageFields ?? MESSAGE_FIELDS);
    this.#levelFields = namesOf(spec.levelFields ?? LEVEL_FIELDS);
    const { timeField = null } = spec;
    this.#timeField = timeField === null ? null : Buffer.from(timeField);
    this.#timeFormat = new TimeFormat(spec.timeFormat ?? 'rfc3339', spec.timeOffsetSeconds ?? 0);
  }

  /**
   * Takes the message of a row apart. A message that is not of the format stays as it is.
   * @param groupLabels names of labels that the records have of their group
   */
  apply(
    records: RecordBatch,
    row: number,
    nowMs: number,
    counters: ParserCounters,
    groupLabels: readonly Uint8Array[] = NONE,
  ): void {
    const fields = (records.fields ??= new RecordFields(records.count));
    fields.begin(row);
    if (!this.#parse(records, fields, row)) {
      fields.undo(row);
      counters.unparsedLines++;
      return;
    }
    this.#takeTime(records, fields, row, nowMs, counters);
    this.#takeLevel(records, fields, row);
    if (!this.#keepsLine) this.#takeMessage(records, fields, row);
    for (let index = fields.first[row]!; index < fields.total; index++) {
      protect(records, fields, index, groupLabels);
    }
  }

  /**
   * As {@link apply}, of a record whose sender has told fields beside its message. These stay; what the message says under
   * the name of one of them gets `log_` before its name.
   */
  applyBeside(
    records: RecordBatch,
    row: number,
    nowMs: number,
    counters: ParserCounters,
    groupLabels: readonly Uint8Array[] = NONE,
  ): void {
    const told = records.fields;
    const count = told?.counts[row] ?? 0;
    if (told === null || count === 0) {
      this.apply(records, row, nowMs, counters, groupLabels);
      return;
    }
    const first = told.first[row]!;
    const unparsed = counters.unparsedLines;
    this.apply(records, row, nowMs, counters, groupLabels);
    if (counters.unparsedLines > unparsed) {
      told.restore(row, first, count);
      return;
    }
    // From behind, since those that are taken out leave gaps that are closed from behind.
    for (let index = told.total - 1; index >= told.first[row]!; index--) {
      if (!isNamedLike(records, told, index, first, first + count)) continue;
      prefix(records, told, index);
      if (isNamedLike(records, told, index, first, first + count)) told.remove(row, index);
    }
    for (let index = first; index < first + count; index++) told.addCopy(row, index);
  }

  #takeTime(
    records: RecordBatch,
    fields: RecordFields,
    row: number,
    nowMs: number,
    counters: ParserCounters,
  ): void {
    if (this.#timeField === null) return;
    const index = find(records, fields, row, this.#timeField);
    if (index < 0) return;
    const bytes = valueBytes(records, fields, index);
    const start = fields.valueStarts[index]!;
    const end = fields.valueEnds[index]!;
    const nowSeconds = Math.floor(nowMs / 1000);
    const moment = this.#moment;
    if (
      !this.#timeFormat.read(bytes, start, end, nowSeconds, moment) ||
      moment.seconds < EARLIEST_SECONDS ||
      moment.seconds > nowSeconds + MAX_AHEAD_SECONDS
    ) {
      counters.badTimes++;
      return;
    }
    records.timeSeconds[row] = moment.seconds;
    records.timeNanos[row] = moment.nanos;
    fields.remove(row, index);
  }

  #takeLevel(records: RecordBatch, fields: RecordFields, row: number): void {
    for (const name of this.#levelFields) {
      const index = find(records, fields, row, name);
      if (index < 0) continue;
      const bytes = valueBytes(records, fields, index);
      const level = levelOfValue(bytes, fields.valueStarts[index]!, fields.valueEnds[index]!);
      if (level === UNKNOWN_LEVEL) continue;
      records.levels[row] = level;
      fields.remove(row, index);
      return;
    }
  }

  #takeMessage(records: RecordBatch, fields: RecordFields, row: number): void {
    for (const name of this.#messageFields) {
      const index = find(records, fields, row, name);
      if (index < 0 || fields.kinds[index] === JSON_FIELD) continue;
      const isExtra = fields.isValueExtra[index] === 1;
      records.place(row, isExtra, fields.valueStarts[index]!, fields.valueEnds[index]!);
      fields.remove(row, index);
      return;
    }
  }
}

function fieldParserOf(spec: ParserSpec): FieldParser {
  switch (spec.format) {
    case 'json':
      return parseJsonFields;
    case 'logfmt':
      return parseLogfmtFields;
    case 'regex':
      return regexFieldParser(spec.pattern ?? '', spec.numbers ?? []);
    case 'grok':
      return grokFieldParser(spec.pattern ?? '', spec.patterns ?? {}, spec.numbers ?? []);
  }
}

function namesOf(names: readonly string[]): readonly Buffer[] {
  return names.map((name) => Buffer.from(name));
}

function valueBytes(records: RecordBatch, fields: RecordFields, index: number): Buffer {
  return fields.isValueExtra[index] === 1 ? records.extra : records.lines;
}

/** The field of that name among those of the row that was begun last, or -1. */
function find(records: RecordBatch, fields: RecordFields, row: number, name: Buffer): number {
  for (let index = fields.first[row]!; index < fields.total; index++) {
    const start = fields.nameStarts[index]!;
    if (fields.nameEnds[index]! - start !== name.length) continue;
    const bytes = fields.isNameExtra[index] === 1 ? records.extra : records.lines;
    let at = 0;
    while (at < name.length && bytes[start + at] === name[at]) at++;
    if (at === name.length) return index;
  }
  return -1;
}

/** Gives a field another name that would pass for one of ours. */
function protect(
  records: RecordBatch,
  fields: RecordFields,
  index: number,
  groupLabels: readonly Uint8Array[],
): void {
  const start = fields.nameStarts[index]!;
  const end = fields.nameEnds[index]!;
  const isExtra = fields.isNameExtra[index] === 1;
  if (!isReservedField(isExtra ? records.extra : records.lines, start, end, groupLabels)) return;
  prefix(records, fields, index);
}

/** Puts `log_` before the name of a field. */
function prefix(records: RecordBatch, fields: RecordFields, index: number): void {
  const start = fields.nameStarts[index]!;
  const end = fields.nameEnds[index]!;
  const isExtra = fields.isNameExtra[index] === 1;
  const length = PREFIX.length + end - start;
  const at = records.reserveExtra(length);
  // Making room may have moved the bytes.
  const bytes = isExtra ? records.extra : records.lines;
  PREFIX.copy(records.extra, at);
  bytes.copy(records.extra, at + PREFIX.length, start, end);
  records.keepExtra(at + length);
  fields.nameStarts[index] = at;
  fields.nameEnds[index] = at + length;
  fields.isNameExtra[index] = 1;
}

/** Whether one of the fields `from` up to `to` has the name of this one. */
function isNamedLike(
  records: RecordBatch,
  fields: RecordFields,
  index: number,
  from: number,
  to: number,
): boolean {
  const start = fields.nameStarts[index]!;
  const end = fields.nameEnds[index]!;
  const bytes = fields.isNameExtra[index] === 1 ? records.extra : records.lines;
  for (let other = from; other < to; other++) {
    const otherStart = fields.nameStarts[other]!;
    const otherEnd = fields.nameEnds[other]!;
    if (otherEnd - otherStart !== end - start) continue;
    const others = fields.isNameExtra[other] === 1 ? records.extra : records.lines;
    if (bytes.compare(others, otherStart, otherEnd, start, end) === 0) return true;
  }
  return false;
}
