import type { Labels } from '#libs/labels';
import { histogramProblem } from '#libs/histogram';
import { SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { readHistogram } from './read-histogram.ts';
import type {
  DecodedExemplar,
  DecodedWrite,
  DecodeLimits,
  MetricMetadata,
} from './decoded-write.ts';
import type { ReadLabels } from './label-set-cache.ts';
import { FIXED64, type ProtobufReader, VARINT } from '#libs/protobuf';
import { RemoteWriteError } from './remote-write-error.ts';

/** Fields of both versions' `Exemplar`. */
const EXEMPLAR_LABELS = 1;
const EXEMPLAR_VALUE = 2;
const EXEMPLAR_TIMESTAMP = 3;

/** Fields of both versions' `Sample`. */
const SAMPLE_VALUE = 1;
const SAMPLE_TIMESTAMP = 2;
/** Of version 2 only. */
const SAMPLE_START_TIMESTAMP = 3;
/** Of a series' name in a message. */
const MAX_NAMED = 500;

/** One request's samples as they are read; both versions of the protocol end here. */
export class BatchAssembly {
  readonly metadata: MetricMetadata[] = [];
  readonly #exemplars: DecodedExemplar[] = [];
  #histogramCount = 0;
  #invalidHistograms = 0;
  #firstInvalidHistogram: string | null = null;
  /** Exemplars whose labels, or whose series' labels, cannot be kept. */
  invalidExemplars = 0;
  readonly #limits: DecodeLimits;
  readonly #builder = new SampleBatchBuilder();
  readonly #nan = new Float64Array(1);
  readonly #nanBytes = new Uint8Array(this.#nan.buffer);
  #rejectedSamples = 0;
  #firstRejection: string | null = null;
  #readSamples = 0;
  #current: Labels | null = null;
  #createdMs = 0;

  constructor(limits: DecodeLimits) {
    this.#limits = limits;
  }

  /** @param createdMs when the counting of samples began that do not say it themselves; 0 where that is not known */
  beginSeries(labels: ReadLabels, createdMs = 0): void {
    this.#createdMs = createdMs;
    if (typeof labels === 'string') {
      this.#current = null;
      this.#firstRejection ??= labels;
    } else {
      this.#current = labels;
      this.#builder.addSeries(labels);
    }
  }

  /** Reads the `Histogram` message from the reader's position to `histogramEnd`. */
  readHistogram(reader: ProtobufReader, histogramEnd: number): void {
    this.#countSample(reader);
    const outerEnd = reader.end;
    reader.end = histogramEnd;
    const { timeMs, startMs, histogram, isInteger, isStale } = readHistogram(reader);
    reader.end = outerEnd;
    if (this.#current === null) {
      this.#rejectedSamples++;
      return;
    }
    if (isStale) {
      this.#builder.addSampleFrom(timeMs, STALE_MARKER, 0);
      return;
    }
    const problem = histogramProblem(histogram, isInteger);
    if (problem === null) {
      this.#builder.addHistogram(timeMs, histogram);
      this.#noteStart(startMs);
      this.#histogramCount++;
      return;
    }
    this.#invalidHistograms++;
    this.#firstInvalidHistogram ??= `${problem}: ${this.#current.toString().slice(0, MAX_NAMED)}`;
  }

  #noteStart(startMs: number): void {
    const known = startMs === 0 ? this.#createdMs : startMs;
    if (known !== 0) this.#builder.setStartTime(known);
  }

  #countSample(reader: ProtobufReader): void {
    if (++this.#readSamples > this.#limits.maxSamples) {
      throw new RemoteWriteError(
        'too_large',
        `more than ${this.#limits.maxSamples} samples in one request`,
        reader.position,
      );
    }
  }

  /** Reads the `Sample` message from the reader's position to `sampleEnd`. */
  readSample(reader: ProtobufReader, sampleEnd: number): void {
    this.#countSample(reader);
    const outerEnd = reader.end;
    reader.end = sampleEnd;
    let value = 0;
    let valueAt = -1;
    let timeMs = 0;
    let startMs = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case SAMPLE_VALUE:
          reader.expectWireType(tag, FIXED64);
          valueAt = reader.position;
          value = reader.readDouble();
          break;
        case SAMPLE_TIMESTAMP:
          reader.expectWireType(tag, VARINT);
          timeMs = reader.readInt64();
          break;
        case SAMPLE_START_TIMESTAMP:
          reader.expectWireType(tag, VARINT);
          startMs = reader.readInt64();
          break;
        default:
          reader.skip(tag);
      }
    }
    reader.end = outerEnd;
    if (this.#current === null) {
      this.#rejectedSamples++;
    } else if (value === value) {
      this.#builder.addSample(timeMs, value);
      this.#noteStart(startMs);
    } else {
      // A stale marker is known by its bits, so they are copied, not read.
      this.#nanBytes.set(reader.bytes.subarray(valueAt, valueAt + 8));
      this.#builder.addSampleFrom(timeMs, this.#nan, 0);
    }
  }

  /**
   * Reads the `Exemplar` message from the reader's position to `exemplarEnd`. The versions differ in how labels are written.
   * @param labelsField reads the field of the labels each time it occurs, and gives the labels at the end
   */
  readExemplar(
    reader: ProtobufReader,
    exemplarEnd: number,
    labelsField: { readonly read: (tag: number) => void; readonly take: () => ReadLabels },
  ): void {
    const start = reader.position;
    if (this.#exemplars.length >= this.#limits.maxExemplars) {
      const reason = `more than ${this.#limits.maxExemplars} exemplars in one request`;
      throw new RemoteWriteError('too_large', reason, start);
    }
    const outerEnd = reader.end;
    reader.end = exemplarEnd;
    let value = 0;
    let timeMs = 0;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case EXEMPLAR_VALUE:
          reader.expectWireType(tag, FIXED64);
          value = reader.readDouble();
          break;
        case EXEMPLAR_TIMESTAMP:
          reader.expectWireType(tag, VARINT);
          timeMs = reader.readInt64();
          break;
        case EXEMPLAR_LABELS:
          labelsField.read(tag);
          break;
        default:
          reader.skip(tag);
      }
    }
    reader.end = outerEnd;
    const labels = labelsField.take();
    if (this.#current === null || typeof labels === 'string') {
      this.invalidExemplars++;
      return;
    }
    this.#exemplars.push({ series: this.#current, labels, value, timeMs });
  }

  addMetadata(metadata: MetricMetadata, offset: number): void {
    if (this.metadata.length >= this.#limits.maxMetadata) {
      throw new RemoteWriteError(
        'too_large',
        `metadata of more than ${this.#limits.maxMetadata} metric families in one request`,
        offset,
      );
    }
    this.metadata.push(metadata);
  }

  take(): DecodedWrite {
    return {
      batch: this.#builder.take(),
      metadata: this.metadata,
      rejectedSamples: this.#rejectedSamples,
      firstRejection: this.#firstRejection,
      exemplars: this.#exemplars,
      invalidExemplars: this.invalidExemplars,
      invalidHistograms: this.#invalidHistograms,
      firstInvalidHistogram: this.#firstInvalidHistogram,
      histogramCount: this.#histogramCount,
    };
  }
}
