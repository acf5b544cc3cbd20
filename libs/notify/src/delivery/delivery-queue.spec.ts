import { describe, expect, it } from '@jest/globals';
import { alertOf, notificationOf } from '../../testing/notifications.ts';
import { DeliveryError } from './delivery-error.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { nextRetryMs } from './retry-policy.ts';

const HOUR = 3_600_000;

function createQueue(changes: Partial<ConstructorParameters<typeof DeliveryQueue>[0]> = {}) {
  return new DeliveryQueue({
    retry: { firstMs: 1_000, maxMs: 60_000 },
    concurrencyPerIntegration: 2,
    keepMs: 24 * HOUR,
    random: () => 1,
    ...changes,
  });
}

function message(id: string, group = 'g', receiver = 'ops') {
  return notificationOf([alertOf()], {
    id,
    groupKey: group,
    integration: { receiver, kind: 'webhook', index: 0 },
    createdAtMs: 0,
  });
}

const ids = (attempts: readonly { notification: { id: string }; attempt: number }[]) =>
  attempts.map(({ notification, attempt }) => `${notification.id}#${attempt}`);
const ends = (ended: ReturnType<DeliveryQueue['plan']>['ended']) =>
  ended.map(
    ({ notification, outcome, error }) => `${notification.id} ${outcome} ${error?.code ?? '-'}`,
  );

const down = new DeliveryError('unreachable', 'down');

describe('DeliveryQueue', () => {
  it('hands a message out once and says that it arrived', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    expect(ids(queue.plan(0).attempts)).toEqual(['a#1']);
    expect(queue.plan(0).attempts).toEqual([]);
    queue.report(message('a'), null, 5);
    expect(ends(queue.plan(5).ended)).toEqual(['a delivered -']);
    expect(queue.size).toBe(0);
  });

  it('tries again with growing waits, up to the longest', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 9; i++) {
      expect(queue.plan(nowMs).attempts).toHaveLength(1);
      queue.report(message('a'), down, nowMs);
      const { wakeUpMs } = queue.plan(nowMs);
      waits.push((wakeUpMs ?? 0) - nowMs);
      nowMs = wakeUpMs ?? 0;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
  });

  it('spreads retries by chance', () => {
    const policy = { firstMs: 1_000, maxMs: 60_000 };
    expect(nextRetryMs(policy, 3, null, 0)).toBe(2_000);
    expect(nextRetryMs(policy, 3, null, 0.5)).toBe(3_000);
    expect(nextRetryMs(policy, 3, 10_000, 0.5)).toBe(10_000);
    expect(nextRetryMs(policy, 500, null, 1)).toBe(60_000);
  });

  it('gives up at once what will not be taken', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    queue.plan(0);
    queue.report(message('a'), new DeliveryError('rejected', 'no'), 0);
    expect(ends(queue.plan(0).ended)).toEqual(['a abandoned rejected']);
  });

  it('gives up after a day', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    let nowMs = 0;
    let attempts = 0;
    let ended: string[] = [];
    while (ended.length === 0) {
      const plan = queue.plan(nowMs);
      ended = ends(plan.ended);
      attempts += plan.attempts.length;
      for (const { notification } of plan.attempts) queue.report(notification, down, nowMs);
      nowMs = queue.plan(nowMs).wakeUpMs ?? nowMs;
    }
    expect(ended).toEqual(['a abandoned expired']);
    expect(nowMs).toBeGreaterThanOrEqual(24 * HOUR);
    expect(attempts).toBeGreaterThan(1_400);
  });

  it('puts the newest message of a group in the place of one that waits', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    queue.plan(0);
    queue.report(message('a'), down, 0);
    queue.add(message('b'), 100);
    const plan = queue.plan(100);
    expect(ids(plan.attempts)).toEqual(['b#1']);
    expect(ends(plan.ended)).toEqual(['a abandoned -']);
  });

  it('sends messages of one group one after the other', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    queue.plan(0);
    queue.add(message('b'), 10);
    expect(queue.plan(10).attempts).toEqual([]);
    queue.report(message('a'), null, 20);
    expect(ids(queue.plan(20).attempts)).toEqual(['b#1']);
  });

  it('does not try again what has been replaced meanwhile', () => {
    const queue = createQueue();
    queue.add(message('a'), 0);
    queue.plan(0);
    queue.add(message('b'), 10);
    queue.report(message('a'), down, 20);
    const plan = queue.plan(20);
    expect(ids(plan.attempts)).toEqual(['b#1']);
    expect(ends(plan.ended)).toEqual(['a abandoned -']);
  });

  it('stops a message that is withdrawn, but cannot call back one on the wire', () => {
    const queue = createQueue();
    queue.add(message('a', 'g1'), 0);
    queue.plan(0);
    queue.add(message('b', 'g2'), 0);
    queue.withdraw('a');
    queue.withdraw('b');
    expect(ends(queue.plan(0).ended)).toEqual(['b abandoned -']);
    queue.report(message('a', 'g1'), down, 5);
    expect(ends(queue.plan(5).ended)).toEqual(['a abandoned -']);
    expect(queue.size).toBe(0);
  });

  it('keeps a slow receiver from holding up another', () => {
    const queue = createQueue();
    for (let i = 0; i < 10; i++) queue.add(message(`slow${i}`, `g${i}`, 'slow'), 0);
    queue.add(message('fast', 'g', 'fast'), 0);
    expect(ids(queue.plan(0).attempts)).toEqual(['slow0#1', 'slow1#1', 'fast#1']);
    expect(queue.inFlightCount).toBe(3);
  });

  it('leaves a receiver alone for as long as it asks, with all its messages', () => {
    const queue = createQueue();
    queue.add(message('a', 'g1'), 0);
    queue.plan(0);
    const slowDown = new DeliveryError('rate_limited', 'slow down', { retryAfterMs: 30_000 });
    queue.report(message('a', 'g1'), slowDown, 0);
    queue.add(message('b', 'g2'), 10);
    queue.add(message('c', 'g', 'other'), 10);
    expect(ids(queue.plan(10).attempts)).toEqual(['c#1']);
    expect(queue.plan(10).wakeUpMs).toBe(30_000);
    expect(ids(queue.plan(30_000).attempts)).toEqual(['b#1', 'a#2']);
  });

  it('has one current message per group after a receiver was down for an hour', () => {
    const queue = createQueue();
    const delivered: string[] = [];
    let nowMs = 0;
    for (let minute = 0; minute <= 70; minute++) {
      if (minute % 5 === 0 && minute <= 60) queue.add(message(`m${minute}`), nowMs);
      for (const { notification } of queue.plan(nowMs).attempts) {
        queue.report(notification, minute < 60 ? down : null, nowMs);
        if (minute >= 60) delivered.push(notification.id);
      }
      nowMs += 60_000;
    }
    expect(delivered).toEqual(['m60']);
  });
});
