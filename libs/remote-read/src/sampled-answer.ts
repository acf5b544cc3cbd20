import type { Labels } from '#libs/labels';
import { BYTES, ProtobufWriter } from '#libs/protobuf';
import { writeTimeSeries } from '#libs/remote-write';
import type { SampleWindow } from '#libs/samples';
import { RemoteReadError } from './remote-read-error.ts';

/** `Content-Type` of an answer in one piece. */
export const SAMPLED_CONTENT_TYPE = 'application/x-protobuf';

/** Fields of `prometheus.ReadResponse` and `QueryResult`. */
const RESULTS = 1 * 8 + BYTES;
const TIMESERIES = 1 * 8 + BYTES;

/**
 * Writes an answer of the type `SAMPLES`, a `prometheus.ReadResponse`. All of it lies in memory until it is sent, so it is
 * bounded. For each query in turn: `beginResult`, its series, `endResult`.
 */
export class SampledAnswerWriter {
  readonly #writer = new ProtobufWriter();
  readonly #maxSamples: number;
  #samples = 0;
  #result = 0;

  constructor(maxSamples: number) {
    this.#maxSamples = maxSamples;
  }

  beginResult(): void {
    this.#writer.writeVarint(RESULTS);
    this.#result = this.#writer.beginMessage();
  }

  /** Adds a series' samples; a series without any is left out. @throws RemoteReadError `too_many_samples` */
  addSeries(labels: Labels, window: SampleWindow): void {
    const { start, end } = window;
    if (start === end) return;
    this.#samples += end - start;
    if (this.#samples > this.#maxSamples) {
      throw new RemoteReadError(
        'too_many_samples',
        `exceeded sample limit (${this.#maxSamples}); ask for less, or for streamed chunks`,
      );
    }
    const writer = this.#writer;
    writer.writeVarint(TIMESERIES);
    const series = writer.beginMessage();
    writeTimeSeries(writer, labels, window, start, end);
    writer.endMessage(series);
  }

  endResult(): void {
    this.#writer.endMessage(this.#result);
  }

  /** The answer, to be compressed; valid as long as the writer is not used again. */
  get written(): Buffer {
    return this.#writer.written;
  }
}
