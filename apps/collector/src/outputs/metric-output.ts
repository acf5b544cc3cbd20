import { type AppLogger, withSpan } from '#libs/platform';
import { relabel, type RelabelRule } from '#libs/discovery';
import {
  type PendingSend,
  SendQueue,
  type SendQueueCounts,
  type SendQueueOptions,
} from '#libs/remote-write';
import type { SampleBatch, SeriesMetadata } from '#libs/samples';
import type { Spool } from '#libs/spool';
import { MetricSpool } from './metric-spool.ts';
import type { Urgency } from './metric-sink.ts';
import type { MetricTransport, PackedSamples, WriteOutcome } from './metric-transport.ts';
import type { OutputIdentity, OutputMetrics } from './output-metrics.ts';
import {
  type LabelChange,
  relabelBatch,
  rememberedChange,
  withoutHistograms,
} from './relabel-batch.ts';
import { SpoolSender } from './spool-sender.ts';
import type { Uplinks } from './uplinks.ts';

export interface MetricOutputOptions {
  readonly identity: OutputIdentity;
  readonly transport: MetricTransport;
  readonly queue: SendQueueOptions;
  readonly relabelRules: readonly RelabelRule[];
  readonly sendsHistograms: boolean;
  /** How often metadata are sent where they do not travel with their series; null for never. */
  readonly metadataIntervalMs: number | null;
  /** Opens what an earlier run left on disk; null for an output that keeps nothing there. */
  readonly openSpool: (() => Promise<Spool>) | null;
  /** For how long the receiver must be failing before samples go to disk. */
  readonly spoolAfterMs: number;
  /** Samples that have waited longer are given up. */
  readonly maxAgeMs: number;
  readonly uplinks: Uplinks;
  readonly metrics: OutputMetrics;
  readonly logger: AppLogger;
}

/** Delays are measured by it, so that a clock that is set back holds up nothing. */
const nowMonotonicMs = (): number => performance.now();
/** How long what is urgent waits for more of its kind, such as the other pods of a node that failed. */
const URGENT_MS = 10;

/** A rejection is logged at most so often; all are counted. */
const REJECTION_LOG_MS = 60_000;
/** What of the time to close is left for writing to disk what could not be sent. */
const SPILL_SHARE = 0.3;

/**
 * One receiver: its queue in memory, what waits on disk, and the loop that does what the queue decides. While nothing waits on
 * disk, requests go straight to the receiver. Once it fails they go to disk instead, and from there, in their order, when it
 * is back; only when all of it has arrived does the next go straight again.
 */
export class MetricOutput {
  readonly #options: MetricOutputOptions;
  readonly #identity: OutputIdentity;
  readonly #queue: SendQueue;
  readonly #transport: MetricTransport;
  readonly #metrics: OutputMetrics;
  readonly #logger: AppLogger;
  readonly #relabel: LabelChange | null;
  readonly #abort = new AbortController();
  #spool: MetricSpool | null = null;
  #sender: SpoolSender | null = null;
  #booked: SendQueueCounts;
  #loop: Promise<void> | null = null;
  #wake: () => void = () => {};
  #isClosing = false;
  #failingSinceMs: number | null = null;
  /** The disk took nothing the last time; what waits stays in memory. */
  #hasSpillFailed = false;
  #rejectionLoggedMs = Number.NEGATIVE_INFINITY;
  #highestSentMs = Number.NEGATIVE_INFINITY;
  readonly #families = new Map<string, SeriesMetadata>();
  #metadataDueMs = 0;

  constructor(options: MetricOutputOptions) {
    const { identity, metrics, logger, relabelRules } = options;
    this.#options = options;
    this.#identity = identity;
    this.#queue = new SendQueue(options.queue, Math.random, options.transport.maySeparate);
    this.#transport = options.transport;
    this.#metrics = metrics;
    this.#logger = logger.with({ output: identity.name });
    this.#relabel =
      relabelRules.length === 0
        ? null
        : rememberedChange((labels) => relabel(labels, relabelRules));
    this.#booked = this.#queue.counts;
  }

