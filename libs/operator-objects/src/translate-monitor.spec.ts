import { describe, expect, it } from '@jest/globals';
import { buildTargets, resolveScrapeConfigs, scrapeConfigsSchema } from '#libs/discovery';
import { type KubernetesSurroundings, kubernetesTargets, RESOURCES } from '#libs/kube';
import fc from 'fast-check';
import { MONITOR_KINDS, type MonitorKind, translateMonitor } from './index.ts';

const pod = RESOURCES.pods.decode({
  metadata: { name: 'web-0', namespace: 'shop', labels: { app: 'web', 'acme.dev/team': 'a' } },
  spec: {
    nodeName: 'n1',
    containers: [{ name: 'main', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }],
  },
  status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
});
const service = RESOURCES.services.decode({
  metadata: {
    name: 'web',
    namespace: 'shop',
    labels: { app: 'web', 'app.kubernetes.io/name': 'frontend', tier: 'x.y' },
  },
  spec: { ports: [{ name: 'metrics', port: 80 }] },
});
const slice = RESOURCES.endpointslices.decode({
  metadata: {
    name: 'web-x',
    namespace: 'shop',
    labels: { 'kubernetes.io/service-name': 'web' },
  },
  addressType: 'IPv4',
  endpoints: [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true },
      nodeName: 'n1',
      targetRef: { kind: 'Pod', name: 'web-0', namespace: 'shop' },
    },
  ],
  ports: [{ name: 'metrics', port: 8080, protocol: 'TCP' }],
});
const ingress = RESOURCES.ingresses.decode({
  metadata: { name: 'front', namespace: 'shop', labels: { app: 'web' } },
  spec: {
    tls: [{ hosts: ['shop.acme.dev'] }],
    rules: [{ host: 'shop.acme.dev', http: { paths: [{ path: '/cart' }] } }],
  },
});

const around: KubernetesSurroundings = {
  node: () => undefined,
  namespace: () => undefined,
  pod: (_namespace, name) => (name === 'web-0' ? pod : undefined),
  service: (_namespace, name) => (name === 'web' ? service : undefined),
};

/** What the cluster above comes to: the jobs' targets with the labels their series have. */
function scraped(kind: MonitorKind, spec: object, options = {}) {
  const object = { metadata: { namespace: 'shop', name: 'web' }, spec };
  const defaults = {
    namespacesBy: 'relabelling',
    enforcedNamespaceLabel: '',
    ownProber: 'never',
  } as const;
  const { jobs, refusals, ignored } = translateMonitor(kind, object, { ...defaults, ...options });
  const parsed = scrapeConfigsSchema.parse(jobs.map(({ keys }) => keys));
  const { configs, problems } = resolveScrapeConfigs(parsed);
  expect(problems).toEqual([]);
  const targets = configs.flatMap((config) => {
    const found = config.discovery.flatMap((discovery) => {
      if (discovery.kind !== 'kubernetes') return [];
      const objects = { pod, endpointslice: slice, ingress } as const;
      const own = objects[discovery.role as keyof typeof objects];
      return [kubernetesTargets(discovery.role, own, around)];
    });
    const set = buildTargets(config, [...config.staticGroups, ...found]);
    expect(set.invalid).toEqual([]);
    return set.targets;
  });
  return {
    configs,
    refusals,
    ignored,
    urls: targets.map(({ url }) => url),
    labels: targets.map(({ labels }) => Object.fromEntries(labels)),
  };
}

