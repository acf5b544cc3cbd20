import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HealthServer } from '../../libs/node-probes/testing/health-server.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { eventObject, podObject } from '../kube/kube-objects.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { temporaryFolder, untilPasses } from '../support/processes.ts';
import { WriteReceiver } from '../support/write-receiver.ts';

/** A pod's own address, as far as one machine has several. */
const POD_IP = '127.0.0.42';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let receiver: WriteReceiver;
let shop: Server;
let shopPort: number;
let shopStatus: number;
let server: KubeApiServer;
/** What the pod was asked. */
let asked: string[];
let collector: Collector | null;

beforeEach(async () => {
  folder = await temporaryFolder();
  asked = [];
  collector = null;
  shopStatus = 200;
  receiver = await WriteReceiver.start();
  shop = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers['user-agent']?.split('/', 1)[0]}`);
    response.writeHead(shopStatus).end(shopStatus === 200 ? '' : 'no database');
  });
  shop.listen(0, POD_IP);
  await once(shop, 'listening');
  shopPort = (shop.address() as AddressInfo).port;
  server = new KubeApiServer();
});

afterEach(async () => {
  await collector?.app.close();
  await server.close();
  receiver.close();
  shop.closeAllConnections();
  shop.close();
  await folder.remove();
});

async function startProbing(probes: string): Promise<void> {
  collector = await startCollector(
    folder.path,
    `host_metrics: {enabled: false}
scrape_configs: []
outputs: {remote_write: [{url: "${receiver.url}", queue_config: {batch_send_deadline: 20ms}}]}
kubernetes:
  api_server: ${await server.listen()}
  kubelet: {enabled: false}
  lease: {namespace: binnacle}
probes: ${probes}
`,
    { env: { NODE_NAME: 'n1' } },
  );
}

interface Shown {
  readonly pods: readonly {
    readonly pod: string;
    readonly isReady: boolean;
    readonly deleted: string | null;
    readonly containers: readonly { readonly probes: readonly Record<string, unknown>[] }[];
    readonly story?: readonly Record<string, unknown>[];
  }[];
}

async function shown(query = ''): Promise<Shown> {
  const answer = await fetch(`${collector?.url}/api/v1/probes${query}`);
  return ((await answer.json()) as { data: Shown }).data;
}

/** The declared probes of the one container there is. */
async function declared() {
  return (await shown()).pods[0]?.containers[0]?.probes;
}

/** What happened to the pod, in short. */
async function story(): Promise<string[]> {
  const { pods } = await shown('?namespace=shop&pod=web');
  return (pods[0]?.story ?? []).map(({ what, container, reason, message }) =>
    [what, container, reason, message].filter(Boolean).join(' '),
  );
}

function pod(
  probes: object,
  more: { isReady?: boolean; restarts?: number; annotations?: Record<string, string> } = {},
) {
  const { isReady = true, restarts = 0, annotations = {} } = more;
  const plain = podObject('web', { node: 'n1', ip: POD_IP, isReady });
  const { containerStatuses, conditions } = plain['status'] as {
    containerStatuses: object[];
    conditions: object[];
  };
  const since = '2026-03-01T08:00:00Z';
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: since };
  const containerID = `containerd://${restarts}`;
  return {
    ...plain,
    metadata: { ...plain.metadata, annotations },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'main', ports: [{ name: 'web', containerPort: shopPort }], ...probes }],
    },
    status: {
      ...(plain['status'] as object),
      conditions: [scheduled, ...conditions],
      containerStatuses: [
        { ...containerStatuses[0], containerID, restartCount: restarts, started: true },
      ],
    },
  };
}

const READINESS = {
  readinessProbe: {
    httpGet: { path: '/ready', port: 'web' },
    periodSeconds: 1,
    timeoutSeconds: 30,
    failureThreshold: 2,
  },
};

/** The value of the one series of that name with all of `parts` in its labels. */
function valueOf(name: string, ...parts: string[]): number | 'stale' | undefined {
  return receiver.valueOf(`${name}{`, ...parts);
}

const OF_PROBE = ['namespace="shop"', 'pod="web"', 'container="main"', 'probe_type="Readiness"'];
const ALL = '{shadow: {pods: all}, allowed_networks: [loopback]}';
const result = (source: string) =>
  valueOf('binnacle_pod_probe_result', `source="${source}"`, ...OF_PROBE);

