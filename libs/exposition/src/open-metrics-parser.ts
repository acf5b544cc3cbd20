import { isUtf8 } from 'node:buffer';
import type { Labels } from '#libs/labels';
import {
  BodyCursor,
  BYTE_CLASS,
  COLON,
  HASH,
  LabelSpans,
  NAME_START,
  NEWLINE,
  OPEN_BRACE,
  QUOTE,
  SPACE,
  exemplarLabels,
} from './body-cursor.ts';
import {
  type Exemplar,
  type ExpositionEntry,
  type MetricType,
  NO_EXEMPLARS,
} from './exposition-parser.ts';

const SERIES_BRACES = { isLenient: false, takesMetricName: true } as const;
const EXEMPLAR_BRACES = { isLenient: false, takesMetricName: false } as const;
const EOF_LINE = Buffer.from('# EOF');
const CREATED_SUFFIX = Buffer.from('_created');
const KEYWORDS = [
  ['# TYPE ', 'type'],
  ['# HELP ', 'help'],
  ['# UNIT ', 'unit'],
] as const;
const KEYWORD_LENGTH = 7;

const TYPES: ReadonlySet<string> = new Set<MetricType>([
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
  'unknown',
]);

function isMetricType(text: string): text is MetricType {
  return TYPES.has(text);
}

/** How a body is read where Prometheus leaves a choice. */
export interface OpenMetricsOptions {
  /**
   * Whether the `_created` lines of counters, histograms and summaries are left out of the entries, to be had from
   * `createdMs` only. Prometheus does so when it ingests created timestamps; by default it stores them as series.
   */
  readonly skipsCreatedSeries?: boolean;
  /**
   * Whether a timestamp goes to the nearest millisecond. Prometheus cuts off what is behind it, and as a double 1.001 s is
   * less than 1,001 ms; so what was written with milliseconds comes back only if this is set.
   */
  readonly roundsTimestamps?: boolean;
}

/**
 * OpenMetrics text 1.0 as Prometheus's scrape parser reads it: stricter than the text format about blanks, with units,
 * exemplars and a closing `# EOF`; suffixes, the order of buckets and interleaved families are not checked.
 */
export class OpenMetricsParser extends BodyCursor {
  readonly #options: OpenMetricsOptions;
  readonly #exemplarSpans = new LabelSpans();
  #hasExemplar = false;
  #exemplarValue = 0;
  #exemplarTimestampMs = Number.NaN;
  #isUnfinished = false;
  #familyLength = 0;
  #isHelp = false;
  /** A parser of its own that runs ahead for `createdMs`, made when first asked. */
  #ahead: OpenMetricsParser | null = null;
  /** Whether `#ahead` stands on a `_created` line. */
  #aheadIsCreated = false;
  #knownCreatedKey = '';
  #knownCreatedMs = Number.NaN;

  constructor(body: Buffer, options: OpenMetricsOptions) {
    super(body);
    this.#options = options;
  }

  next(): ExpositionEntry | null {
    for (;;) {
      const entry = this.#nextEntry();
      if (
        entry !== 'series' ||
        this.#options.skipsCreatedSeries !== true ||
        !this.#isCreatedLine()
      ) {
        return entry;
      }
    }
  }

