import { isUtf8 } from 'node:buffer';
import type { FloatHistogram } from '#libs/histogram';
import { InvariantError } from '#libs/invariant';
import { compareUtf8, DuplicateLabelError, Labels, METRIC_NAME } from '#libs/labels';
import {
  ExpositionError,
  type ExpositionEntry,
  type ExpositionParser,
  type Exemplar,
  type MetricType,
} from './exposition-parser.ts';
import { FloatSyntaxError, formatOpenMetricsFloat, parseFloatBytes } from './go-float.ts';

export const NEWLINE = 10;
const TAB = 9;
export const SPACE = 32;
export const QUOTE = 34;
export const HASH = 35;
const COMMA = 44;
const EQUAL = 61;
const BACKSLASH = 92;
export const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** What a byte may be part of, as bits: the start of a name, a digit, a colon, a blank. */
export const NAME_START = 1;
export const DIGIT = 2;
export const COLON = 4;
export const BLANK = 8;
export const BYTE_CLASS: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let code = 0; code < 26; code++) table[65 + code] = table[97 + code] = NAME_START;
  table[95] = NAME_START;
  for (let code = 48; code < 58; code++) table[code] = DIGIT;
  table[58] = COLON;
  table[SPACE] = table[TAB] = BLANK;
  return table;
})();

/** The bits Prometheus gives every NaN that a body holds, so that none can be mistaken for a stale marker. */
export const ORDINARY_NAN = Uint8Array.of(1, 0, 0, 0, 0, 0, 0xf8, 0x7f);

/** Where labels lie in a body: four offsets each, the name from and to, the value from and to, quotes left out. */
export class LabelSpans {
  offsets = new Int32Array(64);
  length = 0;

  push(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    if (this.length + 4 > this.offsets.length) {
      const grown = new Int32Array(this.offsets.length * 2);
      grown.set(this.offsets);
      this.offsets = grown;
    }
    this.offsets[this.length] = nameStart;
    this.offsets[this.length + 1] = nameEnd;
    this.offsets[this.length + 2] = valueStart;
    this.offsets[this.length + 3] = valueEnd;
    this.length += 4;
  }
}

/** How the two text formats differ inside braces. */
export interface BraceRules {
  /** Blanks between the parts, and no comma needed between labels: the text format's leniency. */
  readonly isLenient: boolean;
  /** Whether a quoted string alone names the metric; not in an exemplar. */
  readonly takesMetricName: boolean;
}

/**
 * What the parsers of both text formats share: the place in the body, the current entry's fields, label sets and their
 * decoding. The formats' own grammars are in the classes derived from it.
 */
export abstract class BodyCursor implements ExpositionParser {
  readonly bytes: Buffer;
  seriesStart = 0;
  seriesEnd = 0;
  value = 0;
  readonly valueColumn = new Float64Array(1);
  timestampMs = Number.NaN;
  metricType: MetricType = 'unknown';

  /** Where the next entry begins. */
  protected position = 0;
  /** Where the current entry begins. */
  protected entryStart = 0;
  /** The name of the current series, or of the metric family of type, help and unit. */
  protected nameStart = -1;
  protected nameEnd = -1;
  protected textStart = 0;
  protected textEnd = 0;
  protected readonly labelSpans = new LabelSpans();
  readonly #valueBytes = new Uint8Array(this.valueColumn.buffer);
  #countedTo = 0;
  #countedLines = 1;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  abstract next(): ExpositionEntry | null;
  abstract exemplars(): readonly Exemplar[];
  abstract createdMs(): number;
  abstract text(): string;

  /** @throws InvariantError always: these formats have none */
  histogram(): FloatHistogram {
    throw new InvariantError('a text has no native histograms');
  }

  get isIntegerHistogram(): boolean {
    return false;
  }

  labels(): Labels {
    if (this.nameStart >= 0 && !this.#isUtf8(this.nameStart, this.nameEnd)) {
      this.fail('the metric name is not UTF-8', this.nameStart);
    }
    const { offsets, length } = this.labelSpans;
    for (let i = 0; i < length; i += 4) {
      if (!this.#isUtf8(offsets[i]!, offsets[i + 1]!)) {
        this.fail('a label name is not UTF-8', offsets[i]!);
      }
    }
    const flat = this.flatLabels();
    try {
      return sortedLabels(flat);
    } catch (error) {
      if (!(error instanceof DuplicateLabelError)) throw error;
      return this.fail(error.message, this.seriesStart);
    }
  }

