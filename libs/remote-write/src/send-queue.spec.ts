import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import {
  DEFAULT_SEND_QUEUE_OPTIONS,
  type PendingSend,
  SendQueue,
  type SendQueueOptions,
  type WriteAnswer,
} from './index.ts';

const OPTIONS: SendQueueOptions = {
  maxSamples: 10,
  maxSamplesPerSend: 4,
  batchDeadlineMs: 1_000,
  minBackoffMs: 100,
  maxBackoffMs: 1_000,
};
const ACCEPTED: WriteAnswer = { kind: 'accepted' };
const REJECTED: WriteAnswer = { kind: 'rejected' };

function retry(retryAfterMs: number | null = null): WriteAnswer {
  return { kind: 'retry', reason: 'server_error', retryAfterMs };
}

/** Without chance a wait is its longest. */
function queueOf(options: Partial<SendQueueOptions> = {}): SendQueue {
  return new SendQueue({ ...OPTIONS, ...options }, () => 1);
}

/** Samples with the given values, one series each unless `perSeries` says otherwise. */
function batchOf(values: readonly number[], perSeries = 1): SampleBatch {
  const builder = new SampleBatchBuilder();
  values.forEach((value, i) => {
    if (i % perSeries === 0)
      builder.addSeries(Labels.fromRecord({ __name__: `m${i / perSeries}` }));
    builder.addSample(value, value);
  });
  return builder.take();
}

function valuesOf(send: PendingSend): number[] {
  return send.slices.flatMap(({ batch, start, end }) => [...batch.values.subarray(start, end)]);
}

function sendOf(queue: SendQueue, nowMs: number): PendingSend {
  const action = queue.nextAction(nowMs);
  if (action.kind !== 'send') throw new Error(`expected a send, got ${JSON.stringify(action)}`);
  return action.send;
}

/** `m1` to `m4` belong together. */
function isApart(_before: Labels, after: Labels): boolean {
  return !['m2', 'm3', 'm4'].includes(after.metricName);
}