describe('a ServiceMonitor', () => {
  const selector = { matchLabels: { app: 'web' } };

  it('has the job, namespace, service, pod, container and endpoint that the operator gives it', () => {
    const { labels, urls } = scraped('ServiceMonitor', {
      selector,
      endpoints: [{ port: 'metrics', path: '/m', interval: '30s' }],
    });
    expect(urls).toEqual(['http://10.0.0.1:8080/m']);
    expect(labels).toEqual([
      {
        job: 'web',
        instance: '10.0.0.1:8080',
        namespace: 'shop',
        service: 'web',
        pod: 'web-0',
        container: 'main',
        endpoint: 'metrics',
      },
    ]);
  });

  it('takes over labels of services and pods, and the job from the one it names', () => {
    const { labels } = scraped('ServiceMonitor', {
      jobLabel: 'app.kubernetes.io/name',
      targetLabels: ['tier', 'missing'],
      podTargetLabels: ['acme.dev/team'],
      selector,
      endpoints: [{ targetPort: 8080 }],
    });
    expect(labels).toMatchObject([
      { job: 'frontend', tier: 'x.y', acme_dev_team: 'a', endpoint: '8080' },
    ]);
    expect(labels[0]).not.toHaveProperty('missing');
  });

  it.each([
    ['labels that differ', { selector: { matchLabels: { app: 'other' } } }, 0],
    ['no labels', { selector: {} }, 1],
    ['In', expressions('app', 'In', ['x', 'web']), 1],
    ['In without the label', expressions('nope', 'In', ['']), 0],
    ['NotIn', expressions('app', 'NotIn', ['web']), 0],
    ['NotIn without the label', expressions('nope', 'NotIn', ['web']), 1],
    ['Exists', expressions('tier', 'Exists'), 1],
    ['DoesNotExist', expressions('tier', 'DoesNotExist'), 0],
    ['a dot that is no wildcard', { selector: { matchLabels: { tier: 'x.y' } } }, 1],
    ['a dot in place of another letter', { selector: { matchLabels: { app: 'w.b' } } }, 0],
    ['another namespace', { selector, namespaceSelector: { matchNames: ['shop2'] } }, 0],
    [
      'this namespace among others',
      { selector, namespaceSelector: { matchNames: ['a', 'shop'] } },
      1,
    ],
    ['any namespace', { selector, namespaceSelector: { any: true } }, 1],
    ['another port', { selector, endpoints: [{ port: 'other' }] }, 0],
    ['a port by the name the pod has for it', { selector, endpoints: [{ targetPort: 'http' }] }, 1],
  ])('selects by %s', (_what, spec, count) => {
    const { urls } = scraped('ServiceMonitor', { endpoints: [{ port: 'metrics' }], ...spec });
    expect(urls).toHaveLength(count);
  });

  it('keeps its own rules last, those written for Endpoints among them', () => {
    const { labels } = scraped('ServiceMonitor', {
      selector,
      endpoints: [
        {
          port: 'metrics',
          relabelings: [
            {
              sourceLabels: ['__meta_kubernetes_endpoint_port_name', 'namespace'],
              separator: '',
              targetLabel: 'place',
            },
            { sourceLabels: ['__meta_kubernetes_endpoint_node_name'], targetLabel: 'node' },
            { action: 'LabelDrop', regex: 'endpoint' },
          ],
        },
      ],
    });
    expect(labels).toMatchObject([{ place: 'metricsshop', node: 'n1' }]);
    expect(labels[0]).not.toHaveProperty('endpoint');
  });

  it('has its limits, times and rules for samples in the job', () => {
    const { configs } = scraped('ServiceMonitor', {
      selector,
      sampleLimit: 10,
      bodySizeLimit: '1MB',
      endpoints: [
        {
          port: 'metrics',
          scheme: 'HTTPS',
          interval: '7s',
          scrapeTimeout: '3s',
          honorLabels: true,
          honorTimestamps: false,
          params: { module: ['a', 'b'] },
          tlsConfig: { insecureSkipVerify: true, serverName: 'web.shop', ca: {}, cert: {} },
          bearerTokenSecret: { key: '' },
          metricRelabelings: [{ sourceLabels: ['__name__'], regex: 'x', action: 'drop' }],
        },
      ],
    });
    expect(configs).toMatchObject([
      {
        jobName: 'serviceMonitor/shop/web/0',
        intervalMs: 7_000,
        timeoutMs: 3_000,
        scheme: 'https',
        honorsLabels: true,
        honorsTimestamps: false,
        params: [['module', ['a', 'b']]],
        limits: { samples: 10, bodyBytes: 1_048_576 },
        http: { tls: { isVerified: false, serverName: 'web.shop' }, auth: { kind: 'none' } },
        metricRelabelRules: [{ action: 'drop' }],
      },
    ]);
  });

  it('leaves out the endpoint that wants a secret, says so, and keeps the others', () => {
    const { configs, refusals } = scraped('ServiceMonitor', {
      selector,
      endpoints: [
        { port: 'metrics', basicAuth: { username: { name: 's', key: 'u' } } },
        { port: 'metrics' },
        { port: 'metrics', bearerTokenFile: '/var/run/secrets/token' },
        {
          port: 'metrics',
          tlsConfig: { caFile: '/ca', ca: { configMap: { name: 'x', key: 'y' } } },
        },
        { port: 'metrics', proxyUrl: 'http://proxy' },
      ],
    });
    expect(configs.map(({ jobName }) => jobName)).toEqual(['serviceMonitor/shop/web/1']);
    expect(refusals.map(({ path }) => path)).toEqual([
      'spec.endpoints[0].basicAuth',
      'spec.endpoints[2].bearerTokenFile',
      'spec.endpoints[3].tlsConfig.ca.configMap',
      'spec.endpoints[3].tlsConfig.caFile',
      'spec.endpoints[4].proxyUrl',
    ]);
  });

  it('names keys that it does not know and goes on', () => {
    const { configs, ignored } = scraped('ServiceMonitor', {
      selector,
      newThing: { a: 1 },
      endpoints: [{ port: 'metrics', newToo: true }],
    });
    expect(configs).toHaveLength(1);
    expect(ignored).toEqual(['spec.newThing', 'spec.endpoints[0].newToo']);
  });

  it('cannot pretend to be of another namespace where that is enforced', () => {
    const spec = {
      selector,
      endpoints: [
        {
          port: 'metrics',
          relabelings: [{ targetLabel: 'namespace', replacement: 'kube-system' }],
        },
      ],
    };
    expect(scraped('ServiceMonitor', spec).labels[0]?.['namespace']).toBe('kube-system');
    const { labels, configs } = scraped('ServiceMonitor', spec, {
      enforcedNamespaceLabel: 'namespace',
    });
    expect(labels[0]?.['namespace']).toBe('shop');
    expect(configs[0]?.metricRelabelRules).toHaveLength(1);
  });
});

