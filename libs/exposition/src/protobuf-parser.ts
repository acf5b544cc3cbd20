import { isUtf8 } from 'node:buffer';
import type { FloatHistogram } from '#libs/histogram';
import { DuplicateLabelError, type Labels, METRIC_NAME } from '#libs/labels';
import { BYTES, FIXED64, ProtobufReader, VARINT } from '#libs/protobuf';
import { LabelSpans, ORDINARY_NAN, sortedLabels } from './body-cursor.ts';
import {
  type Exemplar,
  type ExpositionEntry,
  ExpositionError,
  type ExpositionParser,
  type MetricType,
  NO_EXEMPLARS,
} from './exposition-parser.ts';
import { formatOpenMetricsFloat } from './go-float.ts';
import { HistogramMessage, readExemplar, readMilliseconds } from './histogram-message.ts';

/** How the protobuf exposition is to be read. */
export interface ProtobufOptions {
  /** Whether the native part of a histogram is read; without it only the classic buckets are. */
  readonly readsNativeHistograms?: boolean;
  /** Whether the classic buckets are read of a histogram that has a native part, too. */
  readonly keepsClassicHistograms?: boolean;
}

const FAMILY_NAME = 1;
const FAMILY_HELP = 2;
const FAMILY_TYPE = 3;
const FAMILY_METRIC = 4;
const FAMILY_UNIT = 5;

const METRIC_LABEL = 1;
const METRIC_GAUGE = 2;
const METRIC_COUNTER = 3;
const METRIC_SUMMARY = 4;
const METRIC_UNTYPED = 5;
const METRIC_TIMESTAMP = 6;
const METRIC_HISTOGRAM = 7;

const LABEL_NAME = 1;
const LABEL_VALUE = 2;
/** Of gauge, counter and untyped. */
const SIMPLE_VALUE = 1;
const COUNTER_EXEMPLAR = 2;
const COUNTER_CREATED = 3;
const SUMMARY_COUNT = 1;
const SUMMARY_SUM = 2;
const SUMMARY_QUANTILE = 3;
const SUMMARY_CREATED = 4;
const QUANTILE_POINT = 1;
const QUANTILE_VALUE = 2;

const TYPES: readonly MetricType[] = [
  'counter',
  'gauge',
  'summary',
  'unknown',
  'histogram',
  'gaugehistogram',
];

/** Which message a metric has its values in. */
type Shape = 'counter' | 'gauge' | 'summary' | 'untyped' | 'histogram';

const SHAPES: readonly Shape[] = [
  'counter',
  'gauge',
  'summary',
  'untyped',
  'histogram',
  'histogram',
];

const VALUE_FIELDS: Readonly<Record<Shape, number>> = {
  counter: METRIC_COUNTER,
  gauge: METRIC_GAUGE,
  summary: METRIC_SUMMARY,
  untyped: METRIC_UNTYPED,
  histogram: METRIC_HISTOGRAM,
};

/** Where the cursor stands within a family, and what comes of a metric beside its buckets and quantiles. */
const AT_START = -4;
const NATIVE = -3;
const COUNT = -2;
const SUM = -1;

/**
 * The protobuf exposition: `io.prometheus.client.MetricFamily` messages, each behind its length, read in place. A family is
 * walked once for its name, type and texts and once for its metrics; of a metric, labels and one value message are looked
 * at.
 *
 * `bytes` is not the body here but a scratch that holds what tells the current series apart: its family's name, its labels
 * as they came, and which part of the metric it is.
 */
export class ProtobufParser implements ExpositionParser {
  seriesStart = 0;
  seriesEnd = 0;
  value = 0;
  readonly valueColumn = new Float64Array(1);
  timestampMs = Number.NaN;
  metricType: MetricType = 'unknown';
  #shape: Shape = 'untyped';
  #valueField = 0;
  readonly #valueBytes = new Uint8Array(this.valueColumn.buffer);

  readonly #body: Buffer;
  readonly #reader: ProtobufReader;
  readonly #readsNative: boolean;
  readonly #keepsClassic: boolean;

