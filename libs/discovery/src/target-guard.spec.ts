import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import {
  buildTargets,
  connectRefusal,
  guardTargets,
  redirectRefusal,
  resolveScrapeConfigs,
  type ScrapeConfig,
  scrapeConfigsSchema,
  urlRefusal,
} from './index.ts';

function job(relabelConfigs: unknown, role = 'pod'): ScrapeConfig {
  const raw = { job_name: 'j', kubernetes_sd_configs: [{ role }], relabel_configs: relabelConfigs };
  return resolveScrapeConfigs(scrapeConfigsSchema.parse([raw])).configs[0]!;
}

/** An annotation decides over the whole address, or over the port. */
const BY_ANNOTATION = [
  {
    source_labels: ['__meta_kubernetes_pod_annotation_address'],
    regex: '(.+)',
    target_label: '__address__',
  },
  {
    source_labels: ['__meta_kubernetes_pod_ip', '__meta_kubernetes_pod_annotation_port'],
    regex: '(.+);(.+)',
    replacement: '$1:$2',
    target_label: '__address__',
  },
];

const POD = {
  __address__: '10.0.0.7:8080',
  __meta_kubernetes_pod_name: 'web',
  __meta_kubernetes_pod_ip: '10.0.0.7',
  __meta_kubernetes_pod_host_ip: '10.1.0.1',
  __meta_kubernetes_pod_container_port_number: '8080',
};

/** Why a target is refused, or the address that is asked. */
function outcome(
  labels: Readonly<Record<string, string>>,
  config = job(BY_ANNOTATION),
  kubelet: string | null = '10.1.0.1:10999',
): string {
  const groups = [{ source: 's', labels: Labels.EMPTY, targets: [Labels.fromRecord(labels)] }];
  const { set, refused } = guardTargets(buildTargets(config, groups), config, { kubelet });
  expect(set.targets.length + refused.length).toBe(1);
  expect(set.invalid).toEqual(refused);
  return refused[0]?.code ?? new URL(set.targets[0]!.url).host;
}

const annotated = (name: string, value: string) => ({
  ...POD,
  [`__meta_kubernetes_pod_annotation_${name}`]: value,
});

describe('what annotations must not lead to', () => {
  it.each([
    ['127.0.0.1:9371', 'loopback'],
    ['127.9.9.9:80', 'loopback'],
    ['2130706433:80', 'loopback'],
    ['0x7f.1:80', 'loopback'],
    ['0.0.0.0:22', 'loopback'],
    ['[::1]:80', 'loopback'],
    ['[::]:80', 'loopback'],
    ['[::ffff:127.0.0.1]:80', 'loopback'],
    ['localhost:80', 'loopback'],
    ['LOCALHOST.:80', 'loopback'],
    ['x.localhost:80', 'loopback'],
    ['169.254.1.1:80', 'link_local'],
    ['[fe80::1]:80', 'link_local'],
    ['[febf::1]:80', 'link_local'],
    ['169.254.169.254:80', 'metadata'],
    ['[::ffff:169.254.169.254]:80', 'metadata'],
    ['[fd00:ec2::254]:80', 'metadata'],
    ['100.100.100.200:80', 'metadata'],
    ['metadata.google.internal:80', 'metadata'],
    ['metadata.google.internal.:80', 'metadata'],
    ['10.1.0.1:10250', 'kubelet'],
    ['10.1.0.1:10255', 'kubelet'],
    ['10.1.0.1:10999', 'kubelet'],
    ['10.1.0.2:10250', 'kubelet'],
  ])('is %s (%s)', (address, code) => {
    expect(outcome(annotated('address', address))).toBe(code);
  });

  it.each(['10.0.0.8:80', '172.16.0.1:1', '[fd00::8]:80', 'web.shop.svc:80', '128.0.0.1:80'])(
    'is not %s',
    (address) => {
      expect(outcome(annotated('address', address))).toBe(new URL(`http://${address}`).host);
    },
  );

  it('is the kubelet’s port on a pod that has the node’s address or does not say it listens there', () => {
    expect(outcome(annotated('port', '10250'))).toBe('kubelet');
    const host = { __meta_kubernetes_pod_ip: '10.1.0.1', __address__: '10.1.0.1:8080' };
    expect(outcome({ ...annotated('port', '10250'), ...host })).toBe('kubelet');
    expect(outcome({ ...POD, ...host, __address__: '10.1.0.1:10250' })).toBe('kubelet');
    const declared = { __meta_kubernetes_pod_container_port_number: '10250' };
    expect(outcome({ ...annotated('port', '10250'), ...declared })).toBe('10.0.0.7:10250');
    expect(outcome({ ...annotated('port', '10250'), ...declared, ...host })).toBe('kubelet');
    // Without a node of its own the collector knows the pod's.
    expect(outcome(annotated('address', '10.1.0.1:10250'), job(BY_ANNOTATION), null)).toBe(
      'kubelet',
    );
  });
});

