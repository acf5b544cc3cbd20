import { isUtf8 } from 'node:buffer';
import {
  BLANK,
  BodyCursor,
  BYTE_CLASS,
  COLON,
  DIGIT,
  HASH,
  NAME_START,
  NEWLINE,
  OPEN_BRACE,
  QUOTE,
} from './body-cursor.ts';
import {
  type Exemplar,
  type ExpositionEntry,
  type MetricType,
  NO_EXEMPLARS,
} from './exposition-parser.ts';

const BRACES = { isLenient: true, takesMetricName: true } as const;
const HELP = Buffer.from('HELP');
const TYPE = Buffer.from('TYPE');
const MAX_TIMESTAMP_MS = '9223372036854775807';
/** So many digits always fit below {@link MAX_TIMESTAMP_MS}. */
const SAFE_TIMESTAMP_DIGITS = 18;

const TYPES: ReadonlyMap<string, MetricType> = new Map([
  ['counter', 'counter'],
  ['gauge', 'gauge'],
  ['histogram', 'histogram'],
  ['summary', 'summary'],
  ['untyped', 'unknown'],
]);

/**
 * The Prometheus text format 0.0.4 and 1.0.0 (quoted names), read exactly as leniently as Prometheus's scrape parser:
 * blanks nearly everywhere, no comma needed between labels, no blank needed before a value, newlines inside label
 * values. `UNIT` and `EOF` lines are comments here.
 */
export class TextParser extends BodyCursor {
  #isHelp = false;

  constructor(body: Buffer) {
    // A last line without its newline counts; with one always there, no loop below can run past the end.
    super(
      body.length > 0 && body[body.length - 1] !== NEWLINE
        ? Buffer.concat([body, Uint8Array.of(NEWLINE)])
        : body,
    );
  }

  next(): ExpositionEntry | null {
    const { bytes } = this;
    for (;;) {
      const start = this.position;
      this.entryStart = start;
      const i = this.skipBlanks(start);
      // A NUL where an entry would begin ends the body: that is how Prometheus's scanner marks the end.
      if (i >= bytes.length || bytes[i] === 0) {
        this.position = bytes.length;
        return null;
      }
      const byte = bytes[i]!;
      if (byte === NEWLINE) {
        this.position = i + 1;
        continue;
      }
      if (byte === HASH) return this.#readComment(i);
      this.labelSpans.length = 0;
      let end: number;
      if ((BYTE_CLASS[byte]! & (NAME_START | COLON)) !== 0) {
        // Blanks before a name are part of it; so Prometheus reads them.
        this.nameStart = start;
        end = this.metricNameEnd(i + 1);
        this.nameEnd = end;
        const brace = this.skipBlanks(end);
        if (bytes[brace] === OPEN_BRACE) end = this.readBraces(brace + 1, this.labelSpans, BRACES);
      } else if (byte === OPEN_BRACE) {
        this.nameStart = -1;
        end = this.readBraces(i + 1, this.labelSpans, BRACES);
        if (this.nameStart < 0) this.fail('the series has no metric name', start);
      } else {
        this.fail(`expected a metric name, "{" or a comment, found ${this.shown(i)}`, i);
      }
      this.seriesStart = start;
      this.seriesEnd = end;
      this.#readValue(end);
      return 'series';
    }
  }

  exemplars(): readonly Exemplar[] {
    return NO_EXEMPLARS;
  }

  createdMs(): number {
    return Number.NaN;
  }

  text(): string {
    const text = this.bytes.toString('utf8', this.textStart, this.textEnd);
    return this.#isHelp && text.includes('\\')
      ? text.replaceAll(/\\[\\n]/g, (escape) => (escape === '\\n' ? '\n' : '\\'))
      : text;
  }