  #familyEnd = 0;
  #familyStart = 0;
  #name = '';
  #nameStart = 0;
  #nameEnd = 0;
  #helpStart = 0;
  #helpEnd = 0;
  #unitStart = 0;
  #unitEnd = 0;
  #entry: ExpositionEntry | null = null;

  /** What identifies a series: scratch, whose first `#keyLabelsEnd` bytes are the same for all of a metric. */
  #key = Buffer.allocUnsafeSlow(1_024);
  #keyNameEnd = 0;
  #keyLabelsEnd = 0;

  readonly #labelSpans = new LabelSpans();
  readonly #histogram = new HistogramMessage();
  /** Of a summary: its quantiles. */
  readonly #quantiles: number[] = [];
  readonly #quantileValues: number[] = [];
  #count = 0;
  #sum = 0;
  #createdMs = Number.NaN;
  #exemplarStart = -1;
  #exemplarEnd = -1;
  #part = AT_START;
  #lastPart = AT_START;
  #hasNative = false;

  constructor(body: Buffer, options: ProtobufOptions = {}) {
    this.#body = body;
    this.#reader = new BodyReader(body);
    this.#readsNative = options.readsNativeHistograms ?? false;
    this.#keepsClassic = options.keepsClassicHistograms ?? false;
  }

  get bytes(): Buffer {
    return this.#key;
  }

  next(): ExpositionEntry | null {
    this.#entry = this.#step();
    return this.#entry;
  }

  #step(): ExpositionEntry | null {
    const last = this.#entry;
    if (last === 'help') return this.#unitEnd > this.#unitStart ? 'unit' : 'type';
    if (last === 'unit') return 'type';
    const isSeries = last === 'series' || last === 'histogram';
    if (isSeries && this.#part < this.#lastPart) {
      this.#part++;
      return this.#takePart();
    }
    if (last !== null && this.#readMetric()) return this.#takePart();
    return this.#readFamily() ? 'help' : null;
  }

  /** Finds the next family that has metrics. @returns false at the end of the body */
  #readFamily(): boolean {
    const reader = this.#reader;
    for (;;) {
      reader.position = this.#familyEnd;
      reader.end = this.#body.length;
      if (reader.position >= reader.end) return false;
      this.#familyEnd = reader.readLengthEnd();
      reader.end = this.#familyEnd;
      this.#familyStart = reader.position;
      if (this.#scanFamily() === 0) continue;
      reader.position = this.#familyStart;
      return true;
    }
  }

