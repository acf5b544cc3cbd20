import { describe, expect, it } from '@jest/globals';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import { EventCounters, EventLedger, type KubeEvent, RESOURCES } from '../index.ts';

const NOON = Date.UTC(2026, 2, 1, 12);
const at = (seconds: number): string => new Date(NOON + seconds * 1_000).toISOString();

/** An event as the kubelet writes it, `count` times between two moments in seconds after noon. */
function kubeEvent(
  uid: string,
  count: number,
  [first, last]: readonly [number, number],
  more: Readonly<Record<string, unknown>> = {},
): KubeEvent {
  return RESOURCES.events.decode({
    metadata: { name: uid, namespace: 'shop', uid, creationTimestamp: at(first) },
    involvedObject: { kind: 'Pod', namespace: 'shop', name: 'web' },
    reason: 'Unhealthy',
    type: 'Warning',
    count,
    firstTimestamp: at(first),
    lastTimestamp: at(last),
    ...more,
  });
}

/** A ledger and what it tells: `uid x times`. */
function ledgerSince(seconds: number, maxEvents = 100) {
  const told: string[] = [];
  const ledger = new EventLedger({
    sinceMs: NOON + seconds * 1_000,
    maxEvents,
    happened: ({ metadata }, times) => told.push(`${metadata.uid} x ${times}`),
  });
  const listAt = (version: string, ...events: readonly KubeEvent[]): void => {
    ledger.beginList(version);
    for (const one of events) ledger.put(one);
    ledger.endList();
  };
  const list = (...events: readonly KubeEvent[]): void => listAt('', ...events);
  return { ledger, list, listAt, told };
}

/** What an event has instead that was written through the newer API. */
const series = (count: number) => ({
  count: undefined,
  firstTimestamp: null,
  lastTimestamp: null,
  eventTime: at(1),
  series: { count, lastObservedTime: at(count) },
});

describe('the ledger of events', () => {
  it('counts each repetition once', () => {
    const { ledger, list, told } = ledgerSince(0);
    list();
    ledger.put(kubeEvent('a', 1, [1, 1]));
    ledger.put(kubeEvent('a', 2, [1, 5]));
    ledger.put(kubeEvent('a', 2, [1, 5]));
    ledger.put(kubeEvent('a', 7, [1, 9]));
    expect(told).toEqual(['a x 1', 'a x 1', 'a x 5']);
  });

  it('counts by the series where the event has one', () => {
    const { ledger, list, told } = ledgerSince(0);
    list();
    ledger.put(kubeEvent('a', 0, [1, 1], { ...series(2), series: undefined }));
    ledger.put(kubeEvent('a', 0, [1, 1], series(2)));
    ledger.put(kubeEvent('a', 0, [1, 1], series(4)));
    expect(told).toEqual(['a x 1', 'a x 1', 'a x 2']);
  });

  it('takes of its first list what has happened since somebody else has counted', () => {
    const { list, told } = ledgerSince(10);
    list(
      kubeEvent('before', 9, [1, 10]),
      kubeEvent('goes-on', 9, [1, 11]),
      kubeEvent('new', 3, [11, 12]),
    );
    expect(told).toEqual(['goes-on x 1', 'new x 3']);
  });

  it('knows what there was where somebody else has stopped, whatever clocks say', () => {
    const { ledger, listAt, told } = ledgerSince(10);
    listAt('7', kubeEvent('late', 9, [50, 60]), kubeEvent('early', 2, [1, 1]));
    expect(told).toEqual([]);
    ledger.put(kubeEvent('late', 11, [50, 61]));
    ledger.put(kubeEvent('early', 3, [1, 2]));
    ledger.put(kubeEvent('old-clock', 4, [-90, -60]));
    expect(told).toEqual(['late x 2', 'early x 1', 'old-clock x 4']);
  });

  it('goes by time again where such a list breaks off and cannot be had', () => {
    const { ledger, list, told } = ledgerSince(10);
    ledger.beginList('7');
    ledger.put(kubeEvent('listed', 9, [50, 60]));
    list(
      kubeEvent('listed', 10, [50, 61]),
      kubeEvent('new', 3, [11, 12]),
      kubeEvent('old', 1, [1, 1]),
    );
    expect(told).toEqual(['listed x 1', 'new x 3']);
  });

  it('knows everything of its first list where nothing says who has counted', () => {
    const { ledger, list, told } = ledgerSince(Number.NaN);
    list(kubeEvent('a', 9, [1, 10]));
    ledger.put(kubeEvent('a', 10, [1, 20]));
    ledger.put(kubeEvent('b', 2, [0, 0]));
    expect(told).toEqual(['a x 1', 'b x 2']);
  });

  it('counts nothing again when a list is made again', () => {
    const { ledger, list, told } = ledgerSince(0);
    list();
    ledger.put(kubeEvent('a', 3, [1, 2]));
    ledger.put(kubeEvent('b', 1, [1, 2]));
    list(kubeEvent('a', 4, [1, 3]), kubeEvent('c', 2, [3, 3]));
    expect(told).toEqual(['a x 3', 'b x 1', 'a x 1', 'c x 2']);
    // What the list did not name is over.
    expect(ledger.size).toBe(2);
    ledger.delete(kubeEvent('a', 4, [1, 3]));
    expect(ledger.size).toBe(1);
  });

  it('remembers so many and no more', () => {
    const { ledger, list, told } = ledgerSince(0, 2);
    list();
    for (const uid of ['a', 'b', 'a', 'c', 'b']) ledger.put(kubeEvent(uid, 5, [1, 1]));
    expect([ledger.size, ledger.dropped]).toEqual([2, 2]);
    // b was forgotten for c: that it is not new nobody knows any more.
    expect(told).toEqual(['a x 5', 'b x 5', 'c x 5', 'b x 1']);
  });
});