describe('a PodMonitor', () => {
  it('has a job of its own name, and the labels of the pod', () => {
    const { labels, configs } = scraped('PodMonitor', {
      selector: { matchLabels: { app: 'web' } },
      podTargetLabels: ['acme.dev/team'],
      podMetricsEndpoints: [{ port: 'http' }],
    });
    expect(configs[0]?.jobName).toBe('podMonitor/shop/web/0');
    expect(labels).toEqual([
      {
        job: 'shop/web',
        instance: '10.0.0.1:8080',
        namespace: 'shop',
        pod: 'web-0',
        container: 'main',
        endpoint: 'http',
        acme_dev_team: 'a',
      },
    ]);
  });

  it.each([
    [{ portNumber: 8080 }, ['8080']],
    [{ targetPort: 8080 }, ['8080']],
    [{ targetPort: 'http' }, ['http']],
    [{ portNumber: 80 }, []],
    [{}, [undefined]],
  ])('finds the port by %j', (endpoint, found) => {
    const { labels } = scraped('PodMonitor', { selector: {}, podMetricsEndpoints: [endpoint] });
    expect(labels.map((target) => target['endpoint'])).toEqual(found);
  });

  it.each([
    [undefined, 1],
    [true, 1],
    [false, 0],
  ])(
    'leaves pods that have ended, unless it wants them: filterRunning %j',
    (filterRunning, count) => {
      const { configs } = scraped('PodMonitor', {
        selector: {},
        podMetricsEndpoints: [{ port: 'http', filterRunning }],
      });
      const rules = configs[0]!.relabelRules.filter(({ sourceLabels }) =>
        sourceLabels.includes('__meta_kubernetes_pod_phase'),
      );
      expect(rules).toHaveLength(count);
    },
  );
});

describe('a Probe', () => {
  const prober = { url: 'blackbox.monitoring.svc:9115' };

  it('asks its prober about each target, which is the instance', () => {
    const { labels, urls } = scraped('Probe', {
      jobName: 'sites',
      prober,
      module: 'http_2xx',
      targets: { staticConfig: { static: ['https://acme.dev/x'], labels: { team: 'a' } } },
    });
    expect(urls).toEqual([
      'http://blackbox.monitoring.svc:9115/probe?module=http_2xx&target=https%3A%2F%2Facme.dev%2Fx',
    ]);
    expect(labels).toEqual([
      { job: 'sites', instance: 'https://acme.dev/x', namespace: 'shop', team: 'a' },
    ]);
  });

  it('asks about the paths of ingresses', () => {
    const { labels, urls, configs } = scraped('Probe', {
      prober: { ...prober, path: '/p', scheme: 'HTTPS' },
      params: [{ name: 'debug', values: ['true'] }],
      targets: { ingress: { selector: { matchLabels: { app: 'web' } } } },
    });
    expect(configs[0]?.jobName).toBe('probe/shop/web');
    expect(urls).toEqual([
      'https://blackbox.monitoring.svc:9115/p?debug=true&target=https%3A%2F%2Fshop.acme.dev%2Fcart',
    ]);
    expect(labels).toEqual([
      {
        job: 'probe/shop/web',
        instance: 'https://shop.acme.dev/cart',
        namespace: 'shop',
        ingress: 'front',
      },
    ]);
  });

  it.each([
    [
      'auto' as const,
      { module: 'tcp_connect' },
      'http://binnacle/probe?module=tcp_connect&target=a',
    ],
    ['auto' as const, { prober: { url: 'binnacle' } }, 'http://binnacle/probe?target=a'],
    [
      'always' as const,
      { prober, basicAuth: { username: { name: 's', key: 'u' } } },
      'http://binnacle/probe?target=a',
    ],
  ])('is probed by whoever reads it (%s, %j)', (ownProber, spec, url) => {
    const targets = { staticConfig: { static: ['a'] } };
    const object = { metadata: { namespace: 'shop', name: 'web' }, spec: { ...spec, targets } };
    const options = { ownProber, namespacesBy: 'relabelling', enforcedNamespaceLabel: '' } as const;
    const { jobs, refusals, ignored } = translateMonitor('Probe', object, options);
    expect([refusals, ignored]).toEqual([[], []]);
    expect(jobs.map(({ isProbedHere }) => isProbedHere)).toEqual([true]);
    expect(scraped('Probe', { ...spec, targets }, { ownProber }).urls).toEqual([url]);
  });

  it('asks the prober it names, unless all are probed here', () => {
    const targets = { staticConfig: { static: ['a'] } };
    const { urls } = scraped('Probe', { prober, targets }, { ownProber: 'auto' });
    expect(urls).toEqual(['http://blackbox.monitoring.svc:9115/probe?target=a']);
  });

  it.each([
    [{ prober: {}, targets: { staticConfig: { static: ['a'] } } }, 'spec.prober.url'],
    [{ prober: { url: 'http://a/b' }, targets: {} }, 'spec.prober.url'],
    [{ prober }, 'spec.targets'],
    [
      { prober, targets: { staticConfig: { labels: { a: 'b' } } } },
      'spec.targets.staticConfig.static',
    ],
  ])('is refused as %j', (spec, path) => {
    const { configs, refusals } = scraped('Probe', spec);
    expect(configs).toEqual([]);
    expect(refusals[0]?.path).toBe(path);
  });
});

