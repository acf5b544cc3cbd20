import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { startCollector } from '../support/collector.ts';
import { temporaryFolder, untilPasses } from '../support/processes.ts';
import { WriteReceiver } from '../support/write-receiver.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let receiver: WriteReceiver;
let server: KubeApiServer;
let apiServer: string;
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  receiver = await WriteReceiver.start();
  server = new KubeApiServer();
  server.token = 'secret';
  apiServer = await server.listen();
  await writeFile(join(folder.path, 'token'), 'secret');
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await server.close();
  receiver.close();
  await folder.remove();
});

async function startOn(node: string) {
  const { app, url } = await startCollector(
    folder.path,
    `host_metrics: {enabled: false}
outputs: {remote_write: [{url: "${receiver.url}", queue_config: {batch_send_deadline: 1h}}]}
kubernetes:
  api_server: ${apiServer}
  token_file: token
  state: {interval: 1s}
  lease: {duration: 8s, retry: 500ms, namespace: binnacle}
`,
    { name: node, env: { NODE_NAME: node } },
  );
  running.push(app);
  return {
    close: async () => {
      running.splice(running.indexOf(app), 1);
      await app.close();
    },
    metric: async (pattern: RegExp) => {
      const text = await fetch(`${url}/metrics`).then((response) => response.text());
      return Number(pattern.exec(text)?.[1]);
    },
  };
}

const LEADER = /^binnacle_kube_leader (\d)/m;
const ready = (pod: string) =>
  receiver.valueOf(
    'kube_pod_status_ready{condition="true"',
    `pod="${pod}"`,
    'job="kube-state-metrics"',
  );

describe('a collector on a node', () => {
  it('tells at once when a pod ceases to be ready, and of no other node’s pods', async () => {
    server.put(podObject('mine', { node: 'n1' }));
    server.put(podObject('other', { node: 'n2' }));
    await startOn('n1');
    await untilPasses(() => expect(ready('mine')).toBe(1));
    // The outputs wait an hour for company; what is urgent does not.
    server.put(podObject('mine', { node: 'n1', isReady: false }));
    await untilPasses(() => expect(ready('mine')).toBe(0));
    server.delete(podObject('mine'));
    await untilPasses(() => expect(ready('mine')).toBe('stale'));
    expect(receiver.valueOf('pod="other"')).toBeUndefined();
  });

  it('speaks for the cluster when it is elected, and another one when it goes', async () => {
    server.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    server.put(podObject('waiting'));
    const first = await startOn('n1');
    await untilPasses(async () => expect(await first.metric(LEADER)).toBe(1));
    await untilPasses(() => {
      expect(receiver.valueOf('kube_node_spec_unschedulable{', 'node="n1"')).toBe(0);
      expect(receiver.valueOf('kube_pod_status_phase{', 'pod="waiting"', 'phase="Pending"')).toBe(
        1,
      );
    });
    const second = await startOn('n2');
    expect(await second.metric(LEADER)).toBe(0);
    await first.close();
    await untilPasses(async () => expect(await second.metric(LEADER)).toBe(1));
    server.put({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1' },
      spec: { unschedulable: true },
    });
    await untilPasses(() =>
      expect(receiver.valueOf('kube_node_spec_unschedulable{', 'node="n1"')).toBe(1),
    );
    // Nothing has ended in between: the second goes on with the first one's series.
    expect([...receiver.latest.values()].filter((value) => value === 'stale')).toEqual([]);
  });

  it('tells how its own watches fare, as kube-state-metrics does', async () => {
    server.put(podObject('mine', { node: 'n1' }));
    await startOn('n1');
    await untilPasses(() => expect(ready('mine')).toBe(1));
    let isReady = true;
    await untilPasses(() => {
      // What is told each interval leaves with the next change.
      isReady = !isReady;
      server.put(podObject('mine', { node: 'n1', isReady }));
      expect(receiver.valueOf('up{instance="n1"', 'job="kube-state-metrics"')).toBe(1);
      const lists = ['kube_state_metrics_list_total{instance="n1"', 'resource="*v1.Pod"'];
      expect(receiver.valueOf(...lists, 'result="success"')).toBe(1);
      expect(receiver.valueOf(...lists, 'result="error"')).toBe(0);
      expect(receiver.valueOf('kube_state_metrics_total_shards{')).toBe(1);
    });
  });

  it.each([
    ['refuses', () => (server.faults.refusals = { count: 40, status: 503, retryAfterSeconds: 0 })],
    ['answers 50 MB of nothing', () => (server.faults.listBytes = 50_000_000)],
  ])('goes on once an API server that %s is itself again, and counts', async (_what, fail) => {
    fail();
    server.put(podObject('mine', { node: 'n1' }));
    const collector = await startOn('n1');
    const failed =
      /^binnacle_kube_requests_total\{resource="pods\{spec\.nodeName=n1\}",verb="list",result="error"\} (\d+)/m;
    await untilPasses(async () => expect(await collector.metric(failed)).toBeGreaterThan(0));
    server.faults.refusals.count = 0;
    server.faults.listBytes = 0;
    await untilPasses(() => expect(ready('mine')).toBe(1));
  });

  it('asks the API server for nothing but lists, watches and its own lease', async () => {
    const collector = await startOn('n1');
    await untilPasses(async () => expect(await collector.metric(LEADER)).toBe(1));
    await untilPasses(() => expect(server.watches()).toBeGreaterThan(15));
    const written = server.accesses.filter(({ verb }) => verb !== 'list' && verb !== 'watch');
    expect(new Set(written.map(({ resource, namespace }) => `${resource} ${namespace}`))).toEqual(
      new Set(['leases binnacle']),
    );
    const resources = new Set(server.accesses.map(({ resource }) => resource));
    expect(resources).not.toContain('secrets');
    // One watch for each resource: the node's pods, and those without a node. They begin apart from one another.
    await untilPasses(() => {
      expect(server.watches('nodes')).toBe(1);
      expect(server.watches('pods')).toBe(2);
    });
  });
});
