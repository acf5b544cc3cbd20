import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KubeObjectError, summaryExposition } from '../index.ts';

const lines = (summary: unknown): string[] =>
  summaryExposition(Buffer.from(JSON.stringify(summary)))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const POD = {
  podRef: { name: 'web-0', namespace: 'shop', uid: 'u' },
  containers: [{ name: 'main', rootfs: { usedBytes: 4_096 }, logs: { usedBytes: 10, inodes: 2 } }],
  'ephemeral-storage': { usedBytes: 4_106, capacityBytes: 1_073_741_824 },
};

describe('the summary of a kubelet', () => {
  it('becomes the disks of the node, its pods and their containers', () => {
    const node = { fs: { availableBytes: 5 }, runtime: { imageFs: { inodesFree: 7 } } };
    expect(lines({ node, pods: [POD] })).toEqual([
      'kube_summary_node_fs_available_bytes 5',
      'kube_summary_node_runtime_imagefs_inodes_free 7',
      'kube_summary_pod_ephemeral_storage_capacity_bytes{namespace="shop",pod="web-0"} 1.073741824e+09',
      'kube_summary_pod_ephemeral_storage_used_bytes{namespace="shop",pod="web-0"} 4106',
      'kube_summary_container_rootfs_used_bytes{container="main",name="main",namespace="shop",pod="web-0"} 4096',
      'kube_summary_container_logs_used_bytes{container="main",name="main",namespace="shop",pod="web-0"} 10',
      'kube_summary_container_logs_inodes{container="main",name="main",namespace="shop",pod="web-0"} 2',
    ]);
  });

  it('tells of volumes that are no claims, since those are in the metrics', () => {
    const volume = [
      { name: 'scratch', usedBytes: 1 },
      { name: 'data', usedBytes: 2, pvcRef: { name: 'data-web-0', namespace: 'shop' } },
    ];
    expect(lines({ pods: [{ podRef: POD.podRef, volume }] })).toEqual([
      'kube_summary_pod_volume_used_bytes{namespace="shop",pod="web-0",volume="scratch"} 1',
    ]);
  });

  it.each([
    ['no JSON', 'not json', /expected JSON/],
    ['a list', '[]', /expected an object/],
    [
      'a size in words',
      '{"node":{"fs":{"usedBytes":"much"}}}',
      /node\.fs\.usedBytes: expected a whole number/,
    ],
  ])('is refused where it is %s', (_what, body, message) => {
    expect(() => summaryExposition(Buffer.from(body))).toThrow(message);
  });

  it('throws its own error or answers, for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const body of [value, { node: value, pods: [value] }]) {
          expect(complaint(Buffer.from(JSON.stringify(body)))).toBeNull();
        }
      }),
    );
  });
});

/** What is thrown apart from the error that is meant for it. */
function complaint(body: Buffer): unknown {
  try {
    summaryExposition(body);
    return null;
  } catch (error) {
    return error instanceof KubeObjectError ? null : error;
  }
}
