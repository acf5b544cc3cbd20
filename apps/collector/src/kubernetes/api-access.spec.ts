import { describe, expect, it } from '@jest/globals';
import { apiAccessOf } from './api-access.ts';
import { kubernetesConfigSchema } from './kubernetes-config.ts';

function asked(config: unknown): string[] {
  return apiAccessOf(kubernetesConfigSchema.parse(config)).map(
    ({ apiGroup, resource, verbs, resourceName = '' }) =>
      `${verbs.join()} ${apiGroup}/${resource} ${resourceName}`.trimEnd(),
  );
}

const KUBELET = ['get /nodes/metrics', 'get /nodes/stats'];

describe('what a collector asks of the API server', () => {
  it('follows from what it tells of the cluster, and from the lease', () => {
    const state = { resources: ['pods', 'deployments'] };
    expect(asked({ state, lease: { name: 'one' } })).toEqual([
      ...KUBELET,
      'list,watch /pods',
      'list,watch apps/deployments',
      'create coordination.k8s.io/leases',
      'get,update coordination.k8s.io/leases one',
    ]);
  });

  it('is the kubelet alone where the cluster is not told of, and nothing where Kubernetes is not', () => {
    expect(asked({ state: { enabled: false } })).toEqual(KUBELET);
    expect(asked({ enabled: false })).toEqual([]);
  });
});
