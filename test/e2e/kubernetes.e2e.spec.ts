import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { isStaleMarker } from '#libs/samples';
import { createApp } from '../../apps/collector/src/app.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let receiver: Server;
let server: KubeApiServer;
let apiServer: string;
/** The newest value of each series, `stale` for one that has ended. */
let latest: Map<string, number | 'stale'>;
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  latest = new Map();
  const decoder = new WriteV1Decoder();
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 24));
      batch.labels.forEach((labels, i) => {
        const at = batch.firstSample[i + 1]! - 1;
        const value = isStaleMarker(batch.values, at) ? 'stale' : batch.values[at]!;
        latest.set(labels.toString(), value);
      });
      response.writeHead(204).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  server = new KubeApiServer();
  server.token = 'secret';
  apiServer = await server.listen();
  await writeFile(join(folder.path, 'token'), 'secret');
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await server.close();
  receiver.closeAllConnections();
  receiver.close();
  await folder.remove();
});

async function startCollector(node: string) {
  const { port } = receiver.address() as AddressInfo;
  const configFile = join(folder.path, `${node}.yml`);
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
outputs: {remote_write: [{url: "http://127.0.0.1:${port}/api/v1/write", queue_config: {batch_send_deadline: 1h}}]}
kubernetes:
  api_server: ${apiServer}
  token_file: token
  state: {interval: 1s}
  lease: {duration: 8s, retry: 100ms, namespace: binnacle}
`,
  );
  const dataDir = join(folder.path, node);
  const app = await createApp(
    { configFile, dataDir, listen: { host: '127.0.0.1', port: 0 }, logLevel: 'silent' },
    { NODE_NAME: node },
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  const address = await listen(app, { host: '127.0.0.1', port: 0 });
  running.push(app);
  return {
    close: async () => {
      running.splice(running.indexOf(app), 1);
      await app.close();
    },
    metric: async (pattern: RegExp) => {
      const text = await fetch(`http://127.0.0.1:${address.port}/metrics`).then((r) => r.text());
      return Number(pattern.exec(text)?.[1]);
    },
  };
}

/** Until what is expected has come about. */
async function until(check: () => unknown): Promise<void> {
  const probe = async () => {
    await check();
    return true;
  };
  await eventually('what is expected', probe, 20_000);
}

/** The value of the one series whose text has all of `parts`. */
function valueOf(...parts: string[]): number | 'stale' | undefined {
  return [...latest].find(([series]) => parts.every((part) => series.includes(part)))?.[1];
}

const LEADER = /^binnacle_kube_leader (\d)/m;
const ready = (pod: string) =>
  valueOf('kube_pod_status_ready{condition="true"', `pod="${pod}"`, 'job="kube-state-metrics"');

describe('a collector on a node', () => {
  it('tells at once when a pod ceases to be ready, and of no other node’s pods', async () => {
    server.put(podObject('mine', { node: 'n1' }));
    server.put(podObject('other', { node: 'n2' }));
    await startCollector('n1');
    await until(() => expect(ready('mine')).toBe(1));
    // The outputs wait an hour for company; what is urgent does not.
    server.put(podObject('mine', { node: 'n1', isReady: false }));
    await until(() => expect(ready('mine')).toBe(0));
    server.delete(podObject('mine'));
    await until(() => expect(ready('mine')).toBe('stale'));
    expect(valueOf('pod="other"')).toBeUndefined();
  });

  it('speaks for the cluster when it is elected, and another one when it goes', async () => {
    server.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    server.put(podObject('waiting'));
    const first = await startCollector('n1');
    await until(async () => expect(await first.metric(LEADER)).toBe(1));
    await until(() => {
      expect(valueOf('kube_node_spec_unschedulable{', 'node="n1"')).toBe(0);
      expect(valueOf('kube_pod_status_phase{', 'pod="waiting"', 'phase="Pending"')).toBe(1);
    });
    const second = await startCollector('n2');
    expect(await second.metric(LEADER)).toBe(0);
    await first.close();
    await until(async () => expect(await second.metric(LEADER)).toBe(1));
    server.put({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1' },
      spec: { unschedulable: true },
    });
    await until(() => expect(valueOf('kube_node_spec_unschedulable{', 'node="n1"')).toBe(1));
    // Nothing has ended in between: the second goes on with the first one's series.
    expect([...latest.values()].filter((value) => value === 'stale')).toEqual([]);
  });

  it('tells how its own watches fare, as kube-state-metrics does', async () => {
    server.put(podObject('mine', { node: 'n1' }));
    await startCollector('n1');
    await until(() => expect(ready('mine')).toBe(1));
    let isReady = true;
    await until(() => {
      // What is told each interval leaves with the next change.
      isReady = !isReady;
      server.put(podObject('mine', { node: 'n1', isReady }));
      expect(valueOf('up{instance="n1"', 'job="kube-state-metrics"')).toBe(1);
      const lists = ['kube_state_metrics_list_total{instance="n1"', 'resource="*v1.Pod"'];
      expect(valueOf(...lists, 'result="success"')).toBe(1);
      expect(valueOf(...lists, 'result="error"')).toBe(0);
      expect(valueOf('kube_state_metrics_total_shards{')).toBe(1);
    });
  });

  it.each([
    ['refuses', () => (server.faults.refusals = { count: 40, status: 503, retryAfterSeconds: 0 })],
    ['answers 50 MB of nothing', () => (server.faults.listBytes = 50_000_000)],
  ])('goes on once an API server that %s is itself again, and counts', async (_what, fail) => {
    fail();
    server.put(podObject('mine', { node: 'n1' }));
    const collector = await startCollector('n1');
    const failed =
      /^binnacle_kube_requests_total\{resource="pods\{spec\.nodeName=n1\}",verb="list",result="error"\} (\d+)/m;
    await until(async () => expect(await collector.metric(failed)).toBeGreaterThan(0));
    server.faults.refusals.count = 0;
    server.faults.listBytes = 0;
    await until(() => expect(ready('mine')).toBe(1));
  });

  it('asks the API server for nothing but lists, watches and its own lease', async () => {
    const collector = await startCollector('n1');
    await until(async () => expect(await collector.metric(LEADER)).toBe(1));
    await until(() => expect(server.watches()).toBeGreaterThan(15));
    const written = server.accesses.filter(({ verb }) => verb !== 'list' && verb !== 'watch');
    expect(new Set(written.map(({ resource, namespace }) => `${resource} ${namespace}`))).toEqual(
      new Set(['leases binnacle']),
    );
    const resources = new Set(server.accesses.map(({ resource }) => resource));
    expect(resources).not.toContain('secrets');
    // One watch for each resource: the node's pods, and those without a node.
    expect(server.watches('nodes')).toBe(1);
    expect(server.watches('pods')).toBe(2);
  });
});
