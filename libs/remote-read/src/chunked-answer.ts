import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import { BYTES, ProtobufWriter, VARINT } from '#libs/protobuf';
import { writeSeriesLabels } from '#libs/remote-write';
import type { SampleWindow } from '#libs/samples';
import { crc32c } from './crc32c.ts';
import { encodeHistogramChunk, fitsHistogramChunk, hasIntegerCounts } from './histogram-chunk.ts';
import { encodeXorChunk } from './xor-chunk.ts';

/** `Content-Type` of an answer in frames. */
export const CHUNKED_CONTENT_TYPE =
  'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse';

/** `Chunk.Encoding`. */
export const CHUNK_ENCODINGS = { xor: 1, histogram: 2, floatHistogram: 3 } as const;

/** Prometheus's own default for `--storage.remote.read-max-bytes-in-frame`. */
const DEFAULT_MAX_FRAME_BYTES = 1_024 * 1_024;
/** As many as Prometheus puts into one. */
const CHUNK_SAMPLES = 120;
const CRC_BYTES = 4;
/** What a chunk takes beside its data: tags, lengths and two times. */
const CHUNK_OVERHEAD_BYTES = 40;

/** Fields of `prometheus.ChunkedReadResponse`, `ChunkedSeries` and `Chunk`. */
const SERIES = 1 * 8 + BYTES;
const QUERY_INDEX = 2 * 8 + VARINT;
const CHUNKS = 2 * 8 + BYTES;
const CHUNK_MIN_TIME = 1 * 8 + VARINT;
const CHUNK_MAX_TIME = 2 * 8 + VARINT;
const CHUNK_TYPE = 3 * 8 + VARINT;
const CHUNK_DATA = 4 * 8 + BYTES;

/**
 * Writes an answer of the type `STREAMED_XOR_CHUNKS`: frames of a varint length, a CRC-32C (big endian) and a
 * `ChunkedReadResponse` with chunks of one series. A series that does not fit into a frame goes on in the next one, its
 * labels written again. Series come sorted, as clients expect them.
 */
export class ChunkedAnswerWriter {
  readonly #maxFrameBytes: number;
  readonly #frames = new ProtobufWriter();
  readonly #frame = new ProtobufWriter();
  readonly #chunks = new ProtobufWriter();
  readonly #crc = Buffer.alloc(CRC_BYTES);
  #labels: Labels | null = null;
  #queryIndex = 0;

  constructor(maxFrameBytes = DEFAULT_MAX_FRAME_BYTES) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes of frames that have not been taken. */
  get length(): number {
    return this.#frames.length;
  }

  /** Adds a series' samples; a series without any is left out. The window is not looked at afterwards. */
  addSeries(queryIndex: number, labels: Labels, window: SampleWindow): void {
    this.#labels = labels;
    this.#queryIndex = queryIndex;
    this.#chunks.clear();
    const { start, end, histograms } = window;
    for (let from = start; from < end;) {
      const first = histograms?.[from] ?? null;
      from =
        first === null ? this.#addFloats(window, from) : this.#addHistograms(window, from, first);
    }
    if (this.#chunks.length > 0) this.#endFrame();
  }

  /** The frames so far, as a buffer of their own. */
  take(): Buffer {
    const frames = Buffer.from(this.#frames.written);
    this.#frames.clear();
    return frames;
  }

  /** @returns where the samples go on that are not in this chunk */
  #addFloats({ timesMs, values, histograms, end }: SampleWindow, from: number): number {
    const last = Math.min(end, from + CHUNK_SAMPLES);
    let to = from + 1;
    while (to < last && (histograms?.[to] ?? null) === null) to++;
    const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
    const chunk = encodeXorChunk(timesMs, words, from, to);
    this.#addChunk(timesMs[from]!, timesMs[to - 1]!, CHUNK_ENCODINGS.xor, chunk);
    return to;
  }

  /** @returns where the samples go on that are not in this chunk */
  #addHistograms(
    { timesMs, histograms, end }: SampleWindow,
    from: number,
    first: FloatHistogram,
  ): number {
    const last = Math.min(end, from + CHUNK_SAMPLES);
    const taken = [first];
    const takenTimesMs = [timesMs[from]!];
    let to = from + 1;
    for (; to < last; to++) {
      const next = histograms?.[to] ?? null;
      if (next === null || !fitsHistogramChunk(taken.at(-1)!, next)) break;
      taken.push(next);
      takenTimesMs.push(timesMs[to]!);
    }
    const isInteger = hasIntegerCounts(first);
    const encoding = isInteger ? CHUNK_ENCODINGS.histogram : CHUNK_ENCODINGS.floatHistogram;
    const chunk = encodeHistogramChunk(takenTimesMs, taken, isInteger);
    this.#addChunk(timesMs[from]!, timesMs[to - 1]!, encoding, chunk);
    return to;
  }

  #addChunk(minMs: number, maxMs: number, encoding: number, data: Uint8Array): void {
    const chunks = this.#chunks;
    const wouldBe = chunks.length + data.length + CHUNK_OVERHEAD_BYTES;
    if (chunks.length > 0 && wouldBe > this.#maxFrameBytes) this.#endFrame();
    chunks.writeVarint(CHUNKS);
    const chunk = chunks.beginMessage();
    chunks.writeVarint(CHUNK_MIN_TIME);
    chunks.writeInt64(minMs);
    chunks.writeVarint(CHUNK_MAX_TIME);
    chunks.writeInt64(maxMs);
    chunks.writeVarint(CHUNK_TYPE);
    chunks.writeVarint(encoding);
    chunks.writeVarint(CHUNK_DATA);
    chunks.writeVarint(data.length);
    chunks.append(data);
    chunks.endMessage(chunk);
  }

  #endFrame(): void {
    const frame = this.#frame;
    frame.clear();
    frame.writeVarint(SERIES);
    const series = frame.beginMessage();
    writeSeriesLabels(frame, this.#labels!);
    frame.append(this.#chunks.written);
    frame.endMessage(series);
    if (this.#queryIndex > 0) {
      frame.writeVarint(QUERY_INDEX);
      frame.writeVarint(this.#queryIndex);
    }
    this.#chunks.clear();
    const message = frame.written;
    this.#crc.writeUInt32BE(crc32c(message), 0);
    this.#frames.writeVarint(message.length);
    this.#frames.append(this.#crc);
    this.#frames.append(message);
  }
}
