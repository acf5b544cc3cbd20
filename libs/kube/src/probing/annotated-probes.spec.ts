import { describe, expect, it } from '@jest/globals';
import { ingress, service } from '../objects/cluster.ts';
import { ingressProbes, serviceProbes } from './annotated-probes.ts';

const PORTS = [
  { name: 'web', port: 80 },
  { name: 'https', port: 8443, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
];

function ofService(annotations: Record<string, string>, spec: object = {}) {
  const metadata = { name: 'shop', namespace: 'default', annotations };
  return serviceProbes(
    service({ metadata, spec: { clusterIP: '10.1.2.3', ports: PORTS, ...spec } }),
  );
}

function ofIngress(annotations: Record<string, string>) {
  const paths = [{ path: '/' }, { path: '/api' }, { path: '/v(1|2)/.*' }];
  return ingressProbes(
    ingress({
      metadata: { name: 'shop', namespace: 'default', annotations },
      spec: {
        tls: [{ hosts: ['a.example'] }],
        rules: [{ host: 'a.example', http: { paths } }, { host: 'b.example' }, { host: '*.c' }, {}],
      },
    }),
  );
}

const urls = ({ probes }: ReturnType<typeof ofService>) =>
  probes.map(({ scheme, host, port, path }) => `${scheme}://${host}:${port}${path}`);

describe('the annotations of a Service', () => {
  it('ask for nothing unless they say so', () => {
    for (const annotations of [
      {},
      { 'binnacle.dev/probe': 'false' },
      { 'prometheus.io/probe': 'no' },
    ]) {
      expect(ofService(annotations)).toEqual({ probes: [], problems: [] });
    }
    const both = { 'prometheus.io/probe': 'true', 'binnacle.dev/probe': 'false' };
    expect(ofService(both).probes).toEqual([]);
  });

  it('ask for every TCP port at its cluster address, by either convention', () => {
    for (const key of ['binnacle.dev/probe', 'prometheus.io/probe']) {
      const asked = ofService({ [key]: 'true' });
      expect(urls(asked)).toEqual([
        'http://shop.default.svc:80/',
        'https://shop.default.svc:8443/',
      ]);
      expect(asked.probes[0]).toMatchObject({ module: null, dialIp: '10.1.2.3', intervalMs: null });
    }
    const headless = ofService({ 'binnacle.dev/probe': 'true' }, { clusterIP: 'None' });
    expect(headless.probes[0]?.dialIp).toBeNull();
  });

  it('may say what, where, how often and what for', () => {
    const asked = ofService({
      'binnacle.dev/probe': 'tcp_connect',
      'binnacle.dev/probe-port': 'web',
      'binnacle.dev/probe-path': '/ready?x=1',
      'binnacle.dev/probe-scheme': 'https',
      'binnacle.dev/probe-interval': '1m',
      'binnacle.dev/probe-timeout': '2s',
      'binnacle.dev/probe-status': '200, 204',
      'binnacle.dev/probe-body': '^ok',
    });
    expect(asked).toEqual({
      problems: [],
      probes: [
        {
          module: 'tcp_connect',
          scheme: 'https',
          host: 'shop.default.svc',
          port: 80,
          path: '/ready?x=1',
          dialIp: '10.1.2.3',
          intervalMs: 60_000,
          timeoutMs: 2_000,
          statusCodes: [200, 204],
          bodyPattern: '^ok',
        },
      ],
    });
  });

  it.each([
    ['port', 'admin', /no TCP port "admin"/],
    ['port', '53', /no TCP port "53"/],
    ['path', 'x', /begins with \//],
    ['scheme', 'ftp', /accepted are http, https/],
    ['interval', 'often', /not a duration/],
    ['timeout', '0', /not a duration/],
    ['status', '200-299', /not a list of status codes/],
    ['body', 'x'.repeat(1_001), /more than 1000 characters/],
  ])('that make no sense ask for nothing and are told: -%s', (key, value, expected) => {
    const asked = ofService({ 'binnacle.dev/probe': 'true', [`binnacle.dev/probe-${key}`]: value });
    expect(asked.probes).toEqual([]);
    expect(asked.problems).toEqual([expect.stringMatching(expected)]);
  });

  it('that are not known are told, and no more is probed than is bearable', () => {
    const ports = Array.from({ length: 30 }, (_none, i) => ({ name: `p${i}`, port: 1_000 + i }));
    const asked = ofService(
      { 'binnacle.dev/probe': 'true', 'binnacle.dev/probe-pfad': 'x' },
      { ports },
    );
    expect(asked.probes).toHaveLength(20);
    expect(asked.problems).toEqual([
      expect.stringMatching(/probe-pfad is not known; accepted are/),
      expect.stringMatching(/asks for 30 probes/),
    ]);
    const elsewhere = ofService({ 'binnacle.dev/probe': 'true' }, { type: 'ExternalName' });
    expect(elsewhere.problems).toEqual([expect.stringMatching(/ExternalName/)]);
  });
});

describe('the annotations of an Ingress', () => {
  it('ask for every path of every host with a name, over TLS where there is some', () => {
    expect(urls(ofIngress({ 'prometheus.io/probe': 'true' }))).toEqual([
      'https://a.example:443/',
      'https://a.example:443/api',
      'http://b.example:80/',
    ]);
  });

  it('may name the one path and port', () => {
    const asked = ofIngress({
      'binnacle.dev/probe': 'true',
      'binnacle.dev/probe-path': '/healthz',
      'binnacle.dev/probe-port': '8080',
    });
    expect(urls(asked)).toEqual([
      'https://a.example:8080/healthz',
      'http://b.example:8080/healthz',
    ]);
    const odd = ofIngress({ 'binnacle.dev/probe': 'true', 'binnacle.dev/probe-port': 'web' });
    expect(odd.problems).toEqual([expect.stringMatching(/no ports with names/)]);
  });
});
