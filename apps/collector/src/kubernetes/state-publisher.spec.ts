import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ObjectCache, type ObjectOf, RESOURCES } from '#libs/kube';
import type { Urgency } from '../outputs/metric-sink.ts';
import { ALL_OBJECTS } from './resource-hub.ts';
import { StatePublisher } from './state-publisher.ts';

const INTERVAL_MS = 1_000;

let cache: ObjectCache<ObjectOf<'pods'>>;
let publisher: StatePublisher;
/** What was told of the pod's readiness, and how urgently. */
let told: (readonly [isReady: boolean, urgency: Urgency])[];

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000_000 });
  cache = new ObjectCache({ maxObjects: 10 });
  told = [];
  const requests = { list: { success: 1, error: 0 }, watch: { success: 1, error: 0 } };
  const lease = { cache, requests, release: () => Promise.resolve() };
  publisher = new StatePublisher({
    part: 'node',
    job: 'kube-state-metrics',
    instance: 'n1',
    intervalMs: INTERVAL_MS,
    maxSeries: 1_000,
    allowedLabels: new Map(),
    allowedAnnotations: new Map(),
    hasOptIn: false,
    sources: [{ resource: 'pods', selection: ALL_OBJECTS }],
    hub: { acquire: () => lease as never },
    sink: {
      push: ({ labels, values, firstSample }, urgency = 'in-turn') => {
        const i = labels.findIndex(
          (each) => each.metricName === 'kube_pod_status_ready' && each.get('condition') === 'true',
        );
        if (i >= 0) told.push([values[firstSample[i]!] === 1, urgency]);
      },
    },
    metrics: { state: () => {} },
  });
  publisher.start();
});

afterEach(async () => {
  await publisher.stop(true);
  jest.useRealTimers();
});

function put(isReady: boolean): void {
  const pod = RESOURCES.pods.decode({
    metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  });
  cache.put(pod);
}

describe('StatePublisher', () => {
  it('tells of a change soon, and of everything in turn', () => {
    put(true);
    jest.advanceTimersByTime(100);
    expect(told).toEqual([[true, 'soon']]);
    jest.advanceTimersByTime(INTERVAL_MS);
    expect(told.slice(1)).toEqual([[true, 'in-turn']]);
  });

  it('tells soon of a change that goes along with everything', () => {
    put(true);
    jest.advanceTimersByTime(INTERVAL_MS - 1);
    put(false);
    jest.advanceTimersByTime(1);
    expect(told.slice(1)).toEqual([[false, 'soon']]);
    jest.advanceTimersByTime(100);
    expect(told.slice(2)).toEqual([]);
  });
});
