import { describe, expect, it } from '@jest/globals';
import { ObjectCache, type Pod, RESOURCES } from '#libs/kube';
import { PodDirectory, type PodLogPath, type Workload, workloadOf } from './index.ts';

const MINUTE = 60_000;
let version = 0;

function podOf(uid: string, metadata: object = {}, status: object = {}): Pod {
  return RESOURCES.pods.decode({
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid,
      resourceVersion: `${++version}`,
      ...metadata,
    },
    spec: { nodeName: 'n1' },
    status,
  });
}

function pathOf(some: Partial<PodLogPath>): PodLogPath {
  const none = { namespace: '', pod: '', podUid: '', container: '', containerId: '', restart: 0 };
  return { ...none, ...some };
}

function directoryOf(options: { keepMs?: number; maxDeleted?: number } = {}) {
  const clock = { nowMs: 0 };
  const cache = new ObjectCache<Pod>({ maxObjects: 100 });
  const directory = new PodDirectory({ keepMs: MINUTE, nowMs: () => clock.nowMs, ...options });
  cache.listen(directory);
  return { clock, cache, directory };
}

describe('a directory of pods', () => {
  it('finds the pod that has an address, for as long as it has it', () => {
    const { cache, directory } = directoryOf();
    const here = { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], phase: 'Running' };
    cache.put(podOf('u1', {}, here));
    expect(directory.findByAddress('10.0.0.1')).toMatchObject({ uid: 'u1' });
    expect(directory.findByAddress('fd00::1')).toMatchObject({ uid: 'u1' });
    expect(directory.findByAddress('10.0.0.2')).toBeNull();
    cache.put(podOf('u1', {}, { ...here, phase: 'Succeeded' }));
    expect(directory.findByAddress('10.0.0.1')).toBeNull();
    const other = podOf('u2', { name: 'web-2' }, here);
    cache.put(other);
    expect(directory.findByAddress('10.0.0.1')).toMatchObject({ uid: 'u2' });
    cache.delete(other);
    expect(directory.findByAddress('10.0.0.1')).toBeNull();
    expect(directory.findByUid('u2')).toMatchObject({ name: 'web-2' });
  });

  it('finds a pod by what the paths of log files have: UID, container, name', () => {
    const { cache, directory } = directoryOf();
    cache.put(podOf('u1', {}, { containerStatuses: [{ containerID: 'containerd://c0ffee' }] }));
    for (const path of [
      pathOf({ podUid: 'u1', namespace: 'shop', pod: 'web-1' }),
      pathOf({ containerId: 'c0ffee' }),
      pathOf({ namespace: 'shop', pod: 'web-1' }),
    ]) {
      expect(directory.find(path)).toMatchObject({ uid: 'u1', node: 'n1' });
    }
    expect(directory.find(pathOf({ podUid: 'u2', namespace: 'shop', pod: 'web-1' }))).toBeNull();
    expect(directory.find(pathOf({ containerId: 'other' }))).toBeNull();
    expect(directory.find(pathOf({}))).toBeNull();
  });

  it('finds a static pod by the hash of its configuration', () => {
    const { cache, directory } = directoryOf();
    cache.put(podOf('u1', { annotations: { 'kubernetes.io/config.hash': 'abc123' } }));
    expect(directory.find(pathOf({ podUid: 'abc123' }))).toMatchObject({ uid: 'u1' });
  });

  it('tells of a change by another object', () => {
    const { cache, directory } = directoryOf();
    cache.put(podOf('u1', { labels: { v: '1' } }));
    const before = directory.find(pathOf({ podUid: 'u1' }))!;
    expect(directory.find(pathOf({ podUid: 'u1' }))).toBe(before);
    cache.put(podOf('u1', { labels: { v: '2' } }));
    expect(directory.find(pathOf({ podUid: 'u1' }))!.labels.get('v')).toBe('2');
    expect(before.labels.get('v')).toBe('1');
  });

  it('remembers a deleted pod for a while, and tells it from one of the same name', () => {
    const { clock, cache, directory } = directoryOf();
    const old = podOf('u1');
    cache.put(old);
    cache.delete(old);
    cache.put(podOf('u2'));
    expect(directory.find(pathOf({ podUid: 'u1' }))).toMatchObject({ uid: 'u1' });
    expect(directory.find(pathOf({ namespace: 'shop', pod: 'web-1' }))).toMatchObject({
      uid: 'u2',
    });
    clock.nowMs = MINUTE;
    cache.put(podOf('u3', { name: 'web-2' }));
    expect(directory.find(pathOf({ podUid: 'u1' }))).toBeNull();
    expect(directory.find(pathOf({ podUid: 'u2' }))).toMatchObject({ uid: 'u2' });
    expect(directory.size).toBe(2);
  });

  it('remembers a bounded number of deleted pods, and no longer counts one as deleted that is back', () => {
    const { cache, directory } = directoryOf({ maxDeleted: 2 });
    const pods = ['u1', 'u2', 'u3', 'u4'].map((uid) => podOf(uid, { name: uid }));
    for (const pod of pods) cache.put(pod);
    cache.delete(pods[0]!);
    cache.put(podOf('u1', { name: 'u1' }));
    for (const pod of pods.slice(1)) cache.delete(pod);
    const known = ['u1', 'u2', 'u3', 'u4'].map(
      (uid) => directory.find(pathOf({ podUid: uid }))?.uid,
    );
    expect(known).toEqual(['u1', undefined, 'u3', 'u4']);
  });
});

function owned(kind: string, name: string, labels: object = {}): Workload {
  return workloadOf(podOf('u', { labels, ownerReferences: [{ kind, name, controller: true }] }));
}

describe('the workload of a pod', () => {
  it('is what a manifest names', () => {
    const hash = { 'pod-template-hash': '7d4b9c' };
    expect(owned('ReplicaSet', 'web-7d4b9c', hash)).toEqual({ name: 'web', kind: 'Deployment' });
    expect(owned('ReplicaSet', 'web', hash)).toEqual({ name: 'web', kind: 'ReplicaSet' });
    expect(owned('ReplicaSet', '-7d4b9c', hash)).toEqual({ name: '-7d4b9c', kind: 'ReplicaSet' });
    expect(owned('Job', 'backup-29480640')).toEqual({ name: 'backup', kind: 'CronJob' });
    expect(owned('Job', 'migrate-2')).toEqual({ name: 'migrate-2', kind: 'Job' });
    expect(owned('StatefulSet', 'db')).toEqual({ name: 'db', kind: 'StatefulSet' });
    expect(owned('Node', 'n1')).toEqual({ name: 'web-1', kind: 'Pod' });
    expect(workloadOf(podOf('u'))).toEqual({ name: 'web-1', kind: 'Pod' });
  });
});
