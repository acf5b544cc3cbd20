import type { LogBatch } from '../log-source.ts';
import { LineLabels } from './line-labels.ts';

/** The line that goes through a pipeline. One instance serves line after line; its bytes are views into the batch. */
export class Line {
  /** What the line is by now: `bytes.subarray(start, end)`. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  readonly labels = new LineLabels();
  #batch: LogBatch | null = null;
  #index = 0;

  /** Starts over with a line of a batch. */
  reset(batch: LogBatch, index: number): void {
    this.#batch = batch;
    this.#index = index;
    this.bytes = batch.bytes;
    this.start = batch.starts[index]!;
    this.end = batch.ends[index]!;
    this.labels.reset(batch.stream.labels, batch.metadataOf(index));
  }

  get timeNs(): bigint {
    return this.#batch === null ? 0n : this.#batch.timesNs[this.#index]!;
  }

  /** Puts another text in the line's place. */
  replace(bytes: Buffer): void {
    this.bytes = bytes;
    this.start = 0;
    this.end = bytes.length;
  }

  view(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  text(): string {
    return this.bytes.toString('utf8', this.start, this.end);
  }

  /** The line as it was stored. */
  originalText(): string {
    const batch = this.#batch;
    if (batch === null) return '';
    return batch.bytes.toString('utf8', batch.starts[this.#index], batch.ends[this.#index]);
  }
}
