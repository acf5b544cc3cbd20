import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { eventObject } from '../kube/kube-objects.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: KubeApiServer;
let apiServer: string;
let engine: Engine;
const running: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  server = new KubeApiServer();
  apiServer = await server.listen();
  running.push(server);
  engine = await startEngine(join(folder.path, 'engine'));
  running.push({ close: () => engine.app.close() });
});

afterEach(async () => {
  for (const one of running.splice(0).toReversed()) await one.close();
  await folder.remove();
});

async function startCollector(
  node: string,
  events = '{interval: 1s}',
  logOutputs = '',
  url = apiServer,
) {
  const configFile = join(folder.path, `${node}.yml`);
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
scrape_configs: []
outputs: {remote_write: [{url: "${engine.url}/api/v1/write"}]${logOutputs}}
kubernetes:
  api_server: ${url}
  node_name: ${node}
  state: {enabled: false}
  events: ${events}
  lease: {duration: 8s, retry: 500ms}
`,
  );
  const app = await createApp(
    {
      configFile,
      dataDir: join(folder.path, node),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  await listen(app, { host: '127.0.0.1', port: 0 });
  return {
    close: async () => {
      running.splice(running.indexOf(app), 1);
      await app.close();
    },
  };
}

/** The values of a query by the reason of their series. */
async function valuesOf(query: string): Promise<Record<string, number>> {
  const url = `${engine.url}/api/v1/query?query=${encodeURIComponent(query)}`;
  const { data } = (await fetch(url).then((response) => response.json())) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return Object.fromEntries(
    data.result.map(({ metric, value }) => [metric['reason'] ?? '', Number(value[1])]),
  );
}

/** Until what is expected has come about. */
async function until(check: () => unknown): Promise<void> {
  const probe = async () => {
    await check();
    return true;
  };
  await eventually('what is expected', probe);
}

/** What the lease says of how far its holder has come. */
function position(): number {
  const lease = server.store.get(
    '/apis/coordination.k8s.io/v1/leases',
    'default/binnacle-collector',
  );
  const annotations = lease?.metadata['annotations'];
  return Number(annotations?.['binnacle.dev/events-resource-version'] ?? 0);
}

const COUNTED = 'sum by (reason) (binnacle_k8s_events_total)';
describe('the events of a cluster', () => {
  it('are counted once, through repetitions, broken watches and lists made again', async () => {
    server.put(eventObject('old', 'BackOff', { count: 40, seconds: -3_000 }));
    await startCollector('n1');
    await until(() => expect(server.watches('events')).toBe(1));
    server.put(eventObject('a', 'Unhealthy', { count: 1 }));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 1 }));
    server.put(eventObject('a', 'Unhealthy', { count: 3 }));
    server.put(eventObject('old', 'BackOff', { count: 42 }));
    server.put(eventObject('b', 'FailedScheduling', { series: 5 }));
    server.put(eventObject('c', 'NodeNotReady', { type: 'Normal', kind: 'Node' }));
    const counts = { Unhealthy: 3, BackOff: 2, FailedScheduling: 5, NodeNotReady: 1 };
    await until(async () => expect(await valuesOf(COUNTED)).toEqual(counts));
    // Everything is listed anew, since the version that the watch would go on from is gone.
    const lists = () =>
      server.accesses.filter(({ resource, verb }) => resource + verb === 'eventslist');
    server.breakWatches();
    server.put(eventObject('a', 'Unhealthy', { count: 4 }));
    server.store.compact();
    await until(() => expect(lists().length).toBeGreaterThan(1));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ ...counts, Unhealthy: 4 }));
    server.put(eventObject('d', 'Evicted'));
    await until(async () =>
      expect(await valuesOf(COUNTED)).toEqual({ ...counts, Unhealthy: 4, Evicted: 1 }),
    );
    const labels = 'namespace="",kind="Node",reason="NodeNotReady",type="Normal"';
    expect(await valuesOf(`binnacle_k8s_events_total{${labels}}`)).toEqual({ NodeNotReady: 1 });
    // A counter begins with 0, or the first of a kind would show in no rate.
    await until(async () =>
      expect(
        await valuesOf('min_over_time(binnacle_k8s_events_total{reason="Evicted"}[5m])'),
      ).toEqual({
        Evicted: 0,
      }),
    );
  });

  it('are counted by the next one exactly from where the last one stopped, whatever their clocks say', async () => {
    const first = await startCollector('n1');
    await until(() => expect(server.watches('events')).toBe(1));
    // By the clock of whoever wrote it, this is still to come.
    server.put(eventObject('a', 'Unhealthy', { count: 7, seconds: 600 }));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 7 }));
    // Told by the one or the other, since nobody knows which of the two it reaches, and never by both.
    server.put(eventObject('a', 'Unhealthy', { count: 8, seconds: 601 }));
    await first.close();
    const { Unhealthy: told = 0 } = await valuesOf(COUNTED);
    expect([7, 8]).toContain(told);
    // Nobody counts, and things happen: to what was counted before, and by a clock that is behind.
    server.put(eventObject('a', 'Unhealthy', { count: 11, seconds: 602 }));
    server.put(eventObject('b', 'BackOff', { count: 2, seconds: -1_200 }));
    await startCollector('n2');
    // As after any restart of something that counts, it begins with 0.
    const counts = { Unhealthy: 11 - told, BackOff: 2 };
    await until(async () => expect(await valuesOf(COUNTED)).toEqual(counts));
    server.put(eventObject('a', 'Unhealthy', { count: 12, seconds: 603 }));
    await until(async () =>
      expect(await valuesOf(COUNTED)).toEqual({ ...counts, Unhealthy: 12 - told }),
    );
  });

  it('are counted from what the lease says where the last one has said nothing', async () => {
    const proxy = await TcpProxy.start(Number(new URL(apiServer).port));
    running.push(proxy);
    await startCollector('n1', '{interval: 1s}', '', `http://127.0.0.1:${proxy.port}`);
    await until(() => expect(server.watches('events')).toBe(1));
    const counted = server.put(eventObject('a', 'Unhealthy', { count: 7, seconds: 600 }));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 7 }));
    const version = Number(counted.metadata.resourceVersion);
    await until(() => expect(position()).toBeGreaterThanOrEqual(version));
    proxy.cut();
    server.put(eventObject('a', 'Unhealthy', { count: 9, seconds: 601 }));
    server.put(eventObject('b', 'BackOff', { seconds: -1_200 }));
    await startCollector('n2');
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 2, BackOff: 1 }));
  });

  it('are counted by time where the API server has forgotten where the last one stopped', async () => {
    const first = await startCollector('n1');
    await until(() => expect(server.watches('events')).toBe(1));
    server.put(eventObject('a', 'Unhealthy', { count: 7, seconds: -60 }));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 7 }));
    await first.close();
    server.put(eventObject('b', 'BackOff', { count: 2, seconds: 5 }));
    server.store.compact();
    await startCollector('n2');
    // Of what was counted already there is nothing new: the series stays where it was left.
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 7, BackOff: 2 }));
    server.put(eventObject('a', 'Unhealthy', { count: 8, seconds: 6 }));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Unhealthy: 1, BackOff: 2 }));
  });

  it('are only those of the types that are wanted', async () => {
    await startCollector('n1', '{types: [Warning], interval: 1s}');
    await until(() => expect(server.watches('events')).toBe(1));
    server.put(eventObject('a', 'Pulled', { type: 'Normal' }));
    server.put(eventObject('b', 'Failed'));
    await until(async () => expect(await valuesOf(COUNTED)).toEqual({ Failed: 1 }));
  });

  it('are records of the log outputs as well, whether files are followed or not', async () => {
    const records: Record<string, unknown>[] = [];
    const receiver = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const lines = gunzipSync(Buffer.concat(parts)).toString('utf8').split('\n');
        for (const line of lines) if (line !== '') records.push(JSON.parse(line));
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => {
      receiver.listen(0, '127.0.0.1', resolve);
    });
    running.push({
      close: async () => {
        receiver.closeAllConnections();
        receiver.close();
      },
    });
    const { port } = receiver.address() as AddressInfo;
    const output = `, http_logs: [{name: a, url: "http://127.0.0.1:${port}/"}]`;
    await startCollector('n1', '{interval: 1s}', output);
    await until(() => expect(server.watches('events')).toBe(1));
    server.put(eventObject('a', 'Unhealthy', { count: 2, message: 'Readiness probe failed: 503' }));
    await until(() => expect(records.length).toBe(1));
    server.put(eventObject('a', 'Unhealthy', { count: 5, message: 'Readiness probe failed: 503' }));
    await until(() => expect(records.length).toBe(2));
    expect(records.map(({ count }) => Number(count))).toEqual([2, 3]);
    expect(records[0]).toMatchObject({
      message: 'Readiness probe failed: 503',
      level: 'warn',
      reason: 'Unhealthy',
      type: 'Warning',
      kind: 'Pod',
      namespace: 'shop',
      name: 'web',
      component: 'kubelet',
      node: 'n1',
    });
  });
});
