import { describe, expect, it } from '@jest/globals';
import {
  type LogSource,
  logSourceOf,
  type PodMetadata,
  RecordBatch,
  SourceCounts,
} from './index.ts';

const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const PATH = `/var/log/pods/shop_web-1_${UID}/app/0.log`;
const NONE = { labels: [], annotations: [] };
const POD: PodMetadata = {
  namespace: 'shop',
  name: 'web-1',
  uid: UID,
  node: 'n1',
  workload: 'web',
  workloadKind: 'Deployment',
  labels: new Map([
    ['app', 'web'],
    ['__proto__', 'x'],
    ['long', 'y'.repeat(2_000)],
  ]),
  annotations: new Map([['team', 'checkout']]),
};

describe('what the records of a file have in common', () => {
  it('is what the path tells, where the pod is not known', () => {
    expect(logSourceOf(PATH, null, { team: 'x' }, NONE).attributes).toEqual({
      team: 'x',
      namespace: 'shop',
      pod: 'web-1',
      container: 'app',
      pod_uid: UID,
      file: PATH,
    });
    expect(logSourceOf('/var/log/app.log', null, {}, NONE).attributes).toEqual({
      file: '/var/log/app.log',
    });
  });

  it('is the pod’s names, its workload, and the labels and annotations that were asked for', () => {
    const fields = { labels: ['app', 'missing'], annotations: ['team'] };
    expect(logSourceOf(PATH, POD, {}, fields)).toMatchObject({
      identity: { namespace: 'shop', pod: 'web-1', container: 'app', workload: 'web' },
      attributes: {
        node: 'n1',
        workload: 'web',
        workload_kind: 'Deployment',
        labels: { app: 'web' },
        annotations: { team: 'checkout' },
      },
    });
  });

  it('can be all labels, whatever their names, but for values that are no names', () => {
    const { attributes } = logSourceOf(PATH, POD, {}, { labels: ['*'], annotations: [] });
    const labels = attributes['labels'] as Record<string, string>;
    expect(Object.entries(labels)).toEqual([
      ['app', 'web'],
      ['__proto__', 'x'],
    ]);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
  });

  it('is not replaced by a label of the group', () => {
    const { attributes } = logSourceOf(PATH, POD, { namespace: 'kube-system' }, NONE);
    expect(attributes['namespace']).toBe('shop');
  });
});

function recordsOf(...texts: string[]): RecordBatch {
  const records = new RecordBatch(Buffer.from(texts.join('')), texts.length);
  let at = 0;
  for (const text of texts) {
    const row = records.reserve();
    records.starts[row] = at;
    at += text.length;
    records.ends[row] = at;
    records.levels[row] = text.startsWith('E') ? 4 : 2;
  }
  return records;
}
function sourceOf(pod: string): LogSource {
  return logSourceOf(`/pods/shop_${pod}_${UID}/app/0.log`, null, {}, NONE);
}

function podsOf(counts: SourceCounts, nowMs: number): string[] {
  return counts.list(nowMs).map(({ identity }) => identity.pod);
}

describe('counts by container', () => {
  it('go on where a file of the same container follows', () => {
    const counts = new SourceCounts();
    const [first, second] = [sourceOf('web-1'), sourceOf('web-1')];
    counts.add(first, recordsOf('Ea', 'i'), 0);
    counts.close(first, 0);
    counts.add(second, recordsOf('Ebc'), 0);
    expect(counts.list(0)).toEqual([
      {
        identity: { namespace: 'shop', pod: 'web-1', container: 'app', workload: '' },
        counts: [
          { level: 'info', stream: '', lines: 1, bytes: 1 },
          { level: 'error', stream: '', lines: 2, bytes: 5 },
        ],
      },
    ]);
  });

  it('are dropped a while after the container’s files are gone, not before', () => {
    const counts = new SourceCounts({ keepMs: 1_000 });
    const [gone, there] = [sourceOf('web-1'), sourceOf('web-2')];
    counts.add(gone, recordsOf('a'), 0);
    counts.add(there, recordsOf('a'), 0);
    counts.close(gone, 500);
    expect(podsOf(counts, 1_499)).toEqual(['web-1', 'web-2']);
    expect(podsOf(counts, 1_500)).toEqual(['web-2']);
  });

  it('of too many containers are one', () => {
    const counts = new SourceCounts({ maxSources: 2 });
    for (const pod of ['a', 'b', 'c', 'd']) counts.add(sourceOf(pod), recordsOf('a'), 0);
    expect(podsOf(counts, 0)).toEqual(['', 'a', 'b']);
    expect(counts.list(0)[0]!.counts[0]!.lines).toBe(2);
  });
});
