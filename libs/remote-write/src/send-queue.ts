import { assert } from '#libs/invariant';
import type { Labels } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';
import type { SampleSlice } from './sample-slice.ts';
import type { RetryReason, WriteAnswer } from './write-answer.ts';

/** How a {@link SendQueue} batches, bounds and retries. */
export interface SendQueueOptions {
  /** Bound on the samples waiting and under way; the oldest make room. */
  readonly maxSamples: number;
  /** A request is sent as soon as so many samples wait, and has no more. */
  readonly maxSamplesPerSend: number;
  /** A sample waits at most so long for company. */
  readonly batchDeadlineMs: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
}

/** Measured against a local engine with group commit: larger requests save little, smaller ones cost round trips. */
export const DEFAULT_SEND_QUEUE_OPTIONS: SendQueueOptions = {
  maxSamples: 1_000_000,
  maxSamplesPerSend: 10_000,
  batchDeadlineMs: 1_000,
  minBackoffMs: 100,
  maxBackoffMs: 10_000,
};

/** Samples to be sent as one request, again and again until they are accepted or given up. */
export interface PendingSend {
  readonly slices: readonly SampleSlice[];
  readonly sampleCount: number;
}

/** What to do next. */
export type SendAction =
  | { readonly kind: 'send'; readonly send: PendingSend }
  /** Nothing before `untilMs`, unless samples are pushed. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** Nothing until samples are pushed or the request under way is completed. */
  | { readonly kind: 'idle' };

/** Series that a request takes beyond its size, at most, so that they are not separated. */
const MAX_TOGETHER = 2_000;

/** Why samples were given up; the set is closed because it becomes a metric label. */
export type DropReason = 'queue_full' | 'rejected' | 'shutdown';

/** All drop reasons. */
export const DROP_REASONS: readonly DropReason[] = ['queue_full', 'rejected', 'shutdown'];

/** What became of the samples so far; all but `queuedSamples` only grow. */
export interface SendQueueCounts {
  readonly queuedSamples: number;
  readonly sentSamples: number;
  /** Handed over to what keeps them on disk. */
  readonly spooledSamples: number;
  readonly droppedSamples: Readonly<Record<DropReason, number>>;
  readonly retriedSamples: Readonly<Record<RetryReason, number>>;
}

/** A pushed batch of which a part may have been taken already. */
interface QueuedBatch {
  readonly batch: SampleBatch;
  readonly pushedMs: number;
  nextSeries: number;
  nextSample: number;
  next: QueuedBatch | null;
}

/**
 * The decisions of a remote-write sender: what to send when, what to retry after how long, what to give up. It does no
 * I/O; whoever owns it asks `nextAction`, does as told and reports with `completed`.
 *
 * One request is under way at a time and the next begins where it ended, so each series' samples arrive in the order in
 * which they were pushed, whatever is retried.
 */
