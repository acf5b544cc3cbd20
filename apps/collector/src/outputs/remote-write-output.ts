import { type AppLogger, withSpan } from '#libs/platform';
import { relabel } from '#libs/discovery';
import {
  type PendingSend,
  SendQueue,
  type SendQueueCounts,
  WriteEncoder,
} from '#libs/remote-write';
import type { SampleBatch } from '#libs/samples';
import type { Urgency } from './metric-sink.ts';
import type { OutputIdentity, OutputMetrics } from './output-metrics.ts';
import type { RemoteWriteConfig } from './outputs-config.ts';
import { type LabelChange, relabelBatch, rememberedChange } from './relabel-batch.ts';
import { RemoteWriteClient, type WriteOutcome } from './remote-write-client.ts';

export interface RemoteWriteOutputOptions {
  readonly config: RemoteWriteConfig;
  readonly baseDir: string;
  readonly userAgent: string;
  readonly metrics: OutputMetrics;
  readonly logger: AppLogger;
}

/** How long what is urgent waits for more of its kind, such as the other pods of a node that failed. */
const URGENT_MS = 10;

/** A rejection is logged at most so often; all are counted. */
const REJECTION_LOG_MS = 60_000;

/** One receiver: its queue, and the loop that does what the queue decides. */
export class RemoteWriteOutput {
  readonly #identity: OutputIdentity;
  readonly #queue: SendQueue;
  readonly #encoder: WriteEncoder;
  readonly #client: RemoteWriteClient;
  readonly #metrics: OutputMetrics;
  readonly #logger: AppLogger;
  readonly #relabel: LabelChange | null;
  readonly #abort = new AbortController();
  #booked: SendQueueCounts;
  #loop: Promise<void> | null = null;
  #wake: () => void = () => {};
  #isClosing = false;
  #isFailing = false;
  #rejectionLoggedMs = Number.NEGATIVE_INFINITY;
  #highestSentMs = Number.NEGATIVE_INFINITY;

  constructor(options: RemoteWriteOutputOptions) {
    const { config, metrics, logger } = options;
    const url = new URL(config.url);
    this.#identity = { name: config.name, url: `${url.origin}${url.pathname}` };
    this.#queue = new SendQueue(config.queue, Math.random);
    this.#encoder = new WriteEncoder(config.message);
    this.#client = new RemoteWriteClient(options);
    this.#metrics = metrics;
    this.#logger = logger.with({ output: config.name });
    const { relabelRules } = config;
    this.#relabel =
      relabelRules.length === 0
        ? null
        : rememberedChange((labels) => relabel(labels, relabelRules));
    this.#booked = this.#queue.counts;
  }

  /** Never blocks; over the queue's bound the oldest samples are dropped and counted. */
  push(batch: SampleBatch, urgency: Urgency = 'in-turn'): void {
    this.#metrics.pushed(this.#identity, batch.sampleCount);
    const kept = this.#relabel === null ? batch : relabelBatch(batch, this.#relabel);
    this.#metrics.relabelled(this.#identity, batch.sampleCount - kept.sampleCount);
    const nowMs = Date.now();
    this.#queue.push(kept, nowMs);
    if (urgency === 'soon') this.#queue.hasten(nowMs + URGENT_MS);
    this.#book();
    this.#wake();
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Sends what waits, for at most `withinMs`; what is left then is dropped and counted. Twice is harmless. */
  async close(withinMs: number): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#queue.flush(Date.now() + withinMs);
      setTimeout(() => this.#abort.abort(), withinMs).unref();
      this.start();
      this.#wake();
    }
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (;;) {
      const action = this.#queue.nextAction(Date.now());
      if (action.kind === 'send') {
        await this.#send(action.send);
      } else if (this.#isClosing && this.#queue.isEmpty) {
        break;
      } else {
        const untilMs = action.kind === 'wait' ? action.untilMs : Number.POSITIVE_INFINITY;
        await this.#sleep(untilMs - Date.now());
      }
    }
    this.#book();
    const lost = this.#queue.counts.droppedSamples.shutdown;
    if (lost > 0) this.#logger.warn('samples lost at the stop', { samples: lost });
    this.#metrics.forget(this.#identity);
    await this.#client.close();
  }

  async #send(send: PendingSend): Promise<void> {
    const startedMs = performance.now();
    const outcome = await withSpan(
      'remote write',
      { output: this.#identity.name, samples: send.sampleCount },
      () => this.#client.send(this.#encoder.encode(send.slices), this.#abort.signal),
    );
    this.#queue.completed(outcome.answer, Date.now());
    this.#book();
    this.#metrics.sent(this.#identity, (performance.now() - startedMs) / 1000, outcome.sentBytes);
    if (outcome.answer.kind === 'accepted') this.#noteHighestTime(send);
    this.#logChange(outcome, send.sampleCount);
  }

  /** Tells when sending begins to fail and when it works again; each request in between is counted only. */
  #logChange({ answer, detail }: WriteOutcome, samples: number): void {
    const nowMs = Date.now();
    if (answer.kind === 'rejected') {
      if (nowMs - this.#rejectionLoggedMs < REJECTION_LOG_MS) return;
      this.#rejectionLoggedMs = nowMs;
      this.#logger.error('the receiver refused samples for good', { samples, detail });
      return;
    }
    const isFailing = answer.kind === 'retry' && !this.#abort.signal.aborted;
    if (isFailing === this.#isFailing) return;
    this.#isFailing = isFailing;
    if (isFailing) this.#logger.warn('the output is failing; samples wait', { detail });
    else this.#logger.info('the output works again');
  }

  #noteHighestTime(send: PendingSend): void {
    for (const { batch, start, end } of send.slices) {
      for (let i = start; i < end; i++) {
        if (batch.timesMs[i]! > this.#highestSentMs) this.#highestSentMs = batch.timesMs[i]!;
      }
    }
    this.#metrics.highestSent(this.#identity, this.#highestSentMs);
  }

  #book(): void {
    const { counts } = this.#queue;
    this.#metrics.book(this.#identity, this.#booked, counts);
    this.#booked = counts;
  }

  /** Until the time has passed or something happens. */
  #sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(forMs) ? setTimeout(resolve, Math.max(forMs, 0)) : null;
      this.#wake = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
  }
}
