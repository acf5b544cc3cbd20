import { describe, expect, it } from '@jest/globals';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import { RESOURCES } from '../resources.ts';
import { ClusterState } from './cluster-state.ts';

function newState(maxSeries = 10_000): ClusterState {
  return new ClusterState({
    commonLabels: [['job', 'kube-state-metrics']],
    allowedLabels: new Map(),
    allowedAnnotations: new Map(),
    hasOptIn: false,
    maxSeries,
  });
}

const pod = (ready: 'True' | 'False', more: object = {}) =>
  RESOURCES.pods.decode({
    metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready }], ...more },
  });

/** Samples as `name label…: value`, stale markers as `stale`. */
function samples(batch: SampleBatch): Record<string, number | 'stale'> {
  return Object.fromEntries(
    batch.labels.map((labels, i) => {
      const at = batch.firstSample[i]!;
      const value = isStaleMarker(batch.values, at) ? 'stale' : batch.values[at]!;
      const shown = ['condition', 'reason', 'phase'].map((name) => labels.get(name)).join('');
      return [`${labels.metricName}${shown === '' ? '' : ` ${shown}`}`, value];
    }),
  );
}

describe('ClusterState', () => {
  it('tells a new object whole, and of a change only what changed', () => {
    const state = newState();
    state.put('pods', 'shop/web', pod('True'));
    expect(samples(state.takeChanges(1))).toMatchObject({
      'kube_pod_status_ready true': 1,
      'kube_pod_status_ready false': 0,
      'kube_pod_status_phase Running': 1,
    });
    state.put('pods', 'shop/web', pod('False'));
    expect(samples(state.takeChanges(2))).toEqual({
      'kube_pod_status_ready true': 0,
      'kube_pod_status_ready false': 1,
    });
    expect(state.hasChanges).toBe(false);
  });

  it('ends series that an object has no more', () => {
    const state = newState();
    state.put('pods', 'shop/web', pod('True', { reason: 'Evicted' }));
    state.takeChanges(1);
    state.put('pods', 'shop/web', pod('True', { reason: 'NodeLost' }));
    expect(samples(state.takeChanges(2))).toEqual({
      'kube_pod_status_reason Evicted': 'stale',
      'kube_pod_status_reason NodeLost': 1,
    });
  });

  it('ends every series of an object that is gone, once', () => {
    const state = newState();
    state.put('pods', 'shop/web', pod('True'));
    const told = Object.keys(samples(state.takeAll(1)));
    state.remove('pods', 'shop/web');
    const ended = samples(state.takeAll(2));
    expect(Object.keys(ended).toSorted()).toEqual(told.toSorted());
    expect(new Set(Object.values(ended))).toEqual(new Set(['stale']));
    expect(state.takeAll(3).labels).toEqual([]);
    expect(state.seriesCount).toBe(0);
  });

  it('says nothing of what came and went between two batches', () => {
    const state = newState();
    state.put('pods', 'shop/web', pod('True'));
    state.remove('pods', 'shop/web');
    expect(state.takeChanges(1).labels).toEqual([]);
  });

  it('never gives a series two values for one time', () => {
    const state = newState();
    const times: number[] = [];
    for (const [nowMs, ready] of [
      [1_000, 'True'],
      [1_000, 'False'],
      [999, 'True'],
    ] as const) {
      state.put('pods', 'shop/web', pod(ready));
      times.push(state.takeChanges(nowMs).timesMs[0]!);
    }
    expect(times).toEqual([1_000, 1_001, 1_002]);
    state.put('pods', 'shop/web', pod('False'));
    // A clock set back by more than a minute was wrong before.
    expect(state.takeChanges(-100_000).timesMs[0]).toBe(-100_000);
  });

  it('leaves out objects beyond its bound, counts them and keeps the others', () => {
    const state = newState(60);
    for (let i = 0; i < 10; i++) state.put('pods', `shop/${i}`, pod('True'));
    expect(state.seriesCount).toBeLessThanOrEqual(60);
    expect(state.droppedObjects).toBe(10 - state.objectCount);
    expect(state.objectCount).toBeGreaterThan(0);
  });
});
