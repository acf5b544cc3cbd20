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

function running(ip: string): object {
  return { podIPs: [{ ip }], phase: 'Running' };
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
    const at = (address: string) =>
      directory.findSender({ address, podUid: '', isForwarder: false }).pod;
    const here = { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], phase: 'Running' };
    cache.put(podOf('u1', {}, here));
    expect(at('10.0.0.1')).toMatchObject({ uid: 'u1' });
    expect(at('fd00::1')).toMatchObject({ uid: 'u1' });
    expect(at('10.0.0.2')).toBeNull();
    cache.put(podOf('u1', {}, { ...here, phase: 'Succeeded' }));
    expect(at('10.0.0.1')).toBeNull();
    const other = podOf('u2', { name: 'web-2' }, here);
    cache.put(other);
    expect(at('10.0.0.1')).toMatchObject({ uid: 'u2' });
    cache.delete(other);
    expect(at('10.0.0.1')).toBeNull();
    expect(directory.find(pathOf({ podUid: 'u2' }))).toMatchObject({ name: 'web-2' });
  });

  it.each([
    ['a pod by its address', '10.0.0.1', '', false, 'u1', false],
    ['a pod that names itself', '10.0.0.1', 'u1', false, 'u1', false],
    ['a pod that names another', '10.0.0.1', 'u2', false, 'u1', true],
    ['a pod that names one that is not known', '10.0.0.1', 'u9', false, 'u1', true],
    ['a pod that names one without an address', '10.0.0.1', 'host', false, 'u1', true],
    ['somebody else who names a pod', '10.9.9.9', 'u1', false, null, true],
    ['somebody else who names a pod that was here', '10.9.9.9', 'gone', false, null, true],
    ['somebody else who names one that is not known', '10.9.9.9', 'u9', false, null, false],
    ['somebody who names nobody', '10.9.9.9', '', false, null, false],
    ['a pod in the network of its node', '10.1.0.1', 'host', false, 'host', false],
    ['a pod that has no address yet', '10.0.0.7', 'young', false, 'young', false],
    ['a forwarder for another pod', '10.0.0.1', 'u2', true, 'u2', false],
    ['a forwarder for a pod of another node', '10.0.0.1', 'u9', true, null, false],
    ['a forwarder for itself', '10.0.0.1', '', true, 'u1', false],
  ])('takes %s for whom it may be', (_who, address, podUid, isForwarder, uid, isContradicted) => {
    const { cache, directory } = directoryOf();
    cache.put(podOf('u1', { name: 'one' }, running('10.0.0.1')));
    cache.put(podOf('u2', { name: 'two' }, running('10.0.0.2')));
    cache.put(podOf('gone', { name: 'gone' }, { ...running('10.0.0.3'), phase: 'Succeeded' }));
    cache.put(podOf('young', { name: 'young' }, { phase: 'Pending' }));
    const atHost = podOf('host', { name: 'host' }, running('10.1.0.1'));
    cache.put({ ...atHost, spec: { ...atHost.spec, hostNetwork: true } });
    const { pod, ...rest } = directory.findSender({ address, podUid, isForwarder });
    expect({ uid: pod?.uid ?? null, ...rest }).toEqual({ uid, isContradicted });
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
