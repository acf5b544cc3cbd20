import { describe, expect, it } from '@jest/globals';
import { pod } from '../objects/pod.ts';
import { containerView, declaredProbes } from './declared-probes.ts';

const ports = [{ name: 'web', containerPort: 8080 }];

function probesOf(container: object, more: object = {}) {
  const containers = [{ name: 'main', ports, ...container }];
  return declaredProbes(pod({ metadata: {}, spec: { containers, ...more }, status: {} }));
}

describe('the probes a pod declares', () => {
  it('are read with the defaults of the API', () => {
    const [probe] = probesOf({ readinessProbe: { httpGet: { path: '/ready', port: 'web' } } });
    expect(probe).toEqual({
      container: 'main',
      probeType: 'Readiness',
      check: { kind: 'http', isTls: false, port: 8080, path: '/ready', headers: [] },
      initialDelayMs: 0,
      timeoutMs: 1_000,
      periodMs: 10_000,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });

  it('are read with everything they say', () => {
    const numbers = {
      initialDelaySeconds: 1,
      timeoutSeconds: 2,
      periodSeconds: 3,
      successThreshold: 4,
      failureThreshold: 5,
    };
    const httpGet = {
      path: 'x',
      port: 443,
      scheme: 'HTTPS',
      httpHeaders: [{ name: 'Host', value: 'a.example' }],
    };
    const all = probesOf({
      livenessProbe: { tcpSocket: { port: 'web' }, ...numbers },
      readinessProbe: { grpc: { port: 9_000, service: 'shop' } },
      startupProbe: { httpGet },
    });
    expect(all.map(({ probeType, check }) => [probeType, check])).toEqual([
      ['Liveness', { kind: 'tcp', port: 8080 }],
      ['Readiness', { kind: 'grpc', port: 9_000, service: 'shop' }],
      [
        'Startup',
        { kind: 'http', isTls: true, port: 443, path: 'x', headers: [['Host', 'a.example']] },
      ],
    ]);
    expect(all[0]).toMatchObject({
      initialDelayMs: 1_000,
      timeoutMs: 2_000,
      periodMs: 3_000,
      successThreshold: 4,
      failureThreshold: 5,
    });
  });

  it('are those of init containers that run on as well', () => {
    const livenessProbe = { tcpSocket: { port: 1 } };
    const initContainers = [
      { name: 'side', restartPolicy: 'Always', livenessProbe },
      { name: 'setup', livenessProbe },
    ];
    expect(probesOf({}, { initContainers }).map(({ container }) => container)).toEqual(['side']);
  });

  it.each([
    [{ exec: { command: ['true'] } }, /only the kubelet can/],
    [{ httpGet: { port: 'admin' } }, /no port "admin"/],
    [{ tcpSocket: { port: 70_000 } }, /no port "70000"/],
    [{ httpGet: { port: 80, host: '127.0.0.1' } }, /a host of its own/],
    [{ tcpSocket: { port: 80, host: 'db' } }, /a host of its own/],
    [{}, /not known here/],
  ])('that cannot be made from here say why: %j', (livenessProbe, reason) => {
    const [probe] = probesOf({ livenessProbe });
    expect(probe?.check).toEqual({ kind: 'impossible', reason: expect.stringMatching(reason) });
  });
});

function view(containerStatus: object, metadata: object = {}) {
  const status = { containerStatuses: [containerStatus] };
  return containerView(pod({ metadata, spec: {}, status }), 'main');
}

describe('a container as the kubelet tells of it', () => {
  const status = { name: 'main', containerID: 'c1', ready: true };
  const running = { running: { startedAt: '2026-03-01T08:00:00Z' } };

  it('has started unless it is said not to have', () => {
    expect(view({ ...status, state: running })).toEqual({
      id: 'c1',
      startedAtMs: Date.parse('2026-03-01T08:00:00Z'),
      hasStarted: true,
      isReady: true,
      isEnding: false,
    });
    expect(view({ ...status, started: false, state: running })?.hasStarted).toBe(false);
    expect(view({ ...status, state: {} })?.startedAtMs).toBeNull();
    expect(view({ name: 'other' })).toBeNull();
    const ending = { deletionTimestamp: '2026-03-01T08:00:00Z' };
    expect(view(status, ending)?.isEnding).toBe(true);
  });
});
