import { detectLevel } from './detect-level.ts';
import { beginsRecord } from './line-shapes.ts';
import { ERROR, UNKNOWN_LEVEL, WARN } from './log-level.ts';
import type { MultilineRule } from './multiline-rules.ts';
import { LOG_STREAMS, type RecordBatch } from './record-batch.ts';

export interface MultilineLimits {
  /** Lines of a record; the next one begins another. */
  readonly maxLines: number;
  /** Bytes of a record; a line that would exceed them begins another. */
  readonly maxBytes: number;
  /** How long a record waits for its next line. */
  readonly timeoutMs: number;
}

/** What joining has met that was not as it should be. */
export interface MultilineCounters {
  /** Records that were ended because they had too many lines or bytes. */
  cutRecords: number;
}

const NEWLINE = 10;
const NO_BYTES = Buffer.alloc(0);

/** A record of one stream that may go on with the next line. It is used again and again. */
class OpenRecord {
  readonly stream: number;
  /** None where nothing is open. */
  lines = 0;
  /** The batch and row of its only line, as long as neither a second line nor the batch's end has come. */
  records: RecordBatch | null = null;
  row = 0;
  bytes: Buffer = NO_BYTES;
  length = 0;
  /** By rule; -1 for one that it can't be a record of. */
  readonly states: Int32Array;
  /** It is a logger's line and tells of trouble, so that a stack trace behind it belongs to it. */
  isTrouble = false;
  /** By its lines it may be a stack trace. */
  isTrace = false;
  level = UNKNOWN_LEVEL;
  seconds = Number.NaN;
  nanos = 0;
  isMalformed = 0;
  firstOffset = 0;
  changedMs = 0;

  constructor(stream: number, rules: number) {
    this.stream = stream;
    this.states = new Int32Array(rules);
  }

  /** Takes the bytes of the first line over, which are another's. */
  own(): void {
    const { records, row } = this;
    if (records === null) return;
    this.records = null;
    this.length = 0;
    this.#append(records.bytesOf(row), records.starts[row]!, records.ends[row]!);
  }

  append(bytes: Buffer, start: number, end: number): void {
    this.own();
    this.#makeRoom(1);
    this.bytes[this.length++] = NEWLINE;
    this.#append(bytes, start, end);
    this.lines++;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    this.#makeRoom(end - start);
    bytes.copy(this.bytes, this.length, start, end);
    this.length += end - start;
  }

  #makeRoom(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed * 2, 1024));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/**
 * Joins the lines of records that have several, such as stack traces, for the streams of one file. The last line of each
 * stream is held back until it is clear that the next does not belong to it.
 */
export class MultilineJoiner {
  readonly #rules: readonly MultilineRule[];
  readonly #limits: MultilineLimits;
  readonly #counters: MultilineCounters;
  /** By stream. */
  readonly #open: readonly OpenRecord[];

  constructor(
    rules: readonly MultilineRule[],
    limits: MultilineLimits,
    counters: MultilineCounters,
  ) {
    this.#rules = rules;
    this.#limits = limits;
    this.#counters = counters;
    this.#open = LOG_STREAMS.map((_, stream) => new OpenRecord(stream, rules.length));
  }

  /** Whether a line is held back. */
  get isHolding(): boolean {
    return this.#open.some(({ lines }) => lines > 0);
  }

  /** Where the earliest line lies that is held back, or Infinity. */
  get heldFromOffset(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { lines, firstOffset } of this.#open) {
      if (lines > 0) earliest = Math.min(earliest, firstOffset);
    }
    return earliest;
  }

