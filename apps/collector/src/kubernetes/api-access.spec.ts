import { describe, expect, it } from '@jest/globals';
import { resolveScrapeConfigs, type ScrapeConfig, scrapeConfigsSchema } from '#libs/discovery';
import { probesConfigSchema } from '../probes/probes-config.ts';
import { apiAccessOf, monitorAccessOf } from './api-access.ts';
import { kubernetesConfigSchema } from './kubernetes-config.ts';

function asked(config: unknown, discovery: ScrapeConfig['discovery'] | null = null): string[] {
  return apiAccessOf(kubernetesConfigSchema.parse(config), discovery).map(
    ({ apiGroup, resource, verbs, resourceName = '' }) =>
      `${verbs.join()} ${apiGroup}/${resource} ${resourceName}`.trimEnd(),
  );
}

function more(config: unknown): string[] {
  return monitorAccessOf(kubernetesConfigSchema.parse(config)).map(
    ({ apiGroup, resource }) => `${apiGroup}/${resource}`,
  );
}

const KUBELET = ['get /nodes/metrics', 'get /nodes/stats'];

function watchedFor(config: unknown, probes: unknown): string[] {
  const wanted = probesConfigSchema.parse(probes);
  return apiAccessOf(kubernetesConfigSchema.parse(config), [], false, wanted).map(
    ({ resource }) => resource,
  );
}

describe('what a collector asks of the API server', () => {
  it('follows from what it tells of the cluster, and from the lease', () => {
    const state = { resources: ['pods', 'deployments'] };
    expect(asked({ state, lease: { name: 'one' } })).toEqual([
      ...KUBELET,
      'list,watch /pods',
      'list,watch apps/deployments',
      'list,watch /events',
      'create coordination.k8s.io/leases',
      'get,update coordination.k8s.io/leases one',
    ]);
  });

  it('is what jobs look for where the cluster is not told of, and nothing where Kubernetes is not', () => {
    const off = {
      state: { enabled: false },
      monitors: { enabled: false },
      events: { enabled: false },
    };
    expect(asked(off, [])).toEqual(KUBELET);
    expect(asked({ enabled: false })).toEqual([]);
    expect(asked({ ...off, events: {} }, [])).toEqual([
      ...KUBELET,
      'list,watch /events',
      'create coordination.k8s.io/leases',
      'get,update coordination.k8s.io/leases binnacle-collector',
    ]);
    expect(asked({ ...off, kubelet: { enabled: false } }, [])).toEqual([]);
    expect(
      asked({ ...off, kubelet: { endpoints: ['summary'], discover_nodes: true } }, []),
    ).toEqual(['get /nodes/stats', 'list,watch /nodes']);
    // The pods whose logs are followed.
    const logs = apiAccessOf(kubernetesConfigSchema.parse(off), [], true);
    expect(logs.map(({ resource }) => resource)).toContain('pods');
    // Without jobs the pods of the node that are annotated; they need nobody elected.
    expect(asked(off)).toEqual([...KUBELET, 'list,watch /pods']);
    const job = { job_name: 'a', kubernetes_sd_configs: [{ role: 'endpointslice' }] };
    const [{ discovery }] = resolveScrapeConfigs(scrapeConfigsSchema.parse([job])).configs as [
      ScrapeConfig,
    ];
    expect(asked(off, discovery)).toEqual([
      ...KUBELET,
      'list,watch discovery.k8s.io/endpointslices',
      'list,watch /services',
      'list,watch /pods',
      'create coordination.k8s.io/leases',
      'get,update coordination.k8s.io/leases binnacle-collector',
    ]);
  });

  it('is a lease as soon as monitor objects may have targets that belong to no node', () => {
    const off = { state: { enabled: false }, events: { enabled: false } };
    expect(asked(off, [])).toContain('create coordination.k8s.io/leases');
    expect(asked({ ...off, monitors: { enabled: false } }, [])).toEqual(KUBELET);
  });

  it('is more where the definitions of monitor objects are installed', () => {
    expect(more({ monitors: { kinds: ['PodMonitor'] } })).toEqual([
      'monitoring.coreos.com/podmonitors',
      '/nodes',
      '/pods',
      '/services',
      '/endpoints',
      'discovery.k8s.io/endpointslices',
      'networking.k8s.io/ingresses',
      '/namespaces',
    ]);
    expect(more({ monitors: { enabled: false } })).toEqual([]);
    expect(more({ enabled: false })).toEqual([]);
  });

  it('is what probes look for, where the objects are told of or it is asked for', () => {
    const off = {
      state: { enabled: false },
      kubelet: { enabled: false },
      monitors: { enabled: false },
      events: { enabled: false },
    };
    expect(watchedFor(off, {})).toEqual([]);
    expect(watchedFor(off, { shadow: { pods: 'all' } })).toEqual(['pods']);
    expect(watchedFor(off, { annotated: { enabled: true } })).toEqual([
      'services',
      'ingresses',
      'leases',
      'leases',
    ]);
    const few = { ...off, state: { resources: ['pods'] } };
    expect(watchedFor(few, {})).toEqual(['pods', 'services', 'ingresses', 'leases', 'leases']);
  });
});