describe('a node’s pods', () => {
  it('are asked what they declare; failing and recovery are told, compared and kept', async () => {
    server.put(pod(READINESS));
    await startProbing(ALL);
    await untilPasses(() => {
      expect(valueOf('probe_success', 'scope="shadow"', 'module="http"', ...OF_PROBE)).toBe(1);
      expect(valueOf('probe_http_status_code', ...OF_PROBE)).toBe(200);
      expect(
        valueOf('probe_http_duration_seconds', 'phase="processing"', ...OF_PROBE),
      ).toBeDefined();
      expect([result('shadow'), result('kubelet')]).toEqual([1, 1]);
      expect(valueOf('binnacle_pod_probe_mismatch', ...OF_PROBE)).toBe(0);
    });
    expect(new Set(asked)).toEqual(new Set(['/ready kube-probe']));

    shopStatus = 503;
    await untilPasses(() => {
      expect(valueOf('probe_success', ...OF_PROBE)).toBe(0);
      expect([result('shadow'), result('kubelet')]).toEqual([0, 1]);
      expect(valueOf('binnacle_pod_probe_mismatch', ...OF_PROBE)).toBe(1);
      expect(valueOf('binnacle_pod_probe_failures_total', 'reason="status"')).toBeGreaterThan(1);
    });
    server.put(pod(READINESS, { isReady: false }));
    await untilPasses(() => {
      expect(result('kubelet')).toBe(0);
      expect(valueOf('binnacle_pod_probe_mismatch', ...OF_PROBE)).toBe(0);
    });

    shopStatus = 200;
    server.put(pod(READINESS));
    await untilPasses(() => expect([result('shadow'), result('kubelet')]).toEqual([1, 1]));
    await untilPasses(async () => {
      const told = await story();
      expect(told.slice(0, 6)).toEqual([
        'scheduled on n1',
        'started main',
        'ready',
        'probe-succeeded main Readiness',
        'probe-failed main Readiness status: status 503: no database',
        'not-ready',
      ]);
      // It may have failed once more before it was well again.
      expect(told.slice(6)).toEqual(
        expect.arrayContaining(['ready', 'probe-succeeded main Readiness']),
      );
    });
    const { pods } = await shown('?namespace=shop');
    expect(pods).toMatchObject([
      {
        pod: 'web',
        isReady: true,
        deleted: null,
        containers: [
          { probes: [{ type: 'Readiness', check: 'http', shadow: true, kubelet: true }] },
        ],
      },
    ]);
    expect(pods[0]?.story).toBeUndefined();
    expect((await shown('?namespace=other')).pods).toEqual([]);

    server.delete(pod(READINESS));
    await untilPasses(async () => {
      expect(valueOf('probe_success', ...OF_PROBE)).toBe('stale');
      expect(result('kubelet')).toBe('stale');
      expect((await story()).at(-1)).toBe('deleted');
    });
    expect((await shown()).pods[0]?.deleted).not.toBeNull();
  });

  it('are told to have been restarted after a failed liveness probe', async () => {
    const health = new HealthServer({ '': { serving: 2 } });
    const port = await health.listen(POD_IP);
    const probes = {
      livenessProbe: { grpc: { port }, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 1 },
    };
    server.put(pod(probes));
    await startProbing(ALL);
    const failed =
      'probe-failed main Liveness response: the server is NOT_SERVING; accepted is SERVING';
    await untilPasses(async () => expect(await story()).toContain(failed));
    server.put(eventObject('kill', 'Killing', { message: 'failed its liveness probe', count: 2 }));
    server.put(pod(probes, { restarts: 1 }));
    await untilPasses(async () =>
      expect(await story()).toContain('killed Killing failed its liveness probe'),
    );
    await untilPasses(async () =>
      expect(await story()).toContain('restarted main after its liveness probe had failed'),
    );
    health.close();
  });

  it('are left alone unless they or the operator ask for it, and so is what cannot be done', async () => {
    server.put(pod(READINESS));
    const exec = { livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } };
    const annotations = { 'binnacle.dev/shadow-probes': 'true' };
    await startProbing('{}');
    await untilPasses(async () =>
      expect(await declared()).toMatchObject([{ type: 'Readiness', shadow: null }]),
    );
    expect(asked).toEqual([]);
    server.put(pod({ ...READINESS, ...exec }, { annotations }));
    await untilPasses(async () =>
      expect(await declared()).toMatchObject([
        { type: 'Liveness', check: null, notPossible: expect.stringMatching(/only the kubelet/) },
        // Nothing allows the loopback address here.
        { type: 'Readiness', notPossible: expect.stringMatching(/must not go to/) },
      ]),
    );
    expect(asked).toEqual([]);
    expect(result('shadow')).toBeUndefined();
  });
});