  /** The next line of a stream; a record that is complete by it is added to `out`, which was emptied from `records`. */
  add(records: RecordBatch, row: number, out: RecordBatch, nowMs: number): void {
    const open = this.#open[records.streams[row]!]!;
    const bytes = records.bytesOf(row);
    const start = records.starts[row]!;
    const end = records.ends[row]!;
    if (open.lines > 0) {
      if (!this.#goesOn(open, bytes, start, end)) this.#close(open, out);
      else if (this.#isFull(open, end - start)) {
        this.#counters.cutRecords++;
        this.#close(open, out);
        // What follows is a record of the same kind, in the same state.
        this.#hold(open, records, row, nowMs);
        return;
      } else {
        open.append(bytes, start, end);
        open.changedMs = nowMs;
        return;
      }
    }
    for (let i = 0; i < this.#rules.length; i++) {
      open.states[i] = this.#rules[i]!.begin(bytes, start, end);
    }
    this.#hold(open, records, row, nowMs);
  }

  /** The bytes of the batch are about to be used again. */
  settle(): void {
    for (const open of this.#open) if (open.lines > 0) open.own();
  }

  /** Ends the records that have waited since `beforeMs` or longer; with Infinity, all. */
  flush(beforeMs: number, out: RecordBatch): void {
    for (const open of this.#open) {
      if (open.lines > 0 && open.changedMs <= beforeMs) this.#close(open, out);
    }
  }

  #goesOn(open: OpenRecord, bytes: Buffer, start: number, end: number): boolean {
    const { states } = open;
    let goesOn = false;
    for (let i = 0; i < states.length; i++) {
      const state = states[i]!;
      if (state < 0) continue;
      states[i] = this.#rules[i]!.next(state, open.isTrouble, bytes, start, end);
      if (states[i]! < 0) continue;
      if (!goesOn) open.isTrace = false;
      goesOn = true;
      open.isTrace ||= this.#rules[i]!.isTrace;
    }
    return goesOn;
  }

  #isFull({ lines, length, records, row }: OpenRecord, more: number): boolean {
    const size = records === null ? length : records.ends[row]! - records.starts[row]!;
    return lines >= this.#limits.maxLines || size + 1 + more > this.#limits.maxBytes;
  }

  #hold(open: OpenRecord, records: RecordBatch, row: number, nowMs: number): void {
    const level = records.levels[row]!;
    const isBad = level >= WARN && level !== UNKNOWN_LEVEL;
    open.lines = 1;
    open.records = records;
    open.row = row;
    open.isTrouble =
      isBad && beginsRecord(records.bytesOf(row), records.starts[row]!, records.ends[row]!);
    open.level = level;
    open.seconds = records.timeSeconds[row]!;
    open.nanos = records.timeNanos[row]!;
    open.isMalformed = records.isMalformed[row]!;
    open.firstOffset = records.lineOffsets[row]!;
    open.changedMs = nowMs;
  }

  #close(open: OpenRecord, out: RecordBatch): void {
    const { lines, records } = open;
    open.lines = 0;
    open.records = null;
    if (records !== null) {
      out.addRowOf(records, open.row);
      return;
    }
    const length = lines === 1 ? open.length : withoutBlanksAtEnd(open.bytes, open.length);
    const row = out.reserve();
    const at = out.addExtra(open.bytes, 0, length);
    out.place(row, true, at, at + length);
    out.levels[row] = lines === 1 ? open.level : this.#levelOf(open, length);
    out.streams[row] = open.stream;
    out.timeSeconds[row] = open.seconds;
    out.timeNanos[row] = open.nanos;
    out.isMalformed[row] = open.isMalformed;
    out.lineOffsets[row] = open.firstOffset;
    if (open.bytes.length > MAX_KEPT_BYTES) open.bytes = NO_BYTES;
    if (lines === 1) return;
    out.joined.push({
      row,
      parts: lines,
      firstSeconds: open.seconds,
      firstNanos: open.nanos,
      isUnfinished: false,
    });
  }

  /** The first line's word counts. */
  #levelOf({ level, bytes, isTrace }: OpenRecord, length: number): number {
    if (level !== UNKNOWN_LEVEL) return level;
    const found = detectLevel(bytes, 0, length);
    return found === UNKNOWN_LEVEL && isTrace ? ERROR : found;
  }
}

/** Memory that a stream keeps for its next record. */
const MAX_KEPT_BYTES = 64 * 1024;

/** Blank lines behind a trace say nothing. */
function withoutBlanksAtEnd(bytes: Buffer, length: number): number {
  let end = length;
  while (end > 0 && (bytes[end - 1] === NEWLINE || bytes[end - 1] === 13)) end--;
  return end;
}
