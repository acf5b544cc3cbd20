import type { LineBatch } from '#libs/log-tail';
import { detectLevel } from './detect-level.ts';
import { JsonCursor } from './json-cursor.ts';
import { unescapeJson } from './json-text.ts';
import { type JoinedMessage, PartialJoiner } from './partial-joiner.ts';
import { NO_STREAM, RecordBatch, STDERR, STDOUT } from './record-batch.ts';
import { Moment, readRfc3339 } from './rfc3339.ts';
import { type TextEncoding, TextTranscoder } from './text-encodings.ts';

/** How the lines of a file are to be understood. */
export const LOG_FORMATS = ['raw', 'cri', 'docker-json', 'json'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LinePipelineOptions {
  readonly format: LogFormat;
  /** What messages are written in; Docker writes UTF-8 whatever it is. Default `utf-8`. */
  readonly encoding?: TextEncoding;
  /** A message put together from parts keeps this much of its beginning. Default 2 MiB. */
  readonly maxMessageBytes?: number;
  /** Most messages waiting for their end. Default 10,000. */
  readonly maxOpenPartials?: number;
  /** How long a message waits for its next part before it goes out as it is. Default 10 s. */
  readonly partialTimeoutMs?: number;
}

/** What a pipeline has seen since it was made. */
export interface PipelineCounters {
  /** Lines that are not of the format; they go on as they are. */
  malformedLines: number;
  /** Messages whose end never came. */
  unfinishedMessages: number;
  /** Messages that were too long, and what was left out of them. */
  truncatedMessages: number;
  truncatedBytes: number;
}

/** What came of a batch of lines, or of lines that had been held back. */
export interface PipelineResult {
  readonly records: RecordBatch;
  /**
   * Where in the file the first line begins that is held back for its continuation; if none is, the batch's end, or
   * Infinity where there is no batch.
   */
  readonly heldFromOffset: number;
}

const encoder = new TextEncoder();
const KEY_LOG = encoder.encode('log');
const KEY_STREAM = encoder.encode('stream');
const KEY_TIME = encoder.encode('time');
const NEWLINE_ESCAPE_BYTES = 2;
const NO_BYTES = Buffer.alloc(0);

/**
 * Makes records of lines: understands their format, joins what was cut and detects levels. Nothing is made per
 * line; a batch of lines becomes a batch of columns over the same bytes.
 */
export class LinePipeline {
  readonly counters: PipelineCounters = {
    malformedLines: 0,
    unfinishedMessages: 0,
    truncatedMessages: 0,
    truncatedBytes: 0,
  };
  readonly #format: LogFormat;
  readonly #partialTimeoutMs: number;
  readonly #joiner: PartialJoiner;
  readonly #transcoder: TextTranscoder;
  readonly #moment = new Moment();
  readonly #cursor = new JsonCursor();
  /** Used again for each batch: columns of their own would be what collecting garbage is about. */
  readonly #records = new RecordBatch(NO_BYTES, 1024);
  /** Where the line that is being read begins in its file. */
  #lineOffset = 0;
  #scratch: Buffer = Buffer.allocUnsafe(16 * 1024);

  constructor(options: LinePipelineOptions) {
    this.#format = options.format;
    const isDocker = options.format === 'docker-json';
    this.#transcoder = new TextTranscoder(isDocker ? 'utf-8' : (options.encoding ?? 'utf-8'));
    this.#partialTimeoutMs = options.partialTimeoutMs ?? 10_000;
    this.#joiner = new PartialJoiner(
      options.maxMessageBytes ?? 2 * 1024 * 1024,
      options.maxOpenPartials ?? 10_000,
    );
  }

  /** Where the first line of a file begins that is held back for its continuation; Infinity when none is. */
  heldFrom(fileKey: string): number {
    return this.#joiner.heldFrom(fileKey);
  }

  /**
   * The records of a batch of lines, in their order; a joined message comes where its last part stands. They are valid
   * until the next call.
   */
  process(batch: LineBatch, nowMs: number): PipelineResult {
    const records = this.#records;
    records.reset(batch.bytes, batch.lineCount);
    for (let i = 0; i < batch.lineCount; i++) {
      const start = batch.lineStarts[i]!;
      const end = batch.lineEnds[i]!;
      this.#lineOffset = batch.firstOffset + start;
      switch (this.#format) {
        case 'cri':
          this.#readCri(batch, start, end, records, nowMs);
          break;
        case 'docker-json':
          this.#readDockerJson(batch, start, end, records, nowMs);
          break;
        case 'raw':
          this.#addWhole(records, batch.bytes, start, end, false);
          break;
        case 'json':
          this.#readJson(records, batch.bytes, start, end);
          break;
      }
    }
    if (!this.#joiner.isEmpty) {
      this.#flush(batch.fileKey, nowMs - this.#partialTimeoutMs, records);
    }
    return { records, heldFromOffset: Math.min(this.heldFrom(batch.fileKey), batch.endOffset) };
  }

  /** What was held back of a file whose end has come, or null. */
  end(fileKey: string): RecordBatch | null {
    return this.#flushFile(fileKey, Number.POSITIVE_INFINITY);
  }

  /** Messages that have waited too long for their next part, by file. */
  flushOverdue(nowMs: number): Map<string, PipelineResult> {
    const flushed = new Map<string, PipelineResult>();
    for (const fileKey of this.#joiner.fileKeys) {
      const records = this.#flushFile(fileKey, nowMs - this.#partialTimeoutMs);
      if (records === null) continue;
      flushed.set(fileKey, { records, heldFromOffset: this.#joiner.heldFrom(fileKey) });
    }
    return flushed;
  }

  #flushFile(fileKey: string, beforeMs: number): RecordBatch | null {
    const records = new RecordBatch(NO_BYTES, 4);
    this.#flush(fileKey, beforeMs, records);
    if (records.count === 0) return null;
    return records;
  }

  #flush(fileKey: string, beforeMs: number, records: RecordBatch): void {
    for (const stream of this.#joiner.overdue(fileKey, beforeMs)) {
      const message = this.#joiner.take(fileKey, stream);
      if (message === null) continue;
      this.counters.unfinishedMessages++;
      this.#addJoined(records, stream, message, true);
    }
  }

  /** `TIME STREAM TAGS MESSAGE`, one blank each; the message may be missing together with its blank. */
  #readCri(
    batch: LineBatch,
    start: number,
    end: number,
    records: RecordBatch,
    nowMs: number,
  ): void {
    const { bytes } = batch;
    const timeEnd = indexOfBlank(bytes, start, Math.min(end, start + 40));
    // `stdout` and `stderr` have six letters, so the tags begin eight bytes behind the time.
    const tags = timeEnd + 8;
    const tag = bytes[tags];
    const stream = timeEnd < 0 || tags >= end ? NO_STREAM : streamOf(bytes, timeEnd + 1, tags - 1);
    if (
      stream === NO_STREAM ||
      bytes[tags - 1] !== 32 ||
      (tag !== 70 && tag !== 80) ||
      !readRfc3339(bytes, start, timeEnd, this.#moment)
    ) {
      this.#addWhole(records, bytes, start, end, true);
      return;
    }
    let at = tags + 1;
    if (at < end && bytes[at] === 58) {
      at = indexOfBlank(bytes, at, end);
      if (at < 0) at = end;
    }
    if (at < end && bytes[at] !== 32) {
      this.#addWhole(records, bytes, start, end, true);
      return;
    }
    const isPart = tag === 80;
    this.#addPiece(batch, bytes, Math.min(at + 1, end), end, stream, isPart, records, nowMs);
  }

  /** One object a line with `log`, `stream` and `time`; a `log` without a newline at its end goes on. */
  #readDockerJson(
    batch: LineBatch,
    start: number,
    end: number,
    records: RecordBatch,
    nowMs: number,
  ): void {
    const { bytes } = batch;
    const cursor = this.#cursor;
    let logStart = -1;
    let logEnd = -1;
    let hasEscapes = false;
    let stream: number = NO_STREAM;
    let hasTime = false;
    if (cursor.open(bytes, start, end)) {
      while (cursor.next()) {
        if (cursor.valueKind !== 'string') continue;
        const { valueStart, valueEnd } = cursor;
        if (cursor.keyIs(KEY_LOG)) {
          logStart = valueStart;
          logEnd = valueEnd;
          ({ hasEscapes } = cursor);
        } else if (cursor.keyIs(KEY_STREAM)) {
          stream = streamOf(bytes, valueStart, valueEnd);
        } else if (cursor.keyIs(KEY_TIME)) {
          hasTime = readRfc3339(bytes, valueStart, valueEnd, this.#moment);
        }
      }
    }
    if (!cursor.isComplete || logStart < 0 || stream === NO_STREAM || !hasTime) {
      this.#addWhole(records, bytes, start, end, true);
      return;
    }
    const endsLine = hasEscapes && endsWithNewlineEscape(bytes, logStart, logEnd);
    if (endsLine) logEnd -= NEWLINE_ESCAPE_BYTES;
    const isPart = !endsLine;
    const backslash = hasEscapes ? bytes.indexOf(92, logStart) : -1;
    if (backslash < 0 || backslash >= logEnd) {
      this.#addPiece(batch, bytes, logStart, logEnd, stream, isPart, records, nowMs);
      return;
    }
    if (this.#scratch.length < logEnd - logStart) {
      this.#scratch = Buffer.allocUnsafe((logEnd - logStart) * 2);
    }
    const plainEnd = unescapeJson(bytes, logStart, logEnd, this.#scratch, 0);
    if (plainEnd < 0) this.#addWhole(records, bytes, start, end, true);
    else this.#addPiece(batch, this.#scratch, 0, plainEnd, stream, isPart, records, nowMs);
  }

  /** A part of a message, or all of it; its time is in `#moment`. */
  #addPiece(
    batch: LineBatch,
    bytes: Buffer,
    start: number,
    end: number,
    stream: number,
    isPart: boolean,
    records: RecordBatch,
    nowMs: number,
  ): void {
    const { seconds, nanos } = this.#moment;
    if (isPart || this.#joiner.has(batch.fileKey, stream)) {
      const part = { bytes, start, end, seconds, nanos, offset: this.#lineOffset };
      const isKept = this.#joiner.add(batch.fileKey, stream, part, nowMs);
      if (isKept) {
        if (isPart) return;
        this.#addJoined(records, stream, this.#joiner.take(batch.fileKey, stream)!, false);
        return;
      }
    }
    const row = records.reserve();
    this.#placeMessage(records, row, bytes, start, end, bytes !== batch.bytes);
    records.streams[row] = stream;
    records.timeSeconds[row] = seconds;
    records.timeNanos[row] = nanos;
    records.lineOffsets[row] = this.#lineOffset;
  }

  #addJoined(
    records: RecordBatch,
    stream: number,
    message: JoinedMessage,
    isUnfinished: boolean,
  ): void {
    const row = records.reserve();
    const { bytes, parts, firstSeconds, firstNanos } = message;
    this.#placeMessage(records, row, bytes, 0, bytes.length, true);
    records.streams[row] = stream;
    records.timeSeconds[row] = message.seconds;
    records.timeNanos[row] = message.nanos;
    records.lineOffsets[row] = message.firstOffset;
    records.joined.push({ row, parts, firstSeconds, firstNanos, isUnfinished });
    if (message.droppedBytes === 0) return;
    this.counters.truncatedMessages++;
    this.counters.truncatedBytes += message.droppedBytes;
  }

  /**
   * The message of a row, as UTF-8, and its level.
   * @param isForeign the bytes are not those of the batch, and are copied
   */
  #placeMessage(
    records: RecordBatch,
    row: number,
    bytes: Buffer,
    start: number,
    end: number,
    isForeign: boolean,
  ): void {
    const text = this.#transcoder.toUtf8(bytes, start, end);
    if (text !== null) {
      this.#placeExtra(records, row, text, 0, text.length);
      records.levels[row] = detectLevel(text, 0, text.length);
      return;
    }
    records.levels[row] = detectLevel(bytes, start, end);
    if (isForeign) this.#placeExtra(records, row, bytes, start, end);
    else {
      records.starts[row] = start;
      records.ends[row] = end;
    }
  }

  #placeExtra(records: RecordBatch, row: number, bytes: Buffer, start: number, end: number): void {
    const at = records.addExtra(bytes, start, end);
    records.isExtra[row] = 1;
    records.starts[row] = at;
    records.ends[row] = at + end - start;
  }

  #readJson(records: RecordBatch, bytes: Buffer, start: number, end: number): void {
    const cursor = this.#cursor;
    const text = this.#transcoder.toUtf8(bytes, start, end);
    let isObject =
      text === null ? cursor.open(bytes, start, end) : cursor.open(text, 0, text.length);
    if (isObject) {
      while (cursor.next()) {
        // Only its shape is looked at here.
      }
      isObject = cursor.isComplete;
    }
    this.#addWhole(records, bytes, start, end, !isObject);
  }

  /** The whole line is the message. */
  #addWhole(
    records: RecordBatch,
    bytes: Buffer,
    start: number,
    end: number,
    isMalformed: boolean,
  ): void {
    const row = records.reserve();
    // Where lines are text files' lines, a carriage return belongs to the line's end.
    const isText = this.#format === 'raw' || this.#format === 'json';
    const to = isText && end > start && bytes[end - 1] === 13 ? end - 1 : end;
    this.#placeMessage(records, row, bytes, start, to, false);
    records.streams[row] = NO_STREAM;
    records.timeSeconds[row] = Number.NaN;
    records.lineOffsets[row] = this.#lineOffset;
    if (!isMalformed) return;
    records.isMalformed[row] = 1;
    this.counters.malformedLines++;
  }
}

function indexOfBlank(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === 32) return i;
  return -1;
}

/** `stdout` or `stderr`. */
function streamOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 6) return NO_STREAM;
  if (bytes[start] !== 115 || bytes[start + 1] !== 116 || bytes[start + 2] !== 100) {
    return NO_STREAM;
  }
  if (bytes[start + 3] === 111) {
    return bytes[start + 4] === 117 && bytes[start + 5] === 116 ? STDOUT : NO_STREAM;
  }
  const isErr = bytes[start + 3] === 101 && bytes[start + 4] === 114 && bytes[start + 5] === 114;
  return isErr ? STDERR : NO_STREAM;
}

/** Whether a JSON string ends in `\n`, and not in an escaped backslash and an n. */
function endsWithNewlineEscape(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || bytes[end - 1] !== 110) return false;
  let backslashes = 0;
  for (let i = end - 2; i >= start && bytes[i] === 92; i--) backslashes++;
  return backslashes % 2 === 1;
}
