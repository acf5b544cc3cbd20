import { describe, expect, it } from '@jest/globals';
import type { Notification } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { EvidenceCollector, type EvidenceCollectorOptions } from './evidence-collector.ts';
import type { Evidence } from './store-evidence.ts';

const labels = Labels.fromRecord({ alertname: 'A' });
const NOTIFICATION: Notification = {
  id: 'n1',
  integration: { receiver: 'r', kind: 'webhook', index: 0 },
  groupKey: '{}:{}',
  groupLabels: Labels.EMPTY,
  reason: 'first notification',
  status: 'firing',
  alerts: [
    {
      status: 'firing',
      labels,
      annotations: Labels.fromRecord({ value: 'mine' }),
      startsAtMs: 0,
      endsAtMs: null,
      generatorUrl: '',
      fingerprint: labels.fingerprint,
    },
  ],
  createdAtMs: 0,
};
const FOUND: Evidence = {
  annotations: new Map([[labels.fingerprint, { value: '7', last_termination: 'OOMKilled' }]]),
  chart: { png: new Uint8Array([1]), description: 'd' },
};

function collector(options: Partial<EvidenceCollectorOptions>) {
  const gaps: string[] = [];
  let gathered = 0;
  const { gather = async () => FOUND, ...rest } = options;
  const made = new EvidenceCollector({
    isDefault: true,
    onGap: (gap) => gaps.push(gap),
    nowMs: () => 0,
    ...rest,
    gather: (...args) => {
      gathered++;
      return gather(...args);
    },
  });
  return { made, gaps, count: () => gathered };
}

describe('EvidenceCollector', () => {
  it('adds annotations that are not there yet, and the chart, looking once for all receivers', async () => {
    const { made, count } = collector({});
    const { notification, chart } = await made.add(NOTIFICATION);
    expect(notification.alerts[0]!.annotations.toRecord()).toEqual({
      value: 'mine',
      last_termination: 'OOMKilled',
    });
    expect(chart).toBe(FOUND.chart);
    await made.add({ ...NOTIFICATION, id: 'n2' });
    expect(count()).toBe(1);
  });

  it('does what the label of the route says, and else what is configured', async () => {
    const on = { ...NOTIFICATION, routeLabels: new Map([['binnacle_evidence', 'true']]) };
    const off = { ...NOTIFICATION, routeLabels: new Map([['binnacle_evidence', 'false']]) };
    const wanted = collector({ isDefault: true }).made;
    const unwanted = collector({ isDefault: false }).made;
    expect((await wanted.add(off)).chart).toBeNull();
    expect((await unwanted.add(NOTIFICATION)).chart).toBeNull();
    expect((await unwanted.add(on)).chart).not.toBeNull();
  });

  it('lets a message go without it after a failure, and after the time given', async () => {
    const broken = collector({ gather: () => Promise.reject(new Error('no store')) });
    expect(await broken.made.add(NOTIFICATION)).toEqual({
      notification: NOTIFICATION,
      chart: null,
    });
    expect(broken.gaps).toEqual(['error']);
    let aborted = false;
    const slow = collector({
      timeoutMs: 5,
      gather: (_, _now, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted = true;
          });
        }),
    });
    expect(await slow.made.add(NOTIFICATION)).toEqual({ notification: NOTIFICATION, chart: null });
    expect([slow.gaps, aborted]).toEqual([['timeout'], true]);
  });

  it('does not make messages wait for one another', async () => {
    const { made, gaps } = collector({ timeoutMs: 50, gather: () => new Promise(() => {}) });
    const waiting = [1, 2, 3, 4].map((createdAtMs) => made.add({ ...NOTIFICATION, createdAtMs }));
    expect((await made.add(NOTIFICATION)).chart).toBeNull();
    expect(gaps).toEqual(['busy']);
    await Promise.all(waiting);
  });
});