describe('what is asked nevertheless', () => {
  it('is an address that the API server gives the object itself', () => {
    expect(outcome({ ...POD, __address__: '127.0.0.1:80' }, job([]))).toBe('127.0.0.1');
    // A name is nobody's own: an Ingress has whatever its author wrote.
    const ingress = { __address__: 'localhost', __meta_kubernetes_ingress_name: 'i' };
    expect(outcome(ingress, job([], 'ingress'))).toBe('loopback');
  });

  it('is a node’s kubelet, and the endpoints of one', () => {
    const node = { __address__: '10.1.0.1:10250', __meta_kubernetes_node_name: 'n1' };
    expect(outcome(node, job([], 'node'))).toBe('10.1.0.1:10250');
    const endpoint = { __address__: '10.1.0.1:10250', __meta_kubernetes_service_name: 'kubelet' };
    expect(outcome(endpoint, job([], 'endpoints'))).toBe('10.1.0.1:10250');
  });

  it('is what the job’s own rules write down', () => {
    const prober = [{ target_label: '__address__', replacement: '127.0.0.1:9115' }];
    expect(outcome(POD, job(prober))).toBe('127.0.0.1:9115');
    const kubelets = [
      { source_labels: ['__meta_kubernetes_pod_host_ip'], target_label: '__address__' },
      { source_labels: ['__address__'], target_label: '__address__', replacement: '$1:10250' },
    ];
    expect(outcome(POD, job(kubelets))).toBe('10.1.0.1:10250');
  });

  it('is everything that does not come from Kubernetes', () => {
    const raw = { job_name: 'j', static_configs: [{ targets: ['localhost:10250'] }] };
    const config = resolveScrapeConfigs(scrapeConfigsSchema.parse([raw])).configs[0]!;
    const set = buildTargets(config, config.staticGroups);
    expect(guardTargets(set, config, { kubelet: null })).toEqual({
      set,
      refused: [],
      trusted: new Set(),
    });
  });
});