  #readValue(start: number): void {
    const { bytes } = this;
    const valueStart = this.skipBlanks(start);
    let i = valueStart;
    for (; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === NEWLINE || byte === OPEN_BRACE || byte === 0 || BYTE_CLASS[byte] === BLANK)
        break;
    }
    if (i === valueStart) this.fail(`expected a value, found ${this.shown(i)}`, i);
    this.setValue(this.readFloat(valueStart, i));
    i = this.skipBlanks(i);
    this.timestampMs = Number.NaN;
    if (bytes[i] !== NEWLINE) {
      const timestampStart = i;
      while (i < bytes.length && BYTE_CLASS[bytes[i]!] === DIGIT) i++;
      if (i === timestampStart) {
        this.fail(
          `expected a timestamp in milliseconds or the end of the line, found ${this.shown(i)}`,
          i,
        );
      }
      this.timestampMs = this.#timestamp(timestampStart, i);
      i = this.skipBlanks(i);
      if (bytes[i] !== NEWLINE) {
        this.fail(`expected the end of the line after the timestamp, found ${this.shown(i)}`, i);
      }
    }
    this.position = i + 1;
  }

  #timestamp(start: number, end: number): number {
    const digits = this.bytes.toString('latin1', start, end).replace(/^0+(?=[0-9])/, '');
    const isTooBig =
      digits.length > SAFE_TIMESTAMP_DIGITS &&
      (digits.length > MAX_TIMESTAMP_MS.length ||
        (digits.length === MAX_TIMESTAMP_MS.length && digits > MAX_TIMESTAMP_MS));
    if (isTooBig) this.fail('the timestamp is out of range', start);
    return Number(digits);
  }

  /** `start` is at the `#`. */
  #readComment(start: number): ExpositionEntry {
    const { bytes } = this;
    const word = this.skipBlanks(start + 1);
    const kind = this.#metadataKind(word, word > start + 1);
    const lineEnd = bytes.indexOf(NEWLINE, start);
    this.position = lineEnd + 1;
    this.#isHelp = kind === 'help';
    if (kind === null) {
      this.textStart = start;
      this.textEnd = lineEnd;
      return 'comment';
    }
    let i = this.skipBlanks(word + HELP.length);
    if (bytes[i] === QUOTE) {
      const end = this.quotedEnd(i, true);
      if (end < 0) this.fail('a quoted name is not closed', i);
      this.nameStart = i + 1;
      this.nameEnd = end - 1;
      i = end;
    } else {
      if ((BYTE_CLASS[bytes[i]!]! & (NAME_START | COLON)) === 0) {
        this.fail(`expected a metric name after ${kind.toUpperCase()}, found ${this.shown(i)}`, i);
      }
      this.nameStart = i;
      i = this.metricNameEnd(i);
      this.nameEnd = i;
    }
    // One byte, commonly a blank, separates the name from the text; a text of blanks only is none.
    this.textEnd = bytes.indexOf(NEWLINE, i);
    this.position = this.textEnd + 1;
    this.textStart = this.skipBlanks(i) === this.textEnd ? this.textEnd : i + 1;
    if (kind === 'help') {
      if (!isUtf8(bytes.subarray(this.textStart, this.textEnd))) {
        this.fail('the HELP text is not UTF-8', this.textStart);
      }
      return 'help';
    }
    const name = bytes.toString(
      'utf8',
      this.textStart,
      Math.min(this.textEnd, this.textStart + 40),
    );
    const type = TYPES.get(name);
    if (type === undefined) {
      this.fail(
        `${JSON.stringify(name)} is not a metric type; accepted are ${[...TYPES.keys()].join(', ')}`,
        this.textStart,
      );
    }
    this.metricType = type;
    return 'type';
  }

  #metadataKind(word: number, hasBlank: boolean): 'help' | 'type' | null {
    const { bytes } = this;
    const end = word + HELP.length;
    if (!hasBlank || end >= bytes.length || BYTE_CLASS[bytes[end]!] !== BLANK) return null;
    if (bytes.compare(HELP, 0, HELP.length, word, end) === 0) return 'help';
    if (bytes.compare(TYPE, 0, TYPE.length, word, end) === 0) return 'type';
    return null;
  }
}
