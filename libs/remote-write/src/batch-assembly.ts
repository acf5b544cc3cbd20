import type { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import type { DecodedWrite, DecodeLimits, MetricMetadata } from './decoded-write.ts';
import type { ReadLabels } from './label-set-cache.ts';
import { FIXED64, type ProtobufReader, VARINT } from './protobuf-reader.ts';
import { RemoteWriteError } from './remote-write-error.ts';

/** Fields of both versions' `Sample`. */
const SAMPLE_VALUE = 1;
const SAMPLE_TIMESTAMP = 2;

/** One request's samples as they are read; both versions of the protocol end here. */
export class BatchAssembly {
  readonly metadata: MetricMetadata[] = [];
  exemplarCount = 0;
  histogramCount = 0;
  readonly #limits: DecodeLimits;
  readonly #builder = new SampleBatchBuilder();
  readonly #nan = new Float64Array(1);
  readonly #nanBytes = new Uint8Array(this.#nan.buffer);
  #rejectedSamples = 0;
  #firstRejection: string | null = null;
  #readSamples = 0;
  #current: Labels | null = null;

  constructor(limits: DecodeLimits) {
    this.#limits = limits;
  }

  beginSeries(labels: ReadLabels): void {
    if (typeof labels === 'string') {
      this.#current = null;
      this.#firstRejection ??= labels;
    } else {
      this.#current = labels;
      this.#builder.addSeries(labels);
    }
  }

  /** Reads the `Sample` message from the reader's position to `sampleEnd`. */
  readSample(reader: ProtobufReader, sampleEnd: number): void {
    if (++this.#readSamples > this.#limits.maxSamples) {
      throw new RemoteWriteError(
        'too_large',
        `more than ${this.#limits.maxSamples} samples in one request`,
        reader.position,
      );
    }
    const outerEnd = reader.end;
    reader.end = sampleEnd;
    let value = 0;
    let valueAt = -1;
    let timeMs = 0;
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
        default:
          reader.skip(tag);
      }
    }
    reader.end = outerEnd;
    if (this.#current === null) {
      this.#rejectedSamples++;
    } else if (value === value) {
      this.#builder.addSample(timeMs, value);
    } else {
      // A stale marker is known by its bits, so they are copied, not read.
      this.#nanBytes.set(reader.bytes.subarray(valueAt, valueAt + 8));
      this.#builder.addSampleFrom(timeMs, this.#nan, 0);
    }
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
      exemplarCount: this.exemplarCount,
      histogramCount: this.histogramCount,
    };
  }
}
