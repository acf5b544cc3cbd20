import type { Labels } from '#libs/labels';
import { BYTES, FIXED64, ProtobufWriter, VARINT } from '#libs/protobuf';
import type { SampleBatch, SampleExemplar, SeriesMetadata, SeriesType } from '#libs/samples';
import type { SampleSlice } from './sample-slice.ts';
import { isPlain, SeriesTemplate, SeriesTemplates } from './series-template.ts';
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
const V1_METADATA = 3 * 8 + BYTES;
const V1_METADATA_TYPE = 1 * 8 + VARINT;
const V1_METADATA_FAMILY = 2 * 8 + BYTES;
const V1_METADATA_HELP = 4 * 8 + BYTES;
const V1_METADATA_UNIT = 5 * 8 + BYTES;
const V2_SYMBOLS = 4 * 8 + BYTES;
const V2_SERIES = 5 * 8 + BYTES;
/** `labels` in version 1, `labels_refs` in version 2. */
const LABELS = 1 * 8 + BYTES;
const SAMPLES = 2 * 8 + BYTES;
const V1_HISTOGRAMS = 4 * 8 + BYTES;
const V1_EXEMPLARS = 3 * 8 + BYTES;
const V2_HISTOGRAMS = 3 * 8 + BYTES;
const V2_EXEMPLARS = 4 * 8 + BYTES;
const V2_METADATA = 5 * 8 + BYTES;
const V2_METADATA_TYPE = 1 * 8 + VARINT;
const V2_METADATA_HELP_REF = 3 * 8 + VARINT;
const V2_METADATA_UNIT_REF = 4 * 8 + VARINT;
const EXEMPLAR_VALUE = 2 * 8 + FIXED64;
const EXEMPLAR_TIMESTAMP = 3 * 8 + VARINT;
const SAMPLE_VALUE = 1 * 8 + FIXED64;
const SAMPLE_TIMESTAMP = 2 * 8 + VARINT;
/** Of version 2 only. */
const SAMPLE_START_TIMESTAMP = 3 * 8 + VARINT;
const HISTOGRAM_START_TIMESTAMP = 17 * 8 + VARINT;

/** By type, its number in both versions. */
const TYPE_NUMBERS: Readonly<Record<SeriesType, number>> = {
  unknown: 0,
  counter: 1,
  gauge: 2,
  histogram: 3,
  gaugehistogram: 4,
  summary: 5,
  info: 6,
  stateset: 7,
};

/** Whoever sends fewer at once has time to write labels, and better uses for the memory of templates. */
const MIN_TEMPLATED_SAMPLES = 5_000;

/** What a batch of samples and a window on a store's have in common. */
type SampleColumns = Pick<SampleBatch, 'timesMs' | 'values' | 'histograms' | 'startTimesMs'>;

/**
 * Encodes samples as remote-write messages, uncompressed. It keeps its buffers from one message to the next, and in version 1
 * what it wrote of large batches, for others with the same array of labels.
 */
export class WriteEncoder {
  readonly #message: WriteMessage;
  readonly #writer = new ProtobufWriter();
  readonly #seriesWriter = new ProtobufWriter();
  readonly #sendsExemplars: boolean;
  readonly #templates = new SeriesTemplates();

  /** @param options whether exemplars are written; by default they are */
  constructor(message: WriteMessage, options: { readonly sendsExemplars?: boolean } = {}) {
    this.#message = message;
    this.#sendsExemplars = options.sendsExemplars ?? true;
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
    const usesTemplates = sampleCountOf(slices) >= MIN_TEMPLATED_SAMPLES;
    for (const slice of slices) {
      const { batch, firstSeries, start, end } = slice;
      const mayHaveExemplars = this.#sendsExemplars && batch.exemplars !== null;
      if (!usesTemplates || mayHaveExemplars || !isPlain(batch)) {
        this.#writeV1Series(slice, null);
        continue;
      }
      const template = this.#templates.find(batch.labels);
      if (template !== null) {
        writer.append(template.fill(batch, firstSeries, firstSeries + end - start));
        continue;
      }
      const isWhole = end - start === batch.sampleCount;
      const ends = isWhole && this.#templates.wants(batch.labels) ? new Uint32Array(end) : null;
      const from = writer.length;
      this.#writeV1Series(slice, ends);
      if (ends !== null) {
        this.#templates.keep(batch.labels, new SeriesTemplate(writer.written.subarray(from), ends));
      }
    }
    return writer.written;
  }