  flatLabels(): string[] {
    const flat = [METRIC_NAME, this.decode(this.nameStart, this.nameEnd)];
    const { offsets, length } = this.labelSpans;
    for (let i = 0; i < length; i += 4) {
      const name = this.decode(offsets[i]!, offsets[i + 1]!);
      const value = this.decode(offsets[i + 2]!, offsets[i + 3]!);
      flat.push(name, this.#isBound(name) ? normalisedBound(value) : value);
    }
    return flat;
  }

  metricFamily(): string {
    return this.bytes.toString('utf8', this.nameStart, this.nameEnd);
  }

  line(): number {
    return this.#lineAt(this.entryStart);
  }

  /** @throws ExpositionError always */
  protected fail(reason: string, offset: number): never {
    throw new ExpositionError(reason, { line: this.#lineAt(this.entryStart), offset });
  }

  /** A byte as an error message shows it. */
  protected shown(offset: number): string {
    if (offset >= this.bytes.length) return 'the end of the body';
    const byte = this.bytes[offset]!;
    if (byte === NEWLINE) return 'the end of the line';
    if (byte >= 0x21 && byte < 0x7f) return `"${String.fromCharCode(byte)}"`;
    return `the byte 0x${byte.toString(16).padStart(2, '0')}`;
  }

  /** The first offset from `start` on that is not part of a bare metric name. */
  protected metricNameEnd(start: number): number {
    const { bytes } = this;
    let i = start;
    while (i < bytes.length && (BYTE_CLASS[bytes[i]!]! & (NAME_START | DIGIT | COLON)) !== 0) i++;
    return i;
  }

  /** Just behind the closing quote of the string that opens at `start`, or -1 if none closes it. */
  protected quotedEnd(start: number, takesNewline: boolean): number {
    const { bytes } = this;
    const end = bytes.length;
    for (let i = start + 1; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === QUOTE) return i + 1;
      if (byte === BACKSLASH) {
        i++;
        if (i < end && bytes[i] === NEWLINE) return -1;
      } else if (byte === NEWLINE && !takesNewline) {
        return -1;
      }
    }
    return -1;
  }

  /**
   * Reads from behind an opening brace to behind its closing one, adding what it finds to `spans` and, for a quoted
   * metric name, setting `nameStart` and `nameEnd`.
   * @returns the offset behind the closing brace
   */
  protected readBraces(start: number, spans: LabelSpans, rules: BraceRules): number {
    const { bytes } = this;
    const { isLenient } = rules;
    let i = isLenient ? this.skipBlanks(start) : start;
    while (i < bytes.length && bytes[i] !== CLOSE_BRACE) {
      const isQuoted = bytes[i] === QUOTE;
      let nameStart = i;
      let nameEnd: number;
      if (isQuoted) {
        i = this.quotedEnd(i, true);
        if (i < 0) this.fail('a quoted name is not closed', nameStart);
        nameStart++;
        nameEnd = i - 1;
      } else {
        if ((BYTE_CLASS[bytes[i]!]! & NAME_START) === 0) {
          this.fail(`expected a label name, found ${this.shown(i)}`, i);
        }
        do i++;
        while (i < bytes.length && (BYTE_CLASS[bytes[i]!]! & (NAME_START | DIGIT)) !== 0);
        nameEnd = i;
      }
      if (isLenient) i = this.skipBlanks(i);
      const separator = i < bytes.length ? bytes[i]! : -1;
      if (isQuoted && rules.takesMetricName && (separator === COMMA || separator === CLOSE_BRACE)) {
        if (this.nameStart >= 0) this.fail('the metric has two names', nameStart);
        this.nameStart = nameStart;
        this.nameEnd = nameEnd;
        if (separator === CLOSE_BRACE) return i + 1;
        i = isLenient ? this.skipBlanks(i + 1) : i + 1;
        continue;
      }
      if (separator !== EQUAL) {
        this.fail(`expected "=" after a label name, found ${this.shown(i)}`, i);
      }
      i = isLenient ? this.skipBlanks(i + 1) : i + 1;
      i = this.#readLabelValue(i, isLenient);
      spans.push(nameStart, nameEnd, this.#valueStart, i - 1);
      if (isLenient) i = this.skipBlanks(i);
      if (i < bytes.length && bytes[i] === COMMA) {
        i = isLenient ? this.skipBlanks(i + 1) : i + 1;
      } else if (!isLenient && i < bytes.length && bytes[i] !== CLOSE_BRACE) {
        this.fail(`expected "," or "}" after a label, found ${this.shown(i)}`, i);
      }
    }
    if (i >= bytes.length) this.fail('the braces are not closed', i);
    return i + 1;
  }

  #valueStart = 0;

  /** @returns the offset behind the value's closing quote; `#valueStart` is behind the opening one */
  #readLabelValue(start: number, takesNewline: boolean): number {
    const { bytes } = this;
    if (start >= bytes.length || bytes[start] !== QUOTE) {
      this.fail(`expected a label value in double quotes, found ${this.shown(start)}`, start);
    }
    this.#valueStart = start + 1;
    let seen = 0;
    for (let i = start + 1; i < bytes.length; i++) {
      const byte = bytes[i]!;
      seen |= byte;
      if (byte === QUOTE) {
        if (seen >= 0x80 && !isUtf8(bytes.subarray(start + 1, i))) {
          this.fail('a label value is not UTF-8', start);
        }
        return i + 1;
      }
      if (byte === BACKSLASH) {
        i++;
        if (i < bytes.length) {
          if (bytes[i] === NEWLINE) break;
          seen |= bytes[i]!;
        }
      } else if (byte === NEWLINE && !takesNewline) {
        break;
      }
    }
    return this.fail('a label value is not closed', start);
  }

  protected skipBlanks(start: number): number {
    const { bytes } = this;
    let i = start;
    while (i < bytes.length && BYTE_CLASS[bytes[i]!] === BLANK) i++;
    return i;
  }

  /** Reads a number and fails the entry if it is none. */
  protected readFloat(start: number, end: number): number {
    try {
      return parseFloatBytes(this.bytes, start, end);
    } catch (error) {
      if (!(error instanceof FloatSyntaxError)) throw error;
      return this.fail(error.message, start);
    }
  }

  /** Sets `value` and its column. */
  protected setValue(value: number): void {
    this.value = value;
    if (value === value) this.valueColumn[0] = value;
    else this.#valueBytes.set(ORDINARY_NAN);
  }

  /** A name or label value with its escapes resolved. */
  protected decode(start: number, end: number): string {
    const text = this.bytes.toString('utf8', start, end);
    return text.includes('\\') ? unescapeLabelValue(text) : text;
  }

  /** Whether the bytes are valid UTF-8; short for the common case of ASCII. */
  #isUtf8(start: number, end: number): boolean {
    const { bytes } = this;
    for (let i = start; i < end; i++)
      if (bytes[i]! >= 0x80) return isUtf8(bytes.subarray(start, end));
    return true;
  }

  #isBound(label: string): boolean {
    return (
      (label === 'le' && this.metricType === 'histogram') ||
      (label === 'quantile' && this.metricType === 'summary')
    );
  }

