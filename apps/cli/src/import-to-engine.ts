import type { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import type { ImportTarget } from './import-target.ts';
import { RemoteWriteClient } from './remote-write-client.ts';

const SAMPLES_PER_REQUEST = 20_000;

/** A running engine, or any other receiver of remote write. Each request is answered before the next is made. */
export class EngineTarget implements ImportTarget {
  readonly #client: RemoteWriteClient;
  #builder = new SampleBatchBuilder();
  #last: Labels | null = null;
  #sent = 0;
  #rejected = 0;
  #refusals = 0;
  #firstRefusal: string | null = null;

  constructor(engineUrl: string) {
    this.#client = new RemoteWriteClient(engineUrl);
  }

  add(labels: Labels, timeMs: number, values: Float64Array): boolean {
    if (labels !== this.#last) this.#builder.addSeries(labels);
    this.#last = labels;
    this.#builder.addSampleFrom(timeMs, values, 0);
    return this.#builder.sampleCount >= SAMPLES_PER_REQUEST;
  }

  async drain(): Promise<void> {
    const batch = this.#builder.take();
    this.#last = null;
    const { rejected, problem } = await this.#client.send(batch);
    this.#sent += batch.sampleCount;
    this.#rejected += rejected;
    if (problem === null) return;
    this.#refusals++;
    this.#firstRefusal ??= problem;
  }

  async finish(): Promise<void> {
    if (this.#builder.sampleCount > 0) await this.drain();
  }

  describe(): string {
    // A receiver of version 1.0 does not say how many of a request it has taken.
    const isKnown = this.#refusals === 0 || this.#rejected > 0;
    return `${this.#sent - this.#rejected} samples ${isKnown ? 'written' : 'sent'}`;
  }

  remarks(): readonly string[] {
    return [];
  }

  problems(): readonly string[] {
    if (this.#firstRefusal === null) return [];
    const what =
      this.#rejected > 0 ? `${this.#rejected} samples` : `samples of ${this.#refusals} requests`;
    return [
      `${what} were not taken; the first time because: ${this.#firstRefusal}`,
      'samples that are too old for a running engine can be imported while it is stopped: --data DIR',
    ];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