  /** @param ends takes, by series, where it ends from where the first begins; null where nobody wants to know */
  #writeV1Series({ batch, firstSeries, start, end }: SampleSlice, ends: Uint32Array | null): void {
    const writer = this.#writer;
    const from = writer.length;
    let sample = start;
    for (let series = firstSeries; sample < end; series++) {
      const seriesEnd = Math.min(batch.firstSample[series + 1]!, end);
      if (sample >= seriesEnd) continue;
      writer.writeVarint(V1_SERIES);
      const message = writer.beginMessage();
      writeTimeSeries(writer, batch.labels[series]!, batch, sample, seriesEnd);
      if (this.#sendsExemplars && batch.exemplars !== null) {
        for (let i = sample; i < seriesEnd; i++) {
          for (const exemplar of batch.exemplars.get(i) ?? []) writeV1Exemplar(writer, exemplar);
        }
      }
      sample = seriesEnd;
      writer.endMessage(message);
      if (ends !== null) ends[series] = writer.length - from;
    }
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
        if (this.#sendsExemplars && batch.exemplars !== null) {
          for (let i = sample; i < seriesEnd; i++) {
            for (const exemplar of batch.exemplars.get(i) ?? []) {
              writeV2Exemplar(body, exemplar, symbols);
            }
          }
        }
        const metadata = batch.metadata?.[series] ?? null;
        if (metadata !== null) writeV2Metadata(body, metadata, symbols);
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

function sampleCountOf(slices: readonly SampleSlice[]): number {
  let count = 0;
  for (const { start, end } of slices) count += end - start;
  return count;
}

/** A message of version 1 that has nothing but metadata; with version 2 they come with their series. */
export function encodeV1Metadata(families: Iterable<SeriesMetadata>): Buffer {
  const writer = new ProtobufWriter();
  for (const { family, type, help, unit } of families) {
    writer.writeVarint(V1_METADATA);
    const message = writer.beginMessage();
    writer.writeVarint(V1_METADATA_TYPE);
    writer.writeVarint(TYPE_NUMBERS[type]);
    writer.writeVarint(V1_METADATA_FAMILY);
    writer.writeString(family);
    writer.writeVarint(V1_METADATA_HELP);
    writer.writeString(help);
    writer.writeVarint(V1_METADATA_UNIT);
    writer.writeString(unit);
    writer.endMessage(message);
  }
  return Buffer.from(writer.written);
}

function writeV1Exemplar(writer: ProtobufWriter, exemplar: SampleExemplar): void {
  writer.writeVarint(V1_EXEMPLARS);
  const message = writer.beginMessage();
  writeSeriesLabels(writer, exemplar.labels);
  writeExemplarPoint(writer, exemplar);
  writer.endMessage(message);
}

function writeV2Exemplar(
  writer: ProtobufWriter,
  exemplar: SampleExemplar,
  symbols: Map<string, number>,
): void {
  writer.writeVarint(V2_EXEMPLARS);
  const message = writer.beginMessage();
  writeLabelRefs(writer, exemplar.labels, symbols);
  writeExemplarPoint(writer, exemplar);
  writer.endMessage(message);
}

function writeExemplarPoint(writer: ProtobufWriter, { value, timeMs }: SampleExemplar): void {
  writer.writeVarint(EXEMPLAR_VALUE);
  writer.writeDouble(Float64Array.of(value), 0);
  writer.writeVarint(EXEMPLAR_TIMESTAMP);
  writer.writeInt64(timeMs);
}

function writeV2Metadata(
  writer: ProtobufWriter,
  { type, help, unit }: SeriesMetadata,
  symbols: Map<string, number>,
): void {
  writer.writeVarint(V2_METADATA);
  const message = writer.beginMessage();
  writer.writeVarint(V2_METADATA_TYPE);
  writer.writeVarint(TYPE_NUMBERS[type]);
  writer.writeVarint(V2_METADATA_HELP_REF);
  writer.writeVarint(refOf(help, symbols));
  writer.writeVarint(V2_METADATA_UNIT_REF);
  writer.writeVarint(refOf(unit, symbols));
  writer.endMessage(message);
}

function refOf(text: string, symbols: Map<string, number>): number {
  const known = symbols.get(text);
  if (known !== undefined) return known;
  const ref = symbols.size;
  symbols.set(text, ref);
  return ref;
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
    writer.writePair(LABELS, flat[i]!, flat[i + 1]!);
  }
}

function writeLabelRefs(
  writer: ProtobufWriter,
  labels: Labels,
  symbols: Map<string, number>,
): void {
  writer.writeVarint(LABELS);
  const refs = writer.beginMessage();
  for (const text of labels.flat) writer.writeVarint(refOf(text, symbols));
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