describe('a job that somebody else than the operator wrote', () => {
  const foreign = { kubelet: '10.1.0.1:10999', isForeign: true };
  const guarded = (raw: object, labels: Readonly<Record<string, string>>, around = foreign) => {
    const schema = scrapeConfigsSchema.parse([{ job_name: 'j', ...raw }]);
    const config = resolveScrapeConfigs(schema).configs[0]!;
    const groups = [{ source: 's', labels: Labels.EMPTY, targets: [Labels.fromRecord(labels)] }];
    const { refused, trusted } = guardTargets(buildTargets(config, groups), config, around);
    return refused[0]?.code ?? [...trusted].join(' ');
  };
  const written = { static_configs: [{ targets: ['a'] }] };
  const discovered = { kubernetes_sd_configs: [{ role: 'pod' }] };

  it.each([
    ['127.0.0.1:9371', 'loopback'],
    ['[fe80::1]:80', 'link_local'],
    ['169.254.169.254', 'metadata'],
    ['10.1.0.7:10250', 'kubelet'],
    ['10.1.0.7:10999', 'kubelet'],
    ['10.1.0.7:9100', ''],
    ['example.com', ''],
  ])('may list %s only where it is harmless', (address, code) => {
    expect(guarded(written, { __address__: address })).toBe(code);
  });

  it('says nothing by labels that look like those of Kubernetes, nor by literal rules', () => {
    const spoofed = { __address__: '10.1.0.1:10250', __meta_kubernetes_node_name: 'n' };
    expect(guarded(written, spoofed)).toBe('kubelet');
    const rules = [{ target_label: '__address__', replacement: '127.0.0.1:9115' }];
    expect(guarded({ ...discovered, relabel_configs: rules }, POD)).toBe('loopback');
    expect(
      guarded({ ...discovered, relabel_configs: rules }, POD, { ...foreign, isForeign: false }),
    ).toBe('');
  });

  it('reaches what the API server says and what the operator allows', () => {
    expect(guarded(discovered, { ...POD, __address__: '127.0.0.1:80' })).toBe('');
    const around = { ...foreign, isAllowed: (host: string) => host === '127.0.0.1' };
    expect(guarded(written, { __address__: '127.0.0.1:80' }, around)).toBe('');
    expect(guarded(written, { __address__: '127.0.0.1:10250' }, around)).toBe('kubelet');
  });

  it('trusts the names of nodes, and the operator’s own', () => {
    const node = { __address__: 'n1.example:10250', __meta_kubernetes_node_name: 'n1' };
    expect(guarded({ kubernetes_sd_configs: [{ role: 'node' }] }, node)).toBe('n1.example');
    const service = { __address__: 'web.shop.svc:80', __meta_kubernetes_service_name: 'web' };
    expect(guarded({ kubernetes_sd_configs: [{ role: 'service' }] }, service)).toBe('');
    const rules = [{ target_label: '__address__', replacement: 'localhost:9115' }];
    const own = { ...foreign, isForeign: false };
    expect(guarded({ ...discovered, relabel_configs: rules }, POD, own)).toBe('localhost');
  });
});

const connecting = (ip: string, port: number | null) =>
  connectRefusal({ hostname: 'web.example', ip, port }, { kubelet: '10.1.0.1:10999' });

describe('a connection', () => {
  it.each(['127.0.0.1', '::1', 'fe80::1%eth0', '::ffff:7f00:1', '64:ff9b::a9fe:a9fe', '0.0.0.0'])(
    'is not made where a name leads to %s',
    (ip) => {
      expect(connecting(ip, null)).toMatch(/^web\.example leads to /);
    },
  );

  it('is not made to a port of the kubelet, and else it is', () => {
    for (const port of [10_250, 10_255, 10_999])
      expect(connecting('10.0.0.1', port)).not.toBeNull();
    expect(connecting('10.0.0.1', 80)).toBeNull();
    expect(connecting('fd00::1', null)).toBeNull();
  });

  it('is not made to a URL of an object that leads there at once', () => {
    for (const url of ['http://localhost/', 'http://[::1]/', 'https://10.0.0.1:10250/pods']) {
      expect(urlRefusal(new URL(url), { kubelet: null })).toMatch(/ is not asked: /);
    }
    expect(urlRefusal(new URL('https://sd.example/'), { kubelet: null })).toBeNull();
  });
});

const refusal = (to: string) =>
  redirectRefusal(new URL('http://10.0.0.7:8080/metrics'), new URL(to), {
    kubelet: '10.1.0.1:10999',
  });

describe('a redirect of such a target', () => {
  it.each([
    'http://127.0.0.1/',
    'http://169.254.169.254/latest',
    'https://10.1.0.1:10250/metrics',
    'https://10.0.0.7:10250/metrics',
    'https://10.1.0.1:10999/',
    'http://localhost:8080/',
  ])('may not lead to %s', (to) => {
    expect(refusal(to)).toMatch(/^redirected to /);
  });

  it.each(['http://10.0.0.7:8080/else', 'https://10.0.0.7/', 'http://10.0.0.9:9090/'])(
    'may lead to %s',
    (to) => {
      expect(refusal(to)).toBeNull();
    },
  );
});
