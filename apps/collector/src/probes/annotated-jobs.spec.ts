import { describe, expect, it } from '@jest/globals';
import type { AnnotatedProbe } from '#libs/kube';
import { annotatedJobs } from './annotated-jobs.ts';
import { probesConfigSchema } from './probes-config.ts';

const ASKED: AnnotatedProbe = {
  module: null,
  scheme: 'http',
  host: 'web.shop.svc',
  port: 80,
  path: '/',
  dialIp: '10.0.0.1',
  intervalMs: null,
  timeoutMs: null,
  statusCodes: [],
  bodyPattern: '',
};

const PLACE = { namespace: 'shop', name: 'web' };

function jobsOf(more: Partial<AnnotatedProbe>, section: object = {}) {
  const { annotated } = probesConfigSchema.parse(section);
  const asked = { probes: [{ ...ASKED, ...more }], problems: [] };
  return annotatedJobs('service', PLACE, asked, annotated);
}

function times(more: Partial<AnnotatedProbe>, section?: object) {
  const [job] = jobsOf(more, section).jobs;
  return [job?.intervalMs, job?.timeoutMs];
}

describe('what annotations come to', () => {
  it('is a guarded job with the object’s labels', () => {
    const { jobs, problems } = jobsOf({});
    expect(problems).toEqual([]);
    expect(jobs).toMatchObject([
      {
        name: 'service/shop/web',
        moduleName: 'http_2xx',
        target: 'http://web.shop.svc/',
        intervalMs: 30_000,
        timeoutMs: 10_000,
        dialIp: '10.0.0.1',
        isGuarded: true,
      },
    ]);
    expect(jobs[0]?.labels.toString()).toBe(
      '{instance="http://web.shop.svc/", job="kubernetes-services", module="http_2xx", namespace="shop", scope="service", service="web", target="http://web.shop.svc/"}',
    );
  });

  it('keeps to the operator’s bounds of time', () => {
    expect(times({ intervalMs: 10, timeoutMs: 60_000 })).toEqual([5_000, 5_000]);
    expect(times({ intervalMs: 60_000, timeoutMs: 1_000 })).toEqual([60_000, 1_000]);
    const modules = { slow: { prober: 'http', timeout: '4s' } };
    expect(times({ module: 'slow' }, { modules, annotated: { modules: ['slow'] } })).toEqual([
      30_000, 4_000,
    ]);
  });

  it.each([
    ['http_2xx', 'http://web.shop.svc/'],
    ['tcp_connect', 'web.shop.svc:80'],
    ['grpc_plain', 'web.shop.svc:80'],
    ['icmp', 'web.shop.svc'],
  ])('is a target that module %s understands', (module, target) => {
    expect(jobsOf({ module }).jobs[0]?.target).toBe(target);
  });

  it('adds what is said about the answer to an HTTP module', () => {
    const [job] = jobsOf({ statusCodes: [204], bodyPattern: '^ok' }).jobs;
    expect(job?.module).toMatchObject({
      kind: 'http',
      http: { validStatusCodes: [204], failsIfBodyNotMatches: [{ pattern: '^ok' }] },
    });
  });

  it.each([
    [{ module: 'unknown' }, {}, /unknown is not to be had by annotation; accepted are http_2xx/],
    // One that the operator has made his own is no longer for everybody.
    [{}, { modules: { http_2xx: { prober: 'http' } } }, /http_2xx is not to be had/],
    [{ module: 'icmp', statusCodes: [200] }, {}, /for modules of the http prober/],
    [{ bodyPattern: '(' }, {}, /binnacle\.dev\/probe-body: /],
  ])('is a problem for %j', (more, section, expected) => {
    const { jobs, problems } = jobsOf(more, section);
    expect(jobs).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(expected)]);
  });
});