export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #random: () => number;
  readonly #maySeparate: ((before: Labels, after: Labels) => boolean) | null;
  /** Pushed batches as a chain, oldest first. */
  #oldest: QueuedBatch | null = null;
  #newest: QueuedBatch | null = null;
  #waitingSamples = 0;
  /** The request that is under way or waits to be sent again. */
  #active: PendingSend | null = null;
  #isUnderWay = false;
  /** Since the last request that was answered for good. */
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #flushUntilMs = Number.POSITIVE_INFINITY;
  #isFlushing = false;
  /** What waits is sent at this time at the latest, company or not. */
  #hastenedMs = Number.POSITIVE_INFINITY;
  #sent = 0;
  #spooled = 0;
  readonly #dropped: Record<DropReason, number> = { queue_full: 0, rejected: 0, shutdown: 0 };
  readonly #retried: Record<RetryReason, number> = {
    throttled: 0,
    server_error: 0,
    unreachable: 0,
    timeout: 0,
  };

  /**
   * @param random answers numbers from 0 up to 1, for the jitter of retries
   * @param maySeparate whether a request may end between two neighbouring series; null where it may anywhere
   */
  constructor(
    options: SendQueueOptions,
    random: () => number,
    maySeparate: ((before: Labels, after: Labels) => boolean) | null = null,
  ) {
    assert(options.maxSamplesPerSend > 0, 'a request needs room for a sample');
    assert(options.maxSamples >= options.maxSamplesPerSend, 'the queue has no room for a request');
    this.#options = options;
    this.#random = random;
    this.#maySeparate = maySeparate;
  }

  /** Takes a batch, which must not change afterwards. Over the bound the oldest samples are dropped and counted. */
  push(batch: SampleBatch, nowMs: number): void {
    if (batch.sampleCount === 0) return;
    const queued = { batch, pushedMs: nowMs, nextSeries: 0, nextSample: 0, next: null };
    if (this.#newest === null) this.#oldest = queued;
    else this.#newest.next = queued;
    this.#newest = queued;
    this.#waitingSamples += batch.sampleCount;
    this.#makeRoom();
  }

  /** What to do at `nowMs`. A send that was answered counts as under way until `completed`. */
  nextAction(nowMs: number): SendAction {
    if (this.#isUnderWay) return { kind: 'idle' };
    if (nowMs >= this.#flushUntilMs) this.#dropAll('shutdown');
    if (this.#active === null && this.#waitingSamples === 0) return { kind: 'idle' };
    const batchDueMs = this.#active === null ? this.#batchDueMs() : nowMs;
    const dueMs = Math.max(batchDueMs, this.#notBeforeMs);
    if (nowMs < dueMs) return { kind: 'wait', untilMs: Math.min(dueMs, this.#flushUntilMs) };
    this.#active ??= this.#takeSend();
    if (this.#waitingSamples === 0) this.#hastenedMs = Number.POSITIVE_INFINITY;
    this.#isUnderWay = true;
    return { kind: 'send', send: this.#active };
  }

  /** Reports what became of the send under way. */
  completed(answer: WriteAnswer, nowMs: number): void {
    const send = this.#active;
    assert(send !== null && this.#isUnderWay, 'completed without a send under way');
    this.#isUnderWay = false;
    if (answer.kind === 'retry') {
      this.#failures++;
      this.#retried[answer.reason] += send.sampleCount;
      this.#notBeforeMs = nowMs + this.#backoffMs(answer.retryAfterMs);
      // While it was under way it could not make room.
      this.#makeRoom();
      return;
    }
    this.#active = null;
    this.#failures = 0;
    this.#notBeforeMs = nowMs;
    if (answer.kind === 'accepted') this.#sent += send.sampleCount;
    else this.#dropped.rejected += send.sampleCount;
  }

  /** Reports that the send under way is safe elsewhere, so that it is sent no more from here. */
  spooled(nowMs: number): void {
    const send = this.#active;
    assert(send !== null && this.#isUnderWay, 'spooled without a send under way');
    this.#isUnderWay = false;
    this.#active = null;
    this.#failures = 0;
    this.#notBeforeMs = nowMs;
    this.#spooled += send.sampleCount;
  }

  /** From now on nothing waits for company, and what is not accepted by `untilMs` is dropped and counted. */
  flush(untilMs: number): void {
    this.#isFlushing = true;
    this.#flushUntilMs = untilMs;
  }

  /** What waits now is sent by `byMs`, however little it is: somebody is about to be woken by it. */
  hasten(byMs: number): void {
    if (this.#waitingSamples > 0) this.#hastenedMs = Math.min(this.#hastenedMs, byMs);
  }

  /** Whether nothing waits or is under way. */
  get isEmpty(): boolean {
    return this.#waitingSamples === 0 && this.#active === null;
  }

  get counts(): SendQueueCounts {
    return {
      queuedSamples: this.#waitingSamples + (this.#active?.sampleCount ?? 0),
      sentSamples: this.#sent,
      spooledSamples: this.#spooled,
      droppedSamples: { ...this.#dropped },
      retriedSamples: { ...this.#retried },
    };
  }

  /** When the oldest waiting sample was pushed, or null where none waits. */
  get oldestWaitingMs(): number | null {
    return this.#oldest?.pushedMs ?? null;
  }

  #batchDueMs(): number {
    const isFull = this.#waitingSamples >= this.#options.maxSamplesPerSend;
    if (isFull || this.#isFlushing) return Number.NEGATIVE_INFINITY;
    const dueMs = (this.#oldest?.pushedMs ?? 0) + this.#options.batchDeadlineMs;
    return Math.min(dueMs, this.#hastenedMs);
  }

  /** Doubles from attempt to attempt, half of it by chance so that many senders do not return as one. */
  #backoffMs(retryAfterMs: number | null): number {
    const { minBackoffMs, maxBackoffMs } = this.#options;
    const doublings = Math.min(this.#failures - 1, 30);
    const fullMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** doublings);
    const jitteredMs = fullMs / 2 + (fullMs / 2) * this.#random();
    return Math.max(jitteredMs, retryAfterMs ?? 0);
  }

  #takeSend(): PendingSend {
    const slices: SampleSlice[] = [];
    let room = this.#options.maxSamplesPerSend;
    while (room > 0 && this.#waitingSamples > 0) {
      const slice = this.#takeSlice(room);
      slices.push(slice);
      room -= slice.end - slice.start;
    }
    return { slices, sampleCount: this.#options.maxSamplesPerSend - room };
  }

  /** Up to `maxCount` samples of the oldest batch, or a few more that must not be separated. */
  #takeSlice(maxCount: number): SampleSlice {
    const queued = this.#oldest;
    assert(queued !== null, 'samples wait, so a batch does');
    const { batch } = queued;
    const start = queued.nextSample;
    const end = this.#endOfSlice(queued, Math.min(start + maxCount, batch.sampleCount));
    const slice = { batch, firstSeries: queued.nextSeries, start, end };
    this.#waitingSamples -= end - start;
    if (end === batch.sampleCount) {
      this.#oldest = queued.next;
      if (this.#oldest === null) this.#newest = null;
      return slice;
    }
    queued.nextSample = end;
    while (batch.firstSample[queued.nextSeries + 1]! <= end) queued.nextSeries++;
    return slice;
  }

  /** Where a slice ends that would end before the sample `end`. */
  #endOfSlice({ batch, nextSeries }: QueuedBatch, end: number): number {
    if (this.#maySeparate === null || end === batch.sampleCount) return end;
    const { labels, firstSample } = batch;
    let series = nextSeries;
    while (firstSample[series + 1]! <= end) series++;
    // Within a series that has more samples; the next one begins behind it.
    if (firstSample[series]! < end) series++;
    for (let moved = 0; moved < MAX_TOGETHER && series < labels.length; moved++, series++) {
      if (this.#maySeparate(labels[series - 1]!, labels[series]!)) break;
    }
    return firstSample[series]!;
  }

  #makeRoom(): void {
    const { maxSamples } = this.#options;
    let excess = this.#waitingSamples + (this.#active?.sampleCount ?? 0) - maxSamples;
    if (excess <= 0) return;
    if (this.#active !== null && !this.#isUnderWay) {
      // The oldest of all: a request that waits to be retried.
      this.#dropped.queue_full += this.#active.sampleCount;
      excess -= this.#active.sampleCount;
      this.#active = null;
    }
    while (excess > 0 && this.#waitingSamples > 0) {
      const slice = this.#takeSlice(excess);
      this.#dropped.queue_full += slice.end - slice.start;
      excess -= slice.end - slice.start;
    }
  }

  #dropAll(reason: DropReason): void {
    this.#dropped[reason] += this.#waitingSamples + (this.#active?.sampleCount ?? 0);
    this.#active = null;
    this.#waitingSamples = 0;
    this.#oldest = null;
    this.#newest = null;
  }
}
