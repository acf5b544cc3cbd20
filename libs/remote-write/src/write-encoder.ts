import type { Labels } from '#libs/labels';
import { BYTES, FIXED64, ProtobufWriter, VARINT } from '#libs/protobuf';
import type { SampleBatch } from '#libs/samples';
import type { SampleSlice } from './sample-slice.ts';
import { writeHistogram } from './write-histogram.ts';

/** The versions of the protocol, called by their message as in Prometheus's `protobuf_message`. */
export type WriteMessage = 'prometheus.WriteRequest' | 'io.prometheus.write.v2.Request';

/** `Content-Type` of each version. */
export const WRITE_CONTENT_TYPES: Readonly<Record<WriteMessage, string>> = {
  'prometheus.WriteRequest': 'application/x-protobuf',
  'io.prometheus.write.v2.Request': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
};

/** `X-Prometheus-Remote-Write-Version` of each version. */
export const WRITE_VERSIONS: Readonly<Record<WriteMessage, string>> = {
  'prometheus.WriteRequest': '0.1.0',
  'io.prometheus.write.v2.Request': '2.0.0',
};

const V1_SERIES = 1 * 8 + BYTES;
const V2_SYMBOLS = 4 * 8 + BYTES;
const V2_SERIES = 5 * 8 + BYTES;
/** `labels` in version 1, `labels_refs` in version 2. */
const LABELS = 1 * 8 + BYTES;
const SAMPLES = 2 * 8 + BYTES;
const V1_HISTOGRAMS = 4 * 8 + BYTES;
const V2_HISTOGRAMS = 3 * 8 + BYTES;
const LABEL_NAME = 1 * 8 + BYTES;
const LABEL_VALUE = 2 * 8 + BYTES;
const SAMPLE_VALUE = 1 * 8 + FIXED64;
const SAMPLE_TIMESTAMP = 2 * 8 + VARINT;
/** Of version 2 only. */
const SAMPLE_START_TIMESTAMP = 3 * 8 + VARINT;
const HISTOGRAM_START_TIMESTAMP = 17 * 8 + VARINT;

/** What a batch of samples and a window on a store's have in common. */
type SampleColumns = Pick<SampleBatch, 'timesMs' | 'values' | 'histograms' | 'startTimesMs'>;

/** Encodes samples as remote-write messages, uncompressed. It keeps its buffers from one message to the next. */
export class WriteEncoder {
  readonly #message: WriteMessage;
  readonly #writer = new ProtobufWriter();
  readonly #seriesWriter = new ProtobufWriter();

  constructor(message: WriteMessage) {
    this.#message = message;
  }

  /** @returns the message, valid until the next call */
  encode(slices: readonly SampleSlice[]): Buffer {
    return this.#message === 'prometheus.WriteRequest'
      ? this.#encodeV1(slices)
      : this.#encodeV2(slices);
  }

  #encodeV1(slices: readonly SampleSlice[]): Buffer {
    const writer = this.#writer;
    writer.clear();
    for (const slice of slices) {
      const { batch, end } = slice;
      let sample = slice.start;
      for (let series = slice.firstSeries; sample < end; series++) {
        const seriesEnd = Math.min(batch.firstSample[series + 1]!, end);
        if (sample >= seriesEnd) continue;
        writer.writeVarint(V1_SERIES);
        const message = writer.beginMessage();
        writeTimeSeries(writer, batch.labels[series]!, batch, sample, seriesEnd);
        sample = seriesEnd;
        writer.endMessage(message);
      }
    }
    return writer.written;
  }

  #encodeV2(slices: readonly SampleSlice[]): Buffer {
    const body = this.#seriesWriter;
    body.clear();
    const symbols = new Map<string, number>([['', 0]]);
    for (const slice of slices) {
      const { batch, end } = slice;
      let sample = slice.start;
      for (let series = slice.firstSeries; sample < end; series++) {
        const seriesEnd = Math.min(batch.firstSample[series + 1]!, end);
        if (sample >= seriesEnd) continue;
        body.writeVarint(V2_SERIES);
        const message = body.beginMessage();
        writeLabelRefs(body, batch.labels[series]!, symbols);
        writeSamples(body, batch, sample, seriesEnd, V2_HISTOGRAMS, batch.startTimesMs);
        sample = seriesEnd;
        body.endMessage(message);
      }
    }
    const writer = this.#writer;
    writer.clear();
    for (const symbol of symbols.keys()) {
      writer.writeVarint(V2_SYMBOLS);
      writer.writeString(symbol);
    }
    writer.append(body.written);
    return writer.written;
  }
}

/** Writes the fields of a `prometheus.TimeSeries`: the labels and the samples from `start` to `end`. */
export function writeTimeSeries(
  writer: ProtobufWriter,
  labels: Labels,
  columns: SampleColumns,
  start: number,
  end: number,
): void {
  writeSeriesLabels(writer, labels);
  writeSamples(writer, columns, start, end, V1_HISTOGRAMS);
}

/** Writes the labels of a `prometheus.TimeSeries` or `ChunkedSeries`, which are field 1 of both. */
export function writeSeriesLabels(writer: ProtobufWriter, labels: Labels): void {
  const { flat } = labels;
  for (let i = 0; i < flat.length; i += 2) {
    writer.writeVarint(LABELS);
    const label = writer.beginMessage();
    writer.writeVarint(LABEL_NAME);
    writer.writeString(flat[i]!);
    writer.writeVarint(LABEL_VALUE);
    writer.writeString(flat[i + 1]!);
    writer.endMessage(label);
  }
}

function writeLabelRefs(
  writer: ProtobufWriter,
  labels: Labels,
  symbols: Map<string, number>,
): void {
  writer.writeVarint(LABELS);
  const refs = writer.beginMessage();
  for (const text of labels.flat) {
    let ref = symbols.get(text);
    if (ref === undefined) {
      ref = symbols.size;
      symbols.set(text, ref);
    }
    writer.writeVarint(ref);
  }
  writer.endMessage(refs);
}

function writeSamples(
  writer: ProtobufWriter,
  { values, timesMs, histograms }: SampleColumns,
  start: number,
  end: number,
  histogramTag: number,
  startTimesMs: Float64Array | null = null,
): void {
  for (let i = start; i < end; i++) {
    const histogram = histograms?.[i] ?? null;
    const startMs = startTimesMs === null ? 0 : startTimesMs[i]!;
    if (histogram !== null) {
      writer.writeVarint(histogramTag);
      const message = writer.beginMessage();
      writeHistogram(writer, timesMs[i]!, histogram);
      if (startMs !== 0) {
        writer.writeVarint(HISTOGRAM_START_TIMESTAMP);
        writer.writeInt64(startMs);
      }
      writer.endMessage(message);
      continue;
    }
    writer.writeVarint(SAMPLES);
    const sample = writer.beginMessage();
    writer.writeVarint(SAMPLE_VALUE);
    writer.writeDouble(values, i);
    writer.writeVarint(SAMPLE_TIMESTAMP);
    writer.writeInt64(timesMs[i]!);
    if (startMs !== 0) {
      writer.writeVarint(SAMPLE_START_TIMESTAMP);
      writer.writeInt64(startMs);
    }
    writer.endMessage(sample);
  }
}
