/*
 * The feeder: one process that writes the same samples to all stores by remote write 1.0, request by request in the same
 * order, as Prometheus's own sender would. It is a process of its own so that its work is in nobody's figures.
 */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Labels } from '#libs/labels';
import { compressBlock, wholeBatch, WriteEncoder } from '#libs/remote-write';
import { SampleBatchBuilder } from '#libs/samples';
import type { FeedReport, FeedRequest, FeedSpec } from './feeder.ts';
import { createWorkload, type Workload } from './workload.ts';

const SENDERS = 4;
const MAX_ATTEMPTS = 200;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

class Feeder {
  readonly #spec: FeedSpec;
  readonly #workload: Workload;
  readonly #labels = new Map<number, Labels>();
  readonly #keepsLabels: boolean;
  readonly #chunks: number;
  readonly #startedMs = performance.now();
  #isStopped = false;
  #samples = 0;
  #longestDelayMs = 0;
  #isLive = false;

  constructor(spec: FeedSpec) {
    this.#spec = spec;
    this.#workload = createWorkload(spec.workload);
    // A million label sets would take more memory than it takes time to make them again.
    this.#keepsLabels = this.#workload.seriesCount <= 200_000;
    this.#chunks = Math.ceil(this.#workload.seriesCount / spec.seriesPerRequest);
  }

  /** Ends when the last step is written, or the feeder was stopped. */
  async run(): Promise<void> {
    const { steps, stepsPerRequest } = this.#spec;
    const lastStep = steps ?? Infinity;
    const encoders = Array.from(
      { length: Math.min(SENDERS, this.#chunks) },
      () => new WriteEncoder('prometheus.WriteRequest'),
    );
    // Step by step: Prometheus refuses samples that are much older than the youngest it has seen of any series.
    for (let step = 0; step < lastStep && !this.#isStopped; step += stepsPerRequest) {
      const count = Math.min(stepsPerRequest, lastStep - step);
      await Promise.all(encoders.map((_, sender) => this.#send(encoders, sender, step, count)));
    }
    this.#becomeLive();
  }

  stop(): void {
    this.#isStopped = true;
  }

  report(): FeedReport {
    return {
      samples: this.#samples,
      seconds: (performance.now() - this.#startedMs) / 1_000,
      longestDelayMs: this.#longestDelayMs,
    };
  }

  /** One of several loops, each with requests of its own. */
  async #send(
    encoders: readonly WriteEncoder[],
    sender: number,
    step: number,
    count: number,
  ): Promise<void> {
    const { startMs, stepMs, urls } = this.#spec;
    for (let chunk = sender; chunk < this.#chunks; chunk += encoders.length) {
      // The requests of a step are spread over it, as scrapes are.
      const timeMs = startMs + step * stepMs + Math.floor((chunk * stepMs) / this.#chunks);
      const aheadMs = timeMs - Date.now();
      if (aheadMs > 0) {
        this.#becomeLive();
        await sleep(aheadMs);
      }
      if (this.#isStopped) return;
      const body = compressBlock(this.#encode(encoders[sender]!, chunk, timeMs, count));
      await Promise.all(urls.map((url) => post(url, body)));
      if (this.#isLive) this.#longestDelayMs = Math.max(this.#longestDelayMs, Date.now() - timeMs);
    }
  }

  #becomeLive(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    tell({ kind: 'caught-up', ...this.report() });
  }

  #encode(encoder: WriteEncoder, chunk: number, timeMs: number, steps: number): Buffer {
    const { seriesPerRequest, stepMs } = this.#spec;
    const workload = this.#workload;
    const builder = new SampleBatchBuilder();
    const end = Math.min((chunk + 1) * seriesPerRequest, workload.seriesCount);
    for (let series = chunk * seriesPerRequest; series < end; series++) {
      builder.addSeries(this.#labelsOf(series));
      for (let i = 0; i < steps; i++) {
        builder.addSample(timeMs + i * stepMs, workload.nextValue(series));
      }
    }
    const batch = builder.take();
    this.#samples += batch.sampleCount;
    return encoder.encode([wholeBatch(batch)]);
  }

  #labelsOf(series: number): Labels {
    const known = this.#labels.get(series);
    if (known !== undefined) return known;
    const labels = this.#workload.labelsOf(series);
    if (this.#keepsLabels) this.#labels.set(series, labels);
    return labels;
  }
}

async function post(url: string, body: Buffer): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { status, text } = await postOnce(url, body);
    if (status === 200 || status === 204) return;
    if (status < 500 && status !== 429) throw new Error(`${url} answers ${status}: ${text}`);
    await sleep(100);
  }
  throw new Error(`${url} takes nothing any more`);
}

function postOnce(url: string, body: Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'content-length': body.length,
      'x-prometheus-remote-write-version': '0.1.0',
    };
    const request = httpRequest(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.once('error', reject);
    });
    // A connection that was kept open may be closed by the other side just now; a resend does no harm.
    request.once('error', (error) => resolve({ status: 503, text: error.message }));
    request.end(body);
  });
}

function tell(message: object): void {
  process.send?.(message);
}

let feeder: Feeder | null = null;

process.on('message', (message: FeedRequest) => {
  if (message.kind === 'stop') {
    feeder?.stop();
    return;
  }
  const current = new Feeder(message.spec);
  feeder = current;
  current.run().then(
    () => tell({ kind: 'ended', ...current.report() }),
    (error: unknown) => tell({ kind: 'failed', reason: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
