import {
  type BucketSpan,
  createFloatHistogram,
  type FloatHistogram,
  runningSums,
} from '#libs/histogram';
import {
  BYTES,
  enterMessage,
  type ProtobufReader,
  readBucketSpan,
  readDouble,
  readDoubles,
  readUnsigned,
  readZigzags,
  VARINT,
} from '#libs/protobuf';
import { exemplarLabels } from './body-cursor.ts';
import { type Exemplar, NO_EXEMPLARS } from './exposition-parser.ts';

/** Fields of `io.prometheus.client.Histogram`. */
const COUNT = 1;
const SUM = 2;
const BUCKET = 3;
const COUNT_FLOAT = 4;
const SCHEMA = 5;
const ZERO_THRESHOLD = 6;
const ZERO_COUNT = 7;
const ZERO_COUNT_FLOAT = 8;
const NEGATIVE_SPAN = 9;
const NEGATIVE_DELTA = 10;
const NEGATIVE_COUNT = 11;
const POSITIVE_SPAN = 12;
const POSITIVE_DELTA = 13;
const POSITIVE_COUNT = 14;
const CREATED = 15;
const EXEMPLARS = 16;

const BUCKET_COUNT = 1;
const BUCKET_BOUND = 2;
const BUCKET_EXEMPLAR = 3;
const BUCKET_COUNT_FLOAT = 4;
const EXEMPLAR_LABEL = 1;
const EXEMPLAR_VALUE = 2;
const EXEMPLAR_TIMESTAMP = 3;
const LABEL_NAME = 1;
const LABEL_VALUE = 2;
const TIMESTAMP_SECONDS = 1;
const TIMESTAMP_NANOS = 2;

/** What one histogram message says, classic and native; kept from one message to the next to save the columns. */
export class HistogramMessage {
  sum = 0;
  createdMs = Number.NaN;
  #countInt = 0;
  #countFloat = 0;
  #schema = 0;
  #zeroThreshold = 0;
  #zeroCountInt = 0;
  #zeroCountFloat = 0;
  #positiveSpans: BucketSpan[] = [];
  #negativeSpans: BucketSpan[] = [];
  #positiveDeltas: number[] = [];
  #negativeDeltas: number[] = [];
  #positiveCounts: number[] = [];
  #negativeCounts: number[] = [];
  readonly #bounds: number[] = [];
  readonly #bucketValues: number[] = [];
  /** Two places each: where a bucket's exemplar lies, or -1. */
  readonly #bucketExemplars: number[] = [];
  readonly #exemplars: number[] = [];