  #nextEntry(): ExpositionEntry | null {
    const { bytes } = this;
    const start = this.position;
    this.entryStart = start;
    this.#hasExemplar = false;
    if (this.#isUnfinished) {
      this.fail(`expected a timestamp, an exemplar or the end of the line`, start);
    }
    if (start >= bytes.length) this.fail('the body does not end with "# EOF"', start);
    const byte = bytes[start]!;
    if (byte === HASH) return this.#readHash(start);
    this.labelSpans.length = 0;
    let end: number;
    if ((BYTE_CLASS[byte]! & (NAME_START | COLON)) !== 0) {
      this.nameStart = start;
      end = this.metricNameEnd(start + 1);
      this.nameEnd = end;
      if (end < bytes.length && bytes[end] === OPEN_BRACE) {
        end = this.readBraces(end + 1, this.labelSpans, SERIES_BRACES);
      }
    } else if (byte === OPEN_BRACE) {
      this.nameStart = -1;
      end = this.readBraces(start + 1, this.labelSpans, SERIES_BRACES);
      if (this.nameStart < 0) this.fail('the series has no metric name', start);
    } else {
      this.fail(`expected a metric name, "{" or "# ", found ${this.shown(start)}`, start);
    }
    this.seriesStart = start;
    this.seriesEnd = end;
    this.#readSuffix(end);
    return 'series';
  }

  /** The value, and what may follow it. */
  #readSuffix(start: number): void {
    const { bytes } = this;
    let end = this.#wordEnd(start);
    if (end < 0) this.fail(`expected a blank and a value, found ${this.#found(start)}`, start);
    this.setValue(this.readFloat(start + 1, end));
    this.timestampMs = Number.NaN;
    const timestampEnd = this.#isHashAndBlank(end) ? -1 : this.#wordEnd(end);
    if (timestampEnd >= 0) {
      this.timestampMs = this.#readTimestamp(end + 1, timestampEnd, 'timestamp');
      end = timestampEnd;
      if (!this.#isExemplarStart(end) && (end >= bytes.length || bytes[end] !== NEWLINE)) {
        this.fail(
          `expected the end of the line after the timestamp, found ${this.#found(end)}`,
          end,
        );
      }
    }
    if (this.#isExemplarStart(end)) {
      end = this.#readExemplar(end + EXEMPLAR_START.length);
    } else if (end >= bytes.length) {
      this.fail('the body does not end with "# EOF"', end);
    } else if (bytes[end] !== NEWLINE) {
      // Prometheus hands this series on and fails at the next step.
      this.#isUnfinished = true;
      this.position = end;
      return;
    }
    this.position = end + 1;
  }

  /** `start` is behind the exemplar's opening brace. @returns the offset of the newline */
  #readExemplar(start: number): number {
    const { bytes } = this;
    this.#exemplarSpans.length = 0;
    const labelsEnd = this.readBraces(start, this.#exemplarSpans, EXEMPLAR_BRACES);
    let end = this.#wordEnd(labelsEnd);
    if (end < 0) {
      this.fail(
        `expected a blank and the exemplar's value, found ${this.#found(labelsEnd)}`,
        labelsEnd,
      );
    }
    this.#exemplarValue = this.readFloat(labelsEnd + 1, end);
    this.#exemplarTimestampMs = Number.NaN;
    const timestampEnd = this.#wordEnd(end);
    if (timestampEnd >= 0) {
      this.#exemplarTimestampMs = this.#readTimestamp(
        end + 1,
        timestampEnd,
        "exemplar's timestamp",
      );
      end = timestampEnd;
    }
    if (end >= bytes.length) this.fail('the body does not end with "# EOF"', end);
    if (bytes[end] !== NEWLINE) {
      this.fail(`expected the end of the line after the exemplar, found ${this.#found(end)}`, end);
    }
    this.#hasExemplar = true;
    return end;
  }

  /** Seconds as a float, to whole milliseconds. */
  #readTimestamp(start: number, end: number, what: string): number {
    const seconds = this.readFloat(start, end);
    if (!Number.isFinite(seconds))
      this.fail(`the ${what} is not a finite number of seconds`, start);
    const isRounded = this.#options.roundsTimestamps === true;
    const timestampMs = isRounded ? Math.round(seconds * 1000) : Math.trunc(seconds * 1000);
    if (Math.abs(timestampMs) >= INT64_RANGE) return -INT64_RANGE;
    // Adding zero turns a negative zero, which no integer has, into zero.
    return timestampMs + 0;
  }

  /** The end of a word that follows exactly one blank at `start`, or -1 if there is none. */
  #wordEnd(start: number): number {
    const { bytes } = this;
    if (start >= bytes.length || bytes[start] !== SPACE) return -1;
    let i = start + 1;
    for (; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === SPACE || byte === NEWLINE || byte === 0) break;
    }
    return i === start + 1 ? -1 : i;
  }

  #isExemplarStart(start: number): boolean {
    return (
      this.#isHashAndBlank(start) &&
      start + EXEMPLAR_START.length <= this.bytes.length &&
      this.bytes[start + 3] === OPEN_BRACE
    );
  }

  /** What announces an exemplar, whether or not its brace follows; not to be taken for a timestamp. */
  #isHashAndBlank(start: number): boolean {
    const { bytes } = this;
    return (
      start + 2 < bytes.length &&
      bytes[start] === SPACE &&
      bytes[start + 1] === HASH &&
      bytes[start + 2] === SPACE
    );
  }

  /** What stands where a single blank and a word were expected. */
  #found(start: number): string {
    return this.bytes[start] === SPACE ? `a blank and ${this.shown(start + 1)}` : this.shown(start);
  }

  #readHash(start: number): ExpositionEntry | null {
    const { bytes } = this;
    if (this.#startsWith(EOF_LINE, start)) {
      let end = start + EOF_LINE.length;
      if (end < bytes.length && bytes[end] === NEWLINE) end++;
      if (end < bytes.length) this.fail('there is more after "# EOF"', end);
      this.position = start;
      return null;
    }
    const keyword = bytes.toString('latin1', start, start + KEYWORD_LENGTH);
    const kind = KEYWORDS.find(([text]) => text === keyword)?.[1];
    if (kind === undefined) {
      this.fail(
        'expected "# TYPE", "# HELP", "# UNIT" or "# EOF"; other comments are not allowed',
        start,
      );
    }
    let i = start + KEYWORD_LENGTH;
    if (bytes[i] === QUOTE) {
      const end = this.quotedEnd(i, true);
      if (end < 0) this.fail('a quoted name is not closed', i);
      this.nameStart = i + 1;
      this.nameEnd = end - 1;
      i = end;
    } else {
      if (i >= bytes.length || (BYTE_CLASS[bytes[i]!]! & (NAME_START | COLON)) === 0) {
        this.fail(`expected a metric name after ${kind.toUpperCase()}, found ${this.shown(i)}`, i);
      }
      this.nameStart = i;
      i = this.metricNameEnd(i);
      this.nameEnd = i;
    }
    this.#familyLength = this.nameEnd - this.nameStart;
    const lineEnd = bytes.indexOf(NEWLINE, i);
    if (bytes[i] !== SPACE || lineEnd < 0) {
      this.fail(`expected a blank and a text after the name, found ${this.shown(i)}`, i);
    }
    this.textStart = i + 1;
    this.textEnd = lineEnd;
    this.position = lineEnd + 1;
    this.#isHelp = kind === 'help';
    this.#checkMetadata(kind);
    return kind;
  }

  #checkMetadata(kind: 'type' | 'help' | 'unit'): void {
    const { bytes, textStart, textEnd } = this;
    switch (kind) {
      case 'help':
        if (!isUtf8(bytes.subarray(textStart, textEnd))) {
          this.fail('the HELP text is not UTF-8', textStart);
        }
        return;
      case 'type': {
        const type = bytes.toString('utf8', textStart, Math.min(textEnd, textStart + 40));
        if (!isMetricType(type)) {
          this.fail(
            `${JSON.stringify(type)} is not a metric type; accepted are ${[...TYPES].join(', ')}`,
            textStart,
          );
        }
        this.metricType = type;
        return;
      }
      case 'unit': {
        const name = this.metricFamily();
        const unit = this.text();
        if (unit !== '' && !name.endsWith(`_${unit}`)) {
          this.fail(
            `the unit ${JSON.stringify(unit.slice(0, 40))} is not the suffix of ${JSON.stringify(name.slice(0, 80))}`,
            textStart,
          );
        }
      }
    }
  }

  text(): string {
    return this.#isHelp
      ? this.decode(this.textStart, this.textEnd)
      : this.bytes.toString('utf8', this.textStart, this.textEnd);
  }

  exemplars(): readonly Exemplar[] {
    if (!this.#hasExemplar) return NO_EXEMPLARS;
    return [
      {
        labels: this.#exemplarLabels(),
        value: this.#exemplarValue,
        timestampMs: this.#exemplarTimestampMs,
      },
    ];
  }

  #exemplarLabels(): Labels {
    const { offsets, length } = this.#exemplarSpans;
    const flat: string[] = [];
    for (let i = 0; i < length; i += 4) {
      flat.push(
        this.decode(offsets[i]!, offsets[i + 1]!),
        this.decode(offsets[i + 2]!, offsets[i + 3]!),
      );
    }
    return exemplarLabels(flat);
  }

  createdMs(): number {
    if (!this.#hasCreationTime()) {
      this.#knownCreatedKey = '';
      return Number.NaN;
    }
    const key = this.#creationKey(
      this.nameStart + Math.min(this.#familyLength, this.nameEnd - this.nameStart),
    );
    if (key === this.#knownCreatedKey && this.#knownCreatedMs > 0) return this.#knownCreatedMs;
    this.#knownCreatedKey = '';
    const ahead = this.#nextCreatedLine();
    if (ahead === null) return Number.NaN;
    if (ahead.#creationKey(ahead.nameEnd - CREATED_SUFFIX.length) !== key) return Number.NaN;
    this.#knownCreatedKey = key;
    this.#knownCreatedMs = Math.trunc(ahead.value * 1000);
    return this.#knownCreatedMs;
  }

  /**
   * A parser that stands on the first `_created` line after the current series, or null if metadata or a broken line
   * comes first. It only ever moves forward, so that all calls together read the body once.
   */
  #nextCreatedLine(): OpenMetricsParser | null {
    this.#ahead ??= new OpenMetricsParser(this.bytes, { skipsCreatedSeries: false });
    const ahead = this.#ahead;
    if (ahead.entryStart >= this.position && this.#aheadIsCreated) return ahead;
    if (ahead.position < this.position) {
      ahead.position = this.position;
      ahead.#isUnfinished = false;
    } else if (!this.#aheadIsCreated && ahead.entryStart >= this.position) {
      return null;
    }
    ahead.metricType = this.metricType;
    this.#aheadIsCreated = false;
    try {
      while (ahead.#nextEntry() === 'series') {
        if (ahead.#hasCreatedSuffix()) {
          this.#aheadIsCreated = true;
          return ahead;
        }
      }
    } catch {
      // The same line will fail this parser when it comes to it, with the reason.
    }
    return null;
  }

  /** What a series and its `_created` line share: all labels but the bound, and the family's name. */
  #creationKey(nameEnd: number): string {
    const { bytes } = this;
    const { offsets, length } = this.labelSpans;
    let key = bytes.toString('latin1', this.nameStart, nameEnd);
    for (let i = 0; i < length; i += 4) {
      const name = bytes.toString('latin1', offsets[i], offsets[i + 1]);
      if (name === 'le' && this.metricType === 'histogram') continue;
      if (name === 'quantile' && this.metricType === 'summary') continue;
      key += `\n${name}=${bytes.toString('latin1', offsets[i + 2], offsets[i + 3])}`;
    }
    return key;
  }

  #hasCreationTime(): boolean {
    const { metricType } = this;
    return metricType === 'counter' || metricType === 'histogram' || metricType === 'summary';
  }

  #isCreatedLine(): boolean {
    return this.#hasCreationTime() && this.#hasCreatedSuffix();
  }

  #hasCreatedSuffix(): boolean {
    const start = this.nameEnd - CREATED_SUFFIX.length;
    return start >= this.nameStart && this.#startsWith(CREATED_SUFFIX, start);
  }

  #startsWith(text: Buffer, start: number): boolean {
    const end = start + text.length;
    return end <= this.bytes.length && this.bytes.compare(text, 0, text.length, start, end) === 0;
  }
}

const EXEMPLAR_START = ' # {';
/** What a conversion to a 64-bit integer yields beyond its range, negated; no store takes such a time. */
const INT64_RANGE = 2 ** 63;