  /** Never blocks; over the queue's bound the oldest samples are dropped and counted. */
  push(batch: SampleBatch, urgency: Urgency = 'in-turn'): void {
    this.#metrics.pushed(this.#identity, batch.sampleCount);
    let kept = this.#relabel === null ? batch : relabelBatch(batch, this.#relabel);
    if (!this.#options.sendsHistograms) kept = withoutHistograms(kept);
    this.#metrics.relabelled(this.#identity, batch.sampleCount - kept.sampleCount);
    if (this.#options.metadataIntervalMs !== null) this.#noteFamilies(kept);
    const nowMs = nowMonotonicMs();
    this.#queue.push(kept, nowMs);
    if (urgency === 'soon') this.#queue.hasten(nowMs + URGENT_MS);
    this.#book();
    this.#wake();
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * Sends what waits, for at most `withinMs`; what is left then goes to disk or, without one, is dropped and counted. Twice is
   * harmless.
   */
  async close(withinMs: number): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      const hasDisk = this.#options.openSpool !== null;
      const sendMs = hasDisk ? withinMs * (1 - SPILL_SHARE) : withinMs;
      this.#queue.flush(nowMonotonicMs() + withinMs);
      setTimeout(() => {
        this.#abort.abort();
        this.#wake();
      }, sendMs).unref();
      this.start();
      this.#wake();
    }
    await this.#loop;
  }

  async #run(): Promise<void> {
    await this.#open();
    for (;;) {
      const action = this.#queue.nextAction(nowMonotonicMs());
      if (action.kind === 'send') {
        await (this.#isSpooling ? this.#spill(action.send) : this.#send(action.send));
      } else if (this.#isClosing && this.#queue.isEmpty) {
        break;
      } else if (this.#isMetadataDue) {
        await this.#sendMetadata();
      } else {
        const untilMs = action.kind === 'wait' ? action.untilMs : Number.POSITIVE_INFINITY;
        await this.#sleep(untilMs - nowMonotonicMs());
      }
    }
    // What is on disk stays there for the next run.
    this.#abort.abort();
    await this.#sender?.close();
    this.#book();
    const lost = this.#queue.counts.droppedSamples.shutdown;
    if (lost > 0) this.#logger.warn('samples lost at the stop', { samples: lost });
    this.#spool?.store.close();
    this.#options.uplinks.note(this, this.#identity.url, false);
    this.#metrics.forget(this.#identity);
    await this.#transport.close();
  }

  async #open(): Promise<void> {
    const { openSpool } = this.#options;
    if (openSpool === null) return;
    try {
      this.#spool = new MetricSpool(await openSpool());
    } catch (error) {
      this.#logger.error('the spool cannot be opened; what waits stays in memory', error);
      return;
    }
    this.#sender = new SpoolSender(this.#spool, {
      post: (packed) => this.#post(packed),
      queue: this.#options.queue,
      maxAgeMs: this.#options.maxAgeMs,
      arrived: (samples, timeMs) => this.#metrics.sentFromSpool(this.#identity, samples, timeMs),
      dropped: (samples, reason) => this.#metrics.dropped(this.#identity, samples, reason),
      failed: (error) => this.#logger.error('the spool cannot be read', error),
      changed: () => this.#bookSpool(),
      emptied: () => this.#wake(),
    });
    this.#sender.wake();
    this.#bookSpool();
  }

  get #isSpooling(): boolean {
    const spool = this.#spool;
    if (spool === null || this.#hasSpillFailed) return false;
    return !spool.isEmpty || this.#isFailingForLong || this.#abort.signal.aborted;
  }

  get #isFailingForLong(): boolean {
    const since = this.#failingSinceMs;
    return since !== null && performance.now() - since >= this.#options.spoolAfterMs;
  }

  async #spill(send: PendingSend): Promise<void> {
    await this.#spillPacked(this.#transport.pack(send.slices), send);
  }

  async #spillPacked(packed: PackedSamples, send: PendingSend): Promise<void> {
    try {
      const about = { samples: send.sampleCount, timeMs: youngestMs(send) };
      await this.#spool!.append(packed, about);
      this.#queue.spooled(nowMonotonicMs());
      this.#sender?.wake();
    } catch (error) {
      this.#hasSpillFailed = true;
      this.#logger.error('the spool cannot be written; what waits stays in memory', error);
      this.#queue.completed(
        { kind: 'retry', reason: 'unreachable', retryAfterMs: null },
        nowMonotonicMs(),
      );
    }
    this.#book();
    this.#bookSpool();
  }

  async #send(send: PendingSend): Promise<void> {
    const packed = this.#transport.pack(send.slices);
    const outcome = await withSpan(
      'remote write',
      { output: this.#identity.name, samples: send.sampleCount },
      () => this.#post(packed),
    );
    // The disk is tried again after the receiver.
    this.#hasSpillFailed = false;
    if (outcome.answer.kind === 'retry' && this.#isSpooling) {
      await this.#spillPacked(packed, send);
      return;
    }
    this.#queue.completed(outcome.answer, nowMonotonicMs());
    this.#book();
    if (outcome.answer.kind === 'accepted') this.#noteHighestTime(youngestMs(send));
  }

  async #post(packed: PackedSamples): Promise<WriteOutcome> {
    const startedMs = performance.now();
    const outcome = await this.#transport.post(packed, this.#abort.signal);
    this.#metrics.sent(this.#identity, (performance.now() - startedMs) / 1000, outcome.sentBytes);
    this.#logChange(outcome);
    return outcome;
  }

  /** Tells when sending begins to fail and when it works again; each request in between is counted only. */
  #logChange({ answer, detail }: WriteOutcome): void {
    const nowMs = nowMonotonicMs();
    if (answer.kind === 'rejected') {
      if (nowMs - this.#rejectionLoggedMs < REJECTION_LOG_MS) return;
      this.#rejectionLoggedMs = nowMs;
      this.#logger.error('the receiver refused samples for good', { detail });
      return;
    }
    const isFailing = answer.kind === 'retry' && !this.#abort.signal.aborted;
    if (isFailing === (this.#failingSinceMs !== null)) return;
    this.#failingSinceMs = isFailing ? performance.now() : null;
    if (isFailing) this.#logger.warn('the output is failing; samples wait', { detail });
    else this.#logger.info('the output works again');
  }

  #noteHighestTime(timeMs: number): void {
    if (timeMs <= this.#highestSentMs) return;
    this.#highestSentMs = timeMs;
    this.#metrics.highestSent(this.#identity, timeMs);
  }

  #noteFamilies({ metadata }: SampleBatch): void {
    let last: SeriesMetadata | null = null;
    for (const noted of metadata ?? []) {
      if (noted === null || noted === last) continue;
      last = noted;
      if (this.#families.size < MAX_FAMILIES || this.#families.has(noted.family)) {
        this.#families.set(noted.family, noted);
      }
    }
  }

  get #isMetadataDue(): boolean {
    return (
      this.#families.size > 0 &&
      nowMonotonicMs() >= this.#metadataDueMs &&
      this.#failingSinceMs === null &&
      !this.#isClosing
    );
  }

  /** They are sent again and again, so that nothing is made of a request that fails. */
  async #sendMetadata(): Promise<void> {
    this.#metadataDueMs = nowMonotonicMs() + (this.#options.metadataIntervalMs ?? 0);
    const packed = this.#transport.packMetadata(this.#families.values());
    this.#families.clear();
    if (packed !== null) await this.#transport.post(packed, this.#abort.signal);
  }

  #book(): void {
    const { counts } = this.#queue;
    this.#noteBacklog(counts.queuedSamples);
    this.#metrics.book(this.#identity, this.#booked, counts);
    this.#booked = counts;
  }

  /** Samples that have waited go before what matters less, as long as they are taken. */
  #noteBacklog(queuedSamples: number): void {
    const isBehind =
      this.#spool?.isEmpty === false || queuedSamples > this.#options.queue.maxSamplesPerSend * 2;
    const isTaken = this.#failingSinceMs === null && !this.#abort.signal.aborted;
    this.#options.uplinks.note(this, this.#identity.url, isBehind && isTaken);
  }

  #bookSpool(): void {
    this.#noteBacklog(this.#queue.counts.queuedSamples);
    if (this.#spool !== null) this.#metrics.spooled(this.#identity, this.#spool.store);
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

/** Families beyond this have no metadata at such a receiver. */
const MAX_FAMILIES = 20_000;

function youngestMs(send: PendingSend): number {
  let youngest = Number.NEGATIVE_INFINITY;
  for (const { batch, start, end } of send.slices) {
    for (let i = start; i < end; i++) {
      if (batch.timesMs[i]! > youngest) youngest = batch.timesMs[i]!;
    }
  }
  return youngest;
}