  /** Everything of a family but its metrics. @returns how many of those there are */
  #scanFamily(): number {
    const reader = this.#reader;
    let metrics = 0;
    let type = 0;
    this.#nameStart = this.#nameEnd = 0;
    this.#helpStart = this.#helpEnd = 0;
    this.#unitStart = this.#unitEnd = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case FAMILY_NAME:
          this.#nameEnd = this.#textEnd(tag, 'the name of a metric family');
          this.#nameStart = this.#textStart;
          break;
        case FAMILY_HELP:
          this.#helpEnd = this.#textEnd(tag, 'the help of a metric family');
          this.#helpStart = this.#textStart;
          break;
        case FAMILY_UNIT:
          this.#unitEnd = this.#textEnd(tag, 'the unit of a metric family');
          this.#unitStart = this.#textStart;
          break;
        case FAMILY_TYPE:
          reader.expectWireType(tag, VARINT);
          type = reader.readVarint();
          break;
        case FAMILY_METRIC:
          reader.expectWireType(tag, BYTES);
          reader.position = reader.readLengthEnd();
          metrics++;
          break;
        default:
          reader.skip(tag);
      }
    }
    if (metrics === 0) return 0;
    const known = TYPES[type];
    if (known === undefined) {
      return reader.fail(`a metric family of the unknown type ${type}`, this.#familyStart);
    }
    if (this.#nameStart === this.#nameEnd) {
      reader.fail('a metric family has no name', this.#familyStart);
    }
    this.metricType = known;
    this.#shape = SHAPES[type]!;
    this.#valueField = VALUE_FIELDS[this.#shape];
    this.#name = this.#body.toString('utf8', this.#nameStart, this.#nameEnd);
    this.#checkUnit();
    this.#keyNameEnd = this.#writeKey(0, this.#nameStart, this.#nameEnd);
    return metrics;
  }

  #checkUnit(): void {
    if (this.#unitStart === this.#unitEnd) return;
    const unit = this.#body.toString('utf8', this.#unitStart, this.#unitEnd);
    const isCounter = this.metricType === 'counter' && this.#name.endsWith('_total');
    const base = isCounter ? this.#name.slice(0, -'_total'.length) : this.#name;
    if (base.endsWith(`_${unit}`)) return;
    this.#reader.fail(
      `the unit ${JSON.stringify(unit.slice(0, 40))} is not the suffix of ${JSON.stringify(base.slice(0, 80))}`,
      this.#unitStart,
    );
  }

  #textStart = 0;

  /** Reads the place of a text field, which begins at `#textStart`, and checks that it is UTF-8. */
  #textEnd(tag: number, what: string): number {
    const reader = this.#reader;
    reader.expectWireType(tag, BYTES);
    const end = reader.readLengthEnd();
    this.#textStart = reader.position;
    reader.position = end;
    for (let i = this.#textStart; i < end; i++) {
      if (this.#body[i]! < 0x80) continue;
      if (!isUtf8(this.#body.subarray(this.#textStart, end))) {
        reader.fail(`${what} is not UTF-8`, this.#textStart);
      }
      break;
    }
    return end;
  }

  /** Reads the family's next metric. @returns false where there is none */
  #readMetric(): boolean {
    const reader = this.#reader;
    reader.end = this.#familyEnd;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      if (tag >>> 3 !== FAMILY_METRIC) {
        reader.skip(tag);
        continue;
      }
      const end = reader.readLengthEnd();
      reader.end = end;
      this.#readMetricFields();
      reader.end = this.#familyEnd;
      reader.position = end;
      return true;
    }
    return false;
  }

  #readMetricFields(): void {
    const reader = this.#reader;
    this.#labelSpans.length = 0;
    this.timestampMs = Number.NaN;
    this.#createdMs = Number.NaN;
    this.#exemplarStart = -1;
    this.#count = this.#sum = 0;
    this.#quantiles.length = this.#quantileValues.length = 0;
    this.#histogram.clear();
    let keyEnd = this.#keyNameEnd;
    for (;;) {
      const start = reader.position;
      const tag = reader.readTag();
      if (tag === 0) break;
      const field = tag >>> 3;
      if (field === METRIC_TIMESTAMP) {
        reader.expectWireType(tag, VARINT);
        const timestampMs = reader.readInt64();
        // Not set and zero are the same here, as for Prometheus.
        if (timestampMs !== 0) this.timestampMs = timestampMs;
      } else if (field === METRIC_LABEL) {
        this.#readLabel(tag);
        keyEnd = this.#writeKey(keyEnd, start, reader.position);
      } else if (field === this.#valueField) {
        reader.expectWireType(tag, BYTES);
        const end = reader.readLengthEnd();
        const outerEnd = reader.end;
        reader.end = end;
        this.#readValue();
        reader.end = outerEnd;
        reader.position = end;
      } else {
        reader.skip(tag);
      }
    }
    this.#keyLabelsEnd = keyEnd;
    this.#setParts();
  }

  #readValue(): void {
    switch (this.#shape) {
      case 'histogram':
        this.#histogram.read(this.#reader);
        this.#createdMs = this.#histogram.createdMs;
        return;
      case 'summary':
        this.#readSummary();
        return;
      case 'counter':
      case 'gauge':
      case 'untyped':
        this.#readSimple();
    }
  }

  #readSimple(): void {
    const reader = this.#reader;
    const isCounter = this.#shape === 'counter';
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      const field = tag >>> 3;
      if (field === SIMPLE_VALUE) {
        reader.expectWireType(tag, FIXED64);
        this.#sum = reader.readDouble();
      } else if (isCounter && field === COUNTER_EXEMPLAR) {
        reader.expectWireType(tag, BYTES);
        this.#exemplarEnd = reader.readLengthEnd();
        this.#exemplarStart = reader.position;
        reader.position = this.#exemplarEnd;
      } else if (isCounter && field === COUNTER_CREATED) {
        this.#createdMs = readMilliseconds(reader, tag);
      } else {
        reader.skip(tag);
      }
    }
  }

  #readSummary(): void {
    const reader = this.#reader;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case SUMMARY_COUNT:
          reader.expectWireType(tag, VARINT);
          this.#count = reader.readVarint();
          break;
        case SUMMARY_SUM:
          reader.expectWireType(tag, FIXED64);
          this.#sum = reader.readDouble();
          break;
        case SUMMARY_QUANTILE:
          this.#readQuantile(tag);
          break;
        case SUMMARY_CREATED:
          this.#createdMs = readMilliseconds(reader, tag);
          break;
        default:
          reader.skip(tag);
      }
    }
  }

  #readQuantile(outerTag: number): void {
    const reader = this.#reader;
    reader.expectWireType(outerTag, BYTES);
    const end = reader.readLengthEnd();
    const outerEnd = reader.end;
    reader.end = end;
    let point = 0;
    let value = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      const field = tag >>> 3;
      if (field !== QUANTILE_POINT && field !== QUANTILE_VALUE) {
        reader.skip(tag);
        continue;
      }
      reader.expectWireType(tag, FIXED64);
      if (field === QUANTILE_POINT) point = reader.readDouble();
      else value = reader.readDouble();
    }
    reader.end = outerEnd;
    this.#quantiles.push(point);
    this.#quantileValues.push(value);
  }

  #readLabel(outerTag: number): void {
    const reader = this.#reader;
    reader.expectWireType(outerTag, BYTES);
    const end = reader.readLengthEnd();
    const outerEnd = reader.end;
    reader.end = end;
    let nameStart = end;
    let nameEnd = end;
    let valueStart = end;
    let valueEnd = end;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      const field = tag >>> 3;
      if (field === LABEL_NAME) {
        nameEnd = this.#textEnd(tag, 'a label name');
        nameStart = this.#textStart;
      } else if (field === LABEL_VALUE) {
        valueEnd = this.#textEnd(tag, 'a label value');
        valueStart = this.#textStart;
      } else {
        reader.skip(tag);
      }
    }
    reader.end = outerEnd;
    this.#labelSpans.push(nameStart, nameEnd, valueStart, valueEnd);
  }

  /** Says which series come of the metric just read. */
  #setParts(): void {
    this.#part = 0;
    this.#lastPart = 0;
    this.#hasNative = false;
    if (this.#shape === 'summary') {
      this.#part = COUNT;
      this.#lastPart = this.#quantiles.length - 1;
    } else if (this.#shape === 'histogram') {
      const histogram = this.#histogram;
      this.#hasNative = this.#readsNative && histogram.isNative;
      this.#part = this.#hasNative ? NATIVE : COUNT;
      this.#lastPart = histogram.bucketCount - 1;
      const isClassicKept = this.#keepsClassic && histogram.bucketCount > 0;
      if (this.#hasNative && !isClassicKept) this.#lastPart = NATIVE;
      // The last bucket may be left out, since the count says what is in it.
      else if (!histogram.endsWithInfinity) this.#lastPart++;
    }
  }

  /** Sets the fields of the series at `#part`. */
  #takePart(): ExpositionEntry {
    this.#endKey();
    if (this.#part === NATIVE) return 'histogram';
    this.#setValue(this.#partValue());
    return 'series';
  }

  #partValue(): number {
    const part = this.#part;
    switch (this.#shape) {
      case 'summary':
        if (part === COUNT) return this.#count;
        return part === SUM ? this.#sum : this.#quantileValues[part]!;
      case 'histogram': {
        const histogram = this.#histogram;
        if (part === SUM) return histogram.sum;
        return part === COUNT || part >= histogram.bucketCount
          ? histogram.count
          : histogram.bucketValue(part);
      }
      case 'counter':
      case 'gauge':
      case 'untyped':
        return this.#sum;
    }
  }

  #setValue(value: number): void {
    this.value = value;
    if (value === value) this.valueColumn[0] = value;
    else this.#valueBytes.set(ORDINARY_NAN);
  }

  /** What follows the labels in the key: the kind of the part, and its bound. */
  #endKey(): void {
    const end = this.#keyLabelsEnd;
    this.#reserveKey(end + 9);
    this.#key[end] = Math.min(this.#part, 0) + NATIVE_CODE;
    this.#key.writeDoubleLE(this.#part >= 0 ? this.#bound() : 0, end + 1);
    this.seriesEnd = end + 9;
  }

  #bound(): number {
    if (this.#shape === 'summary') return this.#quantiles[this.#part]!;
    if (this.#shape !== 'histogram') return 0;
    const { bucketCount } = this.#histogram;
    return this.#part < bucketCount ? this.#histogram.bound(this.#part) : Infinity;
  }

  #writeKey(at: number, start: number, end: number): number {
    this.#reserveKey(at + end - start);
    this.#body.copy(this.#key, at, start, end);
    return at + end - start;
  }

  #reserveKey(length: number): void {
    if (length <= this.#key.length) return;
    const grown = Buffer.allocUnsafeSlow(length * 2);
    this.#key.copy(grown);
    this.#key = grown;
  }

  labels(): Labels {
    try {
      return sortedLabels(this.flatLabels());
    } catch (error) {
      if (!(error instanceof DuplicateLabelError)) throw error;
      return this.#reader.fail(error.message, this.#reader.position);
    }
  }

  flatLabels(): string[] {
    const flat = [METRIC_NAME, this.#name + this.#suffix()];
    const { offsets, length } = this.#labelSpans;
    for (let i = 0; i < length; i += 2) {
      flat.push(this.#body.toString('utf8', offsets[i], offsets[i + 1]));
    }
    if (this.#part >= 0) {
      if (this.#shape === 'summary') flat.push('quantile', formatOpenMetricsFloat(this.#bound()));
      if (this.#shape === 'histogram') flat.push('le', formatOpenMetricsFloat(this.#bound()));
    }
    return flat;
  }

  #suffix(): string {
    switch (this.#part) {
      case COUNT:
        return '_count';
      case SUM:
        return '_sum';
      case NATIVE:
        return '';
      default:
        return this.#shape === 'histogram' ? '_bucket' : '';
    }
  }

  histogram(): FloatHistogram {
    return this.#histogram.toFloatHistogram(this.metricType === 'gaugehistogram');
  }

  get isIntegerHistogram(): boolean {
    return !this.#histogram.isFloat;
  }

  exemplars(): readonly Exemplar[] {
    if (this.#shape === 'histogram') {
      return this.#part === NATIVE
        ? this.#histogram.nativeExemplars(this.#reader)
        : this.#histogram.bucketExemplars(this.#reader, this.#part);
    }
    if (this.#exemplarStart < 0) return NO_EXEMPLARS;
    return [readExemplar(this.#reader, this.#exemplarStart, this.#exemplarEnd)];
  }

  createdMs(): number {
    return this.#createdMs;
  }

  metricFamily(): string {
    return this.#name;
  }

  text(): string {
    return this.#entry === 'help'
      ? this.#body.toString('utf8', this.#helpStart, this.#helpEnd)
      : this.#body.toString('utf8', this.#unitStart, this.#unitEnd);
  }

  /** There are no lines; an error tells the byte. */
  line(): number {
    return 0;
  }
}

/** Makes the smallest part's code zero. */
const NATIVE_CODE = 4;

/** Reads protocol buffers of a body; what is wrong with them fails the body. */
class BodyReader extends ProtobufReader {
  override fail(reason: string, offset: number): never {
    throw new ExpositionError(reason, { line: 0, offset });
  }
}