  #lineAt(offset: number): number {
    if (offset < this.#countedTo) {
      this.#countedTo = 0;
      this.#countedLines = 1;
    }
    for (
      let at = this.bytes.indexOf(NEWLINE, this.#countedTo);
      at >= 0 && at < offset;
      at = this.bytes.indexOf(NEWLINE, at + 1)
    ) {
      this.#countedLines++;
      this.#countedTo = at + 1;
    }
    return this.#countedLines;
  }
}

/** Pairs in any order as a label set. @throws DuplicateLabelError */
export function sortedLabels(flat: readonly string[]): Labels {
  if (flat.length > MAX_INSERTED) return labelsFromMany(flat);
  // Most series have few labels, so that insertion beats building pairs and sorting them.
  const sorted: string[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    const value = flat[i + 1]!;
    let at = sorted.length;
    while (at > 0 && compareUtf8(sorted[at - 2]!, name) > 0) at -= 2;
    if (at > 0 && sorted[at - 2] === name) throw new DuplicateLabelError(name);
    if (at === sorted.length) sorted.push(name, value);
    else sorted.splice(at, 0, name, value);
  }
  return Labels.fromSortedFlat(sorted.includes('') ? withoutEmptyValues(sorted) : sorted);
}

/** The labels of an exemplar; of several with one name the first counts, and no scrape fails for it. */
export function exemplarLabels(flat: readonly string[]): Labels {
  const names = new Set<string>();
  const unique: string[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    if (names.has(flat[i]!)) continue;
    names.add(flat[i]!);
    unique.push(flat[i]!, flat[i + 1]!);
  }
  return sortedLabels(unique);
}

/** Above this, insertion would take quadratic time. */
const MAX_INSERTED = 64;

function labelsFromMany(flat: readonly string[]): Labels {
  const pairs: [string, string][] = [];
  const names = new Set<string>();
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    if (names.has(name)) throw new DuplicateLabelError(name);
    names.add(name);
    pairs.push([name, flat[i + 1]!]);
  }
  return Labels.fromPairs(pairs);
}

function withoutEmptyValues(flat: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i + 1] !== '') kept.push(flat[i]!, flat[i + 1]!);
  }
  return kept;
}

function unescapeLabelValue(text: string): string {
  return text.replaceAll(/\\["\\n]/g, (escape) => (escape === '\\n' ? '\n' : escape[1]!));
}

/** An `le` or `quantile` in OpenMetrics' spelling, or as it is where it is no number. */
function normalisedBound(text: string): string {
  const bytes = Buffer.from(text);
  try {
    return formatOpenMetricsFloat(parseFloatBytes(bytes, 0, bytes.length));
  } catch (error) {
    if (error instanceof FloatSyntaxError) return text;
    throw error;
  }
}