function samples(batch: SampleBatch): string[] {
  return batch.labels.flatMap((labels, row) => {
    const own: string[] = [];
    for (let i = batch.firstSample[row]!; i < batch.firstSample[row + 1]!; i++) {
      const value = isStaleMarker(batch.values, i) ? 'stale' : batch.values[i];
      const names = ['namespace', 'kind', 'reason', 'type'].map((name) => labels.get(name));
      own.push(`${names.join('/')} ${batch.timesMs[i]} ${value}`);
    }
    return own;
  });
}

const counters = (maxSeries = 10) =>
  new EventCounters({ commonLabels: { job: 'j', instance: 'i' }, maxSeries });

describe('the counters of events', () => {
  it('begin with 0, and tell changes and everything', () => {
    const own = counters();
    own.add(kubeEvent('a', 1, [0, 0]), 2);
    expect(samples(own.takeChanges(1_000))).toEqual([
      'shop/Pod/Unhealthy/Warning 999 0',
      'shop/Pod/Unhealthy/Warning 1000 2',
    ]);
    expect(samples(own.takeChanges(1_000))).toEqual([]);
    own.add(kubeEvent('b', 1, [0, 0]), 1);
    // Never two samples at one time.
    expect(samples(own.takeAll(1_000))).toEqual(['shop/Pod/Unhealthy/Warning 1002 3']);
    expect(samples(own.end(2_000))).toEqual(['shop/Pod/Unhealthy/Warning 2000 stale']);
  });

  it('are so many and no more, whatever anybody writes into events', () => {
    const own = counters(2);
    for (let i = 0; i < 5; i++) {
      own.add(kubeEvent('a', 1, [0, 0], { reason: `R${i}`.repeat(1_000) }), 1);
    }
    const told = samples(own.takeAll(1_000)).filter((line) => !line.endsWith(' 0'));
    expect(told.map((line) => line.replaceAll(/(R\d)+/g, '$1'))).toEqual([
      'shop/Pod/R0/Warning 1000 1',
      'shop/Pod/R1/Warning 1000 1',
      '//other/Warning 1000 3',
    ]);
    expect(own.overflow).toBe(3);
  });
});
