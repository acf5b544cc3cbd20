import { createExpositionParser, ExpositionError, type WrittenFormat } from '#libs/exposition';
import type { ExpositionParser } from '#libs/exposition';
import type { Labels } from '#libs/labels';

/** Where samples of a text go. */
export interface SampleSink {
  /**
   * @param values the value is `values[0]`
   * @param line the line it is from, counted when asked
   * @returns whether `drain` is to be awaited before the next one
   */
  add(labels: Labels, timeMs: number, values: Float64Array, line: () => number): boolean;
  drain(): Promise<void>;
}

/** A line that cannot be read; all samples before it have been handed on. */
export class MetricsTextError extends Error {
  override readonly name = 'MetricsTextError';
  /** From 1. */
  readonly line: number;
  constructor(line: number, reason: string) {
    super(reason);
    this.line = line;
  }
}

export interface MetricsTextReport {
  readonly samples: number;
  readonly exemplars: number;
}

const NEWLINE = 10;
/** So much is parsed at a time. */
const PIECE_BYTES = 1_024 * 1_024;
/** No line takes more of them. */
const MAX_LINE_PIECES = 16;
const EOF_LINE = Buffer.from('# EOF\n');
/** Types that decide how a label is read: bounds are written in one spelling. */
const PREFIXES: Readonly<Partial<Record<ExpositionParser['metricType'], Buffer>>> = {
  histogram: Buffer.from('# TYPE x histogram\n'),
  summary: Buffer.from('# TYPE x summary\n'),
};
const NO_PREFIX: Buffer = Buffer.alloc(0);

/** Reads a metrics text of any length piece by piece; every sample needs a time of its own. */
export class MetricsTextReader {
  readonly #format: WrittenFormat;
  readonly #sink: SampleSink;
  readonly #pieceBytes: number;
  #rest: Buffer = NO_PREFIX;
  /** Lines before `#rest`. */
  #lines = 0;
  #prefix: Buffer = NO_PREFIX;
  #samples = 0;
  #exemplars = 0;
  /** The labels of the series read last, which in most files is the next one too. */
  #knownBytes: Buffer = NO_PREFIX;
  #knownType: ExpositionParser['metricType'] = 'unknown';
  #known: Labels | null = null;

  constructor(format: WrittenFormat, sink: SampleSink, pieceBytes = PIECE_BYTES) {
    this.#format = format;
    this.#sink = sink;
    this.#pieceBytes = pieceBytes;
  }

  /** @throws MetricsTextError @throws what the source and the sink throw */
  async read(source: AsyncIterable<Uint8Array>): Promise<MetricsTextReport> {
    let parts: Buffer[] = [];
    let length = 0;
    for await (const bytes of source) {
      parts.push(Buffer.from(bytes));
      length += bytes.length;
      if (length < this.#pieceBytes) continue;
      await this.#take(Buffer.concat([this.#rest, ...parts]));
      parts = [];
      length = 0;
    }
    await this.#takeLast(Buffer.concat([this.#rest, ...parts]));
    return { samples: this.#samples, exemplars: this.#exemplars };
  }

  /** Parses the whole lines but the last, since that may be the end, which has to be told from one in the middle. */
  async #take(text: Buffer): Promise<void> {
    const last = text.lastIndexOf(NEWLINE);
    const end = last < 1 ? 0 : text.lastIndexOf(NEWLINE, last - 1) + 1;
    if (end === 0) {
      if (text.length > MAX_LINE_PIECES * this.#pieceBytes) {
        throw new MetricsTextError(
          this.#lines + linesIn(text, text.length) + 1,
          `the line is longer than ${MAX_LINE_PIECES * this.#pieceBytes} bytes`,
        );
      }
      this.#rest = text;
      return;
    }
    const piece = text.subarray(0, end);
    const consumed = await this.#parse(piece, false);
    this.#lines += linesIn(piece, consumed);
    this.#rest = Buffer.from(text.subarray(consumed));
  }

  async #takeLast(text: Buffer): Promise<void> {
    await this.#parse(text, true);
  }

  /** @returns how many bytes are done with */
  async #parse(piece: Buffer, isLast: boolean): Promise<number> {
    const nul = piece.indexOf(0);
    if (nul >= 0) throw new MetricsTextError(this.#lines + linesIn(piece, nul) + 1, 'a NUL byte');
    const prefix = this.#prefix;
    const ending = isLast || this.#format === 'text' ? NO_PREFIX : EOF_LINE;
    const parser = createExpositionParser(this.#format, Buffer.concat([prefix, piece, ending]), {
      skipsCreatedSeries: false,
      roundsTimestamps: true,
    });
    const prefixLines = prefix.length === 0 ? 0 : 1;
    const line = (): number => this.#lines + parser.line() - prefixLines;
    try {
      for (let entry = parser.next(); entry !== null; entry = parser.next()) {
        if (entry !== 'series') continue;
        if (Number.isNaN(parser.timestampMs)) {
          throw new MetricsTextError(line(), 'the sample has no timestamp');
        }
        const isFull = this.#sink.add(
          this.#labelsOf(parser),
          parser.timestampMs,
          parser.valueColumn,
          line,
        );
        this.#samples++;
        this.#exemplars += parser.exemplars().length;
        if (isFull) await this.#sink.drain();
      }
    } catch (error) {
      if (!(error instanceof ExpositionError)) throw error;
      const failed = error.line - prefixLines;
      // It may just go on behind the end of the piece, as a name in quotes with newlines does.
      const isLong = piece.length > MAX_LINE_PIECES * this.#pieceBytes;
      if (isLast || (failed <= 1 && isLong))
        throw new MetricsTextError(this.#lines + failed, error.reason);
      this.#prefix = PREFIXES[parser.metricType] ?? NO_PREFIX;
      return startOfLine(piece, failed);
    }
    this.#prefix = PREFIXES[parser.metricType] ?? NO_PREFIX;
    return piece.length;
  }

  #labelsOf(parser: ExpositionParser): Labels {
    const { bytes, seriesStart, seriesEnd, metricType } = parser;
    const isKnown =
      this.#known !== null &&
      this.#knownType === metricType &&
      bytes.compare(this.#knownBytes, 0, this.#knownBytes.length, seriesStart, seriesEnd) === 0;
    if (isKnown) return this.#known!;
    this.#known = parser.labels();
    this.#knownBytes = Buffer.from(bytes.subarray(seriesStart, seriesEnd));
    this.#knownType = metricType;
    return this.#known;
  }
}

/** Newlines before `end`. */
function linesIn(text: Buffer, end: number): number {
  let lines = 0;
  for (let at = text.indexOf(NEWLINE); at >= 0 && at < end; at = text.indexOf(NEWLINE, at + 1)) {
    lines++;
  }
  return lines;
}

function startOfLine(text: Buffer, line: number): number {
  let at = 0;
  for (let left = line - 1; left > 0; left--) at = text.indexOf(NEWLINE, at) + 1;
  return at;
}
