import { describe, expect, it } from '@jest/globals';
import type { Notification, NotifiedAlert } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { MemorySeriesSource, QueryEngine } from '#libs/promql';
import { StoreEvidence } from './store-evidence.ts';

const NOW_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const POD = { namespace: 'shop', pod: 'api-1' };
const LINK = 'http://me/graph?g0.expr=memory+%3E+5&g0.tab=1';

function engineWith(samples: readonly (readonly [Record<string, string>, number])[]): QueryEngine {
  const source = new MemorySeriesSource();
  for (const [labels, value] of samples) {
    for (let i = 60; i >= 0; i--) {
      source.add(Labels.fromRecord(labels), NOW_MS - i * MINUTE_MS, { kind: 'float', value });
    }
  }
  return new QueryEngine({
    nowMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    source,
    timeoutMs: 10_000,
    maxSamples: 1_000_000,
    lookbackMs: 5 * MINUTE_MS,
  });
}

function alertOf(labels: Record<string, string>, generatorUrl = LINK): NotifiedAlert {
  const all = Labels.fromRecord({ alertname: 'A', severity: 'critical', ...labels });
  return {
    status: 'firing',
    labels: all,
    annotations: Labels.EMPTY,
    startsAtMs: NOW_MS - MINUTE_MS,
    endsAtMs: null,
    generatorUrl,
    fingerprint: all.fingerprint,
  };
}

async function gather(engine: QueryEngine, alerts: readonly NotifiedAlert[]) {
  const notification: Notification = {
    id: 'n',
    integration: { receiver: 'r', kind: 'email', index: 0 },
    groupKey: '',
    groupLabels: Labels.EMPTY,
    reason: 'first notification',
    status: 'firing',
    alerts,
    createdAtMs: NOW_MS,
  };
  const { signal } = new AbortController();
  const limits = { timeoutMs: 10_000, maxSamples: 100_000, signal };
  const found = await new StoreEvidence(engine, 'http://me').gather(notification, NOW_MS, limits);
  return {
    chart: found.chart,
    annotations: alerts.map(({ fingerprint }) => found.annotations.get(fingerprint)),
  };
}

describe('StoreEvidence', () => {
  it('finds the values an alert is about, its threshold, and why the container ended', async () => {
    const engine = engineWith([
      [{ __name__: 'memory', ...POD, container: 'api' }, 7.123_456],
      [{ __name__: 'memory', ...POD, container: 'other' }, 3],
      [reasonOf('api', 'OOMKilled'), 1],
      [reasonOf('other', 'Error'), 1],
    ]);
    const { annotations, chart } = await gather(engine, [alertOf({ ...POD, container: 'api' })]);
    expect(annotations).toEqual([
      { value: '7.123', threshold: '> 5', last_termination: 'OOMKilled' },
    ]);
    expect(chart!.description).toBe('The values of the last 60 minutes; dashed: > 5');
  });

  it('names the containers of a pod', async () => {
    const engine = engineWith([
      [reasonOf('api', 'OOMKilled'), 1],
      [reasonOf('proxy', 'Error'), 1],
    ]);
    const { annotations } = await gather(engine, [alertOf(POD, '')]);
    expect(annotations[0]!['last_termination']!.split(', ').toSorted()).toEqual([
      'api: OOMKilled',
      'proxy: Error',
    ]);
  });

  it('has nothing to say of alerts from elsewhere, or without data', async () => {
    const engine = engineWith([[{ __name__: 'memory' }, 7]]);
    const elsewhere = alertOf({}, LINK.replace('me', 'you'));
    expect(await gather(engine, [elsewhere])).toEqual({ chart: null, annotations: [undefined] });
    expect((await gather(engineWith([]), [alertOf({ pod: 'a"b' })])).chart).toBeNull();
  });

  it('measures each of several alerts of a rule', async () => {
    const engine = engineWith([
      [{ __name__: 'memory', pod: 'a' }, 6],
      [{ __name__: 'memory', pod: 'b' }, 8],
    ]);
    const { annotations } = await gather(engine, [alertOf({ pod: 'b' }), alertOf({ pod: 'a' })]);
    expect(annotations).toEqual([
      { value: '8', threshold: '> 5' },
      { value: '6', threshold: '> 5' },
    ]);
  });
});

function reasonOf(container: string, reason: string): Record<string, string> {
  const name = 'kube_pod_container_status_last_terminated_reason';
  return { __name__: name, ...POD, container, reason };
}