describe('a ScrapeConfig', () => {
  it('is a job as it stands', () => {
    const { configs, labels } = scraped('ScrapeConfig', {
      jobName: 'outside',
      metricsPath: '/m',
      scrapeInterval: '20s',
      staticConfigs: [{ targets: ['a:1', 'b:2'], labels: { zone: 'x' } }],
      httpSDConfigs: [{ url: 'http://sd.acme.dev/targets', refreshInterval: '10s' }],
      kubernetesSDConfigs: [
        {
          role: 'Pod',
          namespaces: { names: ['shop'] },
          selectors: [{ role: 'Pod', label: 'a=b' }],
        },
      ],
    });
    expect(configs).toMatchObject([
      {
        jobName: 'scrapeConfig/shop/web',
        intervalMs: 20_000,
        discovery: [
          { kind: 'kubernetes', role: 'pod', namespaces: ['shop'], selectors: [{ label: 'a=b' }] },
          { kind: 'http', url: 'http://sd.acme.dev/targets', refreshMs: 10_000 },
        ],
      },
    ]);
    expect(labels).toContainEqual({ job: 'outside', instance: 'a:1', zone: 'x' });
  });

  it.each([
    [{}, 'spec'],
    [{ fileSDConfigs: [{ files: ['/etc/passwd.json'] }] }, 'spec.fileSDConfigs'],
    [{ ec2SDConfigs: [{ region: 'x' }] }, 'spec.ec2SDConfigs'],
    [
      { kubernetesSDConfigs: [{ role: 'Pod', apiServer: 'https://x' }] },
      'spec.kubernetesSDConfigs[0].apiServer',
    ],
    [
      {
        staticConfigs: [{ targets: ['a:1'] }],
        authorization: { credentials: { name: 'x', key: 'y' } },
      },
      'spec.authorization',
    ],
    [{ staticConfigs: [{ targets: ['a:1'] }], scrapeClass: 'mtls' }, 'spec.scrapeClass'],
  ])('is refused as %j', (spec, path) => {
    const { configs, refusals } = scraped('ScrapeConfig', spec);
    expect(configs).toEqual([]);
    expect(refusals.map((refusal) => refusal.path)).toContain(path);
  });
});

describe('any object', () => {
  it('is translated or refused, whatever it holds', () => {
    const keys = ['selector', 'endpoints', 'podMetricsEndpoints', 'prober', 'targets', 'jobLabel'];
    fc.assert(
      fc.property(
        fc.constantFrom(...MONITOR_KINDS),
        fc.dictionary(fc.constantFrom(...keys, '__proto__', 'tlsConfig'), fc.jsonValue()),
        (kind, spec) => {
          const object = { metadata: { namespace: 'a', name: 'b' }, spec };
          const { jobs } = translateMonitor(kind, object);
          for (const { keys: job } of jobs) expect(job['job_name']).toContain('/a/b');
        },
      ),
    );
  });
});

function expressions(key: string, operator: string, values?: readonly string[]): object {
  return { selector: { matchExpressions: [{ key, operator, values }] } };
}