  clear(): void {
    this.sum = 0;
    this.createdMs = Number.NaN;
    this.#countInt = this.#countFloat = 0;
    this.#schema = this.#zeroThreshold = this.#zeroCountInt = this.#zeroCountFloat = 0;
    this.#bounds.length = this.#bucketValues.length = this.#bucketExemplars.length = 0;
    this.#exemplars.length = 0;
    if (this.#positiveSpans.length > 0) this.#positiveSpans = [];
    if (this.#negativeSpans.length > 0) this.#negativeSpans = [];
    this.#positiveDeltas.length = this.#negativeDeltas.length = 0;
    if (this.#positiveCounts.length > 0) this.#positiveCounts = [];
    if (this.#negativeCounts.length > 0) this.#negativeCounts = [];
  }

  get count(): number {
    return this.#countFloat > 0 ? this.#countFloat : this.#countInt;
  }

  /** Whether the native part counts in floats. */
  get isFloat(): boolean {
    return this.#countFloat > 0 || this.#zeroCountFloat > 0;
  }

  /** Whether there is a native part: a histogram without observations has a zero threshold or an empty span. */
  get isNative(): boolean {
    return (
      this.#zeroThreshold > 0 ||
      this.#zeroCountInt > 0 ||
      this.#zeroCountFloat > 0 ||
      this.#positiveSpans.length > 0 ||
      this.#negativeSpans.length > 0
    );
  }

  get bucketCount(): number {
    return this.#bounds.length;
  }

  get endsWithInfinity(): boolean {
    return this.#bounds.at(-1) === Infinity;
  }

  bound(bucket: number): number {
    return this.#bounds[bucket]!;
  }

  bucketValue(bucket: number): number {
    return this.#bucketValues[bucket]!;
  }

  /** Reads the message between the reader's position and its end. */
  read(reader: ProtobufReader): void {
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case COUNT:
          this.#countInt = readUnsigned(reader, tag);
          break;
        case SUM:
          this.sum = readDouble(reader, tag);
          break;
        case BUCKET:
          this.#readBucket(reader, tag);
          break;
        case COUNT_FLOAT:
          this.#countFloat = readDouble(reader, tag);
          break;
        case SCHEMA:
          reader.expectWireType(tag, VARINT);
          this.#schema = reader.readZigzag();
          break;
        case ZERO_THRESHOLD:
          this.#zeroThreshold = readDouble(reader, tag);
          break;
        case ZERO_COUNT:
          this.#zeroCountInt = readUnsigned(reader, tag);
          break;
        case ZERO_COUNT_FLOAT:
          this.#zeroCountFloat = readDouble(reader, tag);
          break;
        case NEGATIVE_SPAN:
          this.#negativeSpans.push(readBucketSpan(reader, tag));
          break;
        case NEGATIVE_DELTA:
          readZigzags(reader, tag, this.#negativeDeltas);
          break;
        case NEGATIVE_COUNT:
          readDoubles(reader, tag, this.#negativeCounts);
          break;
        case POSITIVE_SPAN:
          this.#positiveSpans.push(readBucketSpan(reader, tag));
          break;
        case POSITIVE_DELTA:
          readZigzags(reader, tag, this.#positiveDeltas);
          break;
        case POSITIVE_COUNT:
          readDoubles(reader, tag, this.#positiveCounts);
          break;
        case CREATED:
          this.createdMs = readMilliseconds(reader, tag);
          break;
        case EXEMPLARS: {
          reader.expectWireType(tag, BYTES);
          const end = reader.readLengthEnd();
          this.#exemplars.push(reader.position, end);
          reader.position = end;
          break;
        }
        default:
          reader.skip(tag);
      }
    }
  }

  toFloatHistogram(isGauge: boolean): FloatHistogram {
    const { isFloat } = this;
    return createFloatHistogram({
      schema: this.#schema,
      zeroThreshold: this.#zeroThreshold,
      zeroCount: isFloat ? this.#zeroCountFloat : this.#zeroCountInt,
      count: isFloat ? this.#countFloat : this.#countInt,
      sum: this.sum,
      positiveSpans: this.#positiveSpans,
      positiveBuckets: isFloat ? this.#positiveCounts : runningSums(this.#positiveDeltas),
      negativeSpans: this.#negativeSpans,
      negativeBuckets: isFloat ? this.#negativeCounts : runningSums(this.#negativeDeltas),
      counterResetHint: isGauge ? 'gauge' : 'unknown',
    });
  }

  /** Those of the native part, or of the buckets where it has none; without a time they say nothing there. */
  nativeExemplars(reader: ProtobufReader): readonly Exemplar[] {
    const places = this.#exemplars.length > 0 ? this.#exemplars : this.#bucketExemplars;
    const exemplars: Exemplar[] = [];
    for (let i = 0; i < places.length; i += 2) {
      if (places[i]! < 0) continue;
      const exemplar = readExemplar(reader, places[i]!, places[i + 1]!);
      if (!Number.isNaN(exemplar.timestampMs)) exemplars.push(exemplar);
    }
    return exemplars;
  }

  bucketExemplars(reader: ProtobufReader, bucket: number): readonly Exemplar[] {
    const start = bucket < 0 ? -1 : (this.#bucketExemplars[bucket * 2] ?? -1);
    return start < 0
      ? NO_EXEMPLARS
      : [readExemplar(reader, start, this.#bucketExemplars[bucket * 2 + 1]!)];
  }

  #readBucket(reader: ProtobufReader, outerTag: number): void {
    const outerEnd = enterMessage(reader, outerTag);
    let count = 0;
    let countFloat = 0;
    let bound = 0;
    let exemplarStart = -1;
    let exemplarEnd = -1;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case BUCKET_COUNT:
          count = readUnsigned(reader, tag);
          break;
        case BUCKET_BOUND:
          bound = readDouble(reader, tag);
          break;
        case BUCKET_EXEMPLAR:
          reader.expectWireType(tag, BYTES);
          exemplarEnd = reader.readLengthEnd();
          exemplarStart = reader.position;
          reader.position = exemplarEnd;
          break;
        case BUCKET_COUNT_FLOAT:
          countFloat = readDouble(reader, tag);
          break;
        default:
          reader.skip(tag);
      }
    }
    reader.end = outerEnd;
    this.#bounds.push(bound);
    this.#bucketValues.push(countFloat > 0 ? countFloat : count);
    this.#bucketExemplars.push(exemplarStart, exemplarEnd);
  }
}

/** Reads the exemplar message that lies from `start` to `end`; the reader stands where it stood afterwards. */
export function readExemplar(reader: ProtobufReader, start: number, end: number): Exemplar {
  const { position, end: outerEnd } = reader;
  reader.position = start;
  reader.end = end;
  const flat: string[] = [];
  let value = 0;
  let timestampMs = Number.NaN;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case EXEMPLAR_LABEL:
        readLabel(reader, tag, flat);
        break;
      case EXEMPLAR_VALUE:
        value = readDouble(reader, tag);
        break;
      case EXEMPLAR_TIMESTAMP:
        timestampMs = readMilliseconds(reader, tag);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.position = position;
  reader.end = outerEnd;
  return { labels: exemplarLabels(flat), value, timestampMs };
}

/** Reads a `google.protobuf.Timestamp` field, to the millisecond below. */
export function readMilliseconds(reader: ProtobufReader, outerTag: number): number {
  const outerEnd = enterMessage(reader, outerTag);
  let seconds = 0;
  let nanos = 0;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    const field = tag >>> 3;
    if (field !== TIMESTAMP_SECONDS && field !== TIMESTAMP_NANOS) {
      reader.skip(tag);
      continue;
    }
    reader.expectWireType(tag, VARINT);
    if (field === TIMESTAMP_SECONDS) seconds = reader.readInt64();
    else nanos = reader.readInt64();
  }
  reader.end = outerEnd;
  return seconds * 1_000 + Math.trunc(nanos / 1e6);
}

function readLabel(reader: ProtobufReader, outerTag: number, flat: string[]): void {
  const outerEnd = enterMessage(reader, outerTag);
  let name = '';
  let value = '';
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    const field = tag >>> 3;
    if (field !== LABEL_NAME && field !== LABEL_VALUE) {
      reader.skip(tag);
      continue;
    }
    reader.expectWireType(tag, BYTES);
    const end = reader.readLengthEnd();
    const text = reader.bytes.toString('utf8', reader.position, end);
    reader.position = end;
    if (field === LABEL_NAME) name = text;
    else value = text;
  }
  reader.end = outerEnd;
  flat.push(name, value);
}