describe('SendQueue', () => {
  it('sends a full request at once and a small one when its oldest sample has waited long enough', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3]), 0);
    expect(queue.nextAction(10)).toEqual({ kind: 'wait', untilMs: 1_000 });
    queue.push(batchOf([4, 5]), 500);
    expect(valuesOf(sendOf(queue, 500))).toEqual([1, 2, 3, 4]);
    queue.completed(ACCEPTED, 510);
    expect(queue.nextAction(510)).toEqual({ kind: 'wait', untilMs: 1_500 });
    expect(valuesOf(sendOf(queue, 1_500))).toEqual([5]);
  });
  it('takes a few samples more where series must not be separated', () => {
    for (const perSeries of [1, 2]) {
      const queue = new SendQueue(OPTIONS, () => 1, isApart);
      const values = Array.from({ length: 7 * perSeries }, (_, i) => i);
      queue.push(batchOf(values.slice(0, 10), perSeries), 0);
      const sizes: number[] = [];
      while (!queue.isEmpty) {
        sizes.push(sendOf(queue, 1_000).sampleCount);
        queue.completed(ACCEPTED, 1_000);
      }
      expect(sizes).toEqual(perSeries === 1 ? [5, 2] : [10]);
    }
  });
  it('sends what is urgent early, together with what waits before it', () => {
    const queue = queueOf();
    queue.hasten(0);
    queue.push(batchOf([1]), 0);
    expect(queue.nextAction(0)).toEqual({ kind: 'wait', untilMs: 1_000 });
    queue.push(batchOf([2, 3, 4, 5]), 100);
    expect(valuesOf(sendOf(queue, 100))).toEqual([1, 2, 3, 4]);
    queue.hasten(110);
    queue.completed(ACCEPTED, 105);
    expect(queue.nextAction(105)).toEqual({ kind: 'wait', untilMs: 110 });
    expect(valuesOf(sendOf(queue, 110))).toEqual([5]);
    queue.completed(ACCEPTED, 115);
    // Over once it is sent: what comes next waits for company again.
    queue.push(batchOf([6]), 120);
    expect(queue.nextAction(120)).toEqual({ kind: 'wait', untilMs: 1_120 });
  });
  it('has one request under way at a time', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4, 5, 6, 7, 8]), 0);
    sendOf(queue, 0);
    expect(queue.nextAction(0)).toEqual({ kind: 'idle' });
  });
  it('knows the series at which each part of a batch begins', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4, 5, 6, 7, 8, 9], 3), 0);
    const starts: number[] = [];
    for (let i = 0; i < 2; i++) {
      starts.push(...sendOf(queue, 0).slices.map((slice) => slice.firstSeries));
      queue.completed(ACCEPTED, 0);
    }
    expect(starts).toEqual([0, 1]);
  });
  it('sends the same again after a failure, waiting twice as long from time to time', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4]), 0);
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 6; i++) {
      expect(valuesOf(sendOf(queue, nowMs))).toEqual([1, 2, 3, 4]);
      queue.completed(retry(), nowMs);
      const action = queue.nextAction(nowMs);
      if (action.kind !== 'wait') throw new Error('expected to wait');
      waits.push(action.untilMs - nowMs);
      nowMs = action.untilMs;
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(queue.counts.retriedSamples.server_error).toBe(24);
  });
  it('spreads retries by chance over the second half of the wait', () => {
    const queue = new SendQueue(OPTIONS, () => 0);
    queue.push(batchOf([1, 2, 3, 4]), 0);
    sendOf(queue, 0);
    queue.completed(retry(), 0);
    expect(queue.nextAction(0)).toEqual({ kind: 'wait', untilMs: 50 });
  });
  it('waits as long as the receiver asks', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4]), 0);
    sendOf(queue, 0);
    queue.completed(retry(30_000), 5);
    expect(queue.nextAction(5)).toEqual({ kind: 'wait', untilMs: 30_005 });
  });
  it('gives up what is rejected and goes on', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4, 5, 6, 7, 8]), 0);
    sendOf(queue, 0);
    queue.completed(REJECTED, 0);
    expect(valuesOf(sendOf(queue, 0))).toEqual([5, 6, 7, 8]);
    expect(queue.counts.droppedSamples.rejected).toBe(4);
  });
  it('drops the oldest over its bound, but not what is on the wire', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4, 5, 6, 7, 8]), 0);
    expect(valuesOf(sendOf(queue, 0))).toEqual([1, 2, 3, 4]);
    queue.push(batchOf([9, 10, 11, 12]), 0);
    expect(queue.counts).toMatchObject({ queuedSamples: 10, droppedSamples: { queue_full: 2 } });
    queue.completed(ACCEPTED, 0);
    expect(valuesOf(sendOf(queue, 0))).toEqual([7, 8, 9, 10]);
  });
  it('drops a request that waits to be retried first, and still keeps to the wait', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4]), 0);
    sendOf(queue, 0);
    queue.completed(retry(), 0);
    queue.push(batchOf([5, 6, 7, 8, 9, 10, 11]), 0);
    expect(queue.counts.droppedSamples.queue_full).toBe(4);
    expect(queue.nextAction(0)).toEqual({ kind: 'wait', untilMs: 100 });
    expect(valuesOf(sendOf(queue, 100))).toEqual([5, 6, 7, 8]);
  });
  it('takes a batch larger than its bound by its newest samples', () => {
    const queue = queueOf();
    queue.push(batchOf(Array.from({ length: 25 }, (_, i) => i)), 0);
    expect(queue.counts).toMatchObject({ queuedSamples: 10, droppedSamples: { queue_full: 15 } });
    expect(valuesOf(sendOf(queue, 0))).toEqual([15, 16, 17, 18]);
  });
  it('sends everything at once when flushed and drops the rest at the deadline', () => {
    const queue = queueOf();
    queue.push(batchOf([1, 2, 3, 4, 5]), 0);
    queue.flush(1_000);
    sendOf(queue, 0);
    queue.completed(ACCEPTED, 10);
    expect(valuesOf(sendOf(queue, 10))).toEqual([5]);
    queue.completed(retry(60_000), 20);
    expect(queue.nextAction(20)).toEqual({ kind: 'wait', untilMs: 1_000 });
    expect(queue.nextAction(1_000)).toEqual({ kind: 'idle' });
    expect(queue.isEmpty).toBe(true);
    expect(queue.counts.droppedSamples.shutdown).toBe(1);
  });
  it('loses and doubles nothing, and keeps the order, whatever is answered', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ push: fc.nat({ max: 7 }) }),
        fc.record({ answer: fc.constantFrom(ACCEPTED, REJECTED, retry(), retry(500)) }),
        fc.record({ passMs: fc.nat({ max: 2_000 }) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const queue = queueOf({ maxSamples: 12 });
        let nowMs = 0;
        let pushed = 0;
        let underWay: PendingSend | null = null;
        const accepted: number[] = [];
        for (const step of script) {
          if ('push' in step) {
            const values = Array.from({ length: step.push }, () => pushed++);
            queue.push(batchOf(values, 2), nowMs);
          } else if ('passMs' in step) {
            nowMs += step.passMs;
          } else if (underWay !== null) {
            if (step.answer.kind === 'accepted') accepted.push(...valuesOf(underWay));
            queue.completed(step.answer, nowMs);
            underWay = null;
          }
          if (underWay === null) {
            const action = queue.nextAction(nowMs);
            if (action.kind === 'send') underWay = action.send;
          }
          const { queuedSamples, sentSamples, droppedSamples } = queue.counts;
          const dropped = Object.values(droppedSamples).reduce((sum, count) => sum + count);
          expect(queuedSamples + sentSamples + dropped).toBe(pushed);
          expect(queuedSamples).toBeLessThanOrEqual(12);
        }
        expect(accepted).toEqual(accepted.toSorted((a, b) => a - b));
        expect(new Set(accepted).size).toBe(accepted.length);
      }),
    );
  });
  it('has defaults that fit each other', () => {
    expect(DEFAULT_SEND_QUEUE_OPTIONS.maxSamplesPerSend).toBeLessThan(
      DEFAULT_SEND_QUEUE_OPTIONS.maxSamples,
    );
  });
});
