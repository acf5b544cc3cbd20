import { describe, expect, it } from '@jest/globals';
import type { KeyedChange, Notification } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { NotificationHistory, toHistoryEntry } from './notification-history.ts';
import type { KeyedStore } from './state-area.ts';

const NOW = 1_800_000_000_000;

class MemoryStore implements KeyedStore {
  readonly values = new Map<string, string>();
  isBroken = false;
  async load(): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.values].toReversed());
  }
  async apply(changes: readonly KeyedChange[]): Promise<void> {
    if (this.isBroken) throw new Error('disk full');
    for (const { key, value } of changes) {
      if (value === null) this.values.delete(key);
      else this.values.set(key, value);
    }
  }
}

let lost = 0;

function create(store: KeyedStore, maxEntries = 100): NotificationHistory {
  return new NotificationHistory({
    store,
    retentionMs: 1_000,
    maxEntries,
    onLost: (count) => (lost += count),
  });
}

function entry(receiver: string, atMs: number, isDelivered = true) {
  const notification: Notification = {
    id: `id-${atMs}`,
    integration: { receiver, kind: 'webhook', index: 0 },
    groupKey: '{}:{}',
    groupLabels: Labels.EMPTY,
    reason: 'first notification',
    status: 'firing',
    alerts: ['A', 'A', 'B'].map((alertname, i) => ({
      status: i === 2 ? 'resolved' : 'firing',
      labels: Labels.fromRecord({ alertname, i: String(i) }),
      annotations: Labels.EMPTY,
      startsAtMs: 0,
      endsAtMs: null,
      generatorUrl: '',
      fingerprint: String(i),
    })),
    createdAtMs: atMs - 10,
  };
  const outcome = isDelivered ? 'delivered' : 'abandoned';
  const error = isDelivered ? null : 'no';
  return toHistoryEntry(notification, {
    outcome,
    attempts: 2,
    error,
    isGivenUp: !isDelivered,
    atMs,
  });
}

const ALL = { receiver: null, outcome: null, sinceMs: 0, limit: 100 };

describe('NotificationHistory', () => {
  it('tells what was sent, the youngest first, over a restart', async () => {
    const store = new MemoryStore();
    const before = create(store);
    before.add(entry('a"b', NOW));
    before.add(entry('c', NOW + 1, false));
    before.add(entry('c', NOW + 1));
    await before.flush();
    const history = create(store);
    await history.restore();
    expect(history.query(ALL).map(({ receiver, outcome }) => `${receiver} ${outcome}`)).toEqual([
      'c delivered',
      'c failed',
      'a"b delivered',
    ]);
    expect(history.query({ ...ALL, receiver: 'a"b' })).toEqual([
      expect.objectContaining({
        firing: 2,
        resolved: 1,
        alertNames: ['A', 'B'],
        attempts: 2,
        createdAtMs: NOW - 10,
        endedAtMs: NOW,
        error: null,
      }),
    ]);
    expect(history.query({ ...ALL, outcome: 'failed' })).toMatchObject([{ error: 'no' }]);
    expect(history.query({ ...ALL, sinceMs: NOW + 1 })).toHaveLength(2);
    expect(history.query({ ...ALL, limit: 1 })).toHaveLength(1);
  });

  it('keeps no more than it may, and nothing that is too old, here and on disk', async () => {
    const store = new MemoryStore();
    const history = create(store, 2);
    for (let i = 0; i < 5; i++) history.add(entry('a', NOW + i));
    await history.flush();
    expect([history.size, store.values.size]).toEqual([2, 2]);
    history.add(entry('a', NOW + 5_000));
    await history.flush();
    expect([history.size, store.values.size]).toEqual([1, 1]);
  });

  it('counts what cannot be written, and goes on', async () => {
    const store = new MemoryStore();
    const history = create(store);
    store.isBroken = true;
    history.add(entry('a', NOW));
    await history.flush();
    expect(lost).toBe(1);
    store.isBroken = false;
    history.add(entry('a', NOW + 1));
    await history.flush();
    expect([history.size, store.values.size]).toEqual([2, 1]);
  });

  it('leaves out what it cannot read', async () => {
    const store = new MemoryStore();
    store.values.set('1', '{').set('2', '{"receiver":"a"}');
    const history = create(store);
    await history.restore();
    expect(history.query({ ...ALL, receiver: 'a' })).toEqual([]);
  });
});
