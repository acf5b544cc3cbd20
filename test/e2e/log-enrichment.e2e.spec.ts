import 'reflect-metadata';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FluentServer } from '@fluent-org/logger';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: KubeApiServer;
let apiServer: string;
let fluentd: FluentServer;
let records: Record<string, unknown>[];
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  server = new KubeApiServer();
  apiServer = await server.listen();
  records = [];
  fluentd = new FluentServer({ listenOptions: { port: 0, host: '127.0.0.1' } });
  fluentd.on('entry', (_tag: string, _time: unknown, record: Record<string, unknown>) => {
    records.push(record);
  });
  await fluentd.listen();
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await fluentd.close();
  await server.close();
  await folder.remove();
});

async function startCollector(): Promise<() => Promise<string>> {
  const configFile = join(folder.path, 'collector.yml');
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
scrape_configs: []
kubernetes: {api_server: "${apiServer}", state: {enabled: false}}
logs:
  poll_interval: 20ms
  scan_interval: 100ms
  pods: {labels: [app], wait: 60s}
  files:
    - {name: pods, include: ['pods/*/*/*.log'], format: cri, from: beginning, redact: {kinds: [emails]}}
outputs:
  remote_write: []
  fluentd: [{name: test, port: ${fluentd.port!}}]
`,
  );
  const app = await createApp(
    {
      configFile,
      dataDir: join(folder.path, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    { NODE_NAME: 'n1' },
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  const { port } = await listen(app, { host: '127.0.0.1', port: 0 });
  return () => fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());
}

async function logFile(pod: string, uid: string, text: string): Promise<void> {
  const path = join(folder.path, 'pods', `shop_${pod}_${uid}`, 'main');
  await mkdir(path, { recursive: true });
  await writeFile(join(path, '0.log'), `2026-03-01T08:00:00Z stdout F ${text}\n`);
}

function podWithUid(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
): ReturnType<typeof podObject> {
  const labels = { app: 'web', 'pod-template-hash': '7d4b' };
  const pod = podObject(name, { node: 'n1', labels, annotations });
  const ownerReferences = [{ kind: 'ReplicaSet', name: 'web-7d4b', controller: true }];
  const owned: object = { ownerReferences };
  return { ...pod, metadata: { ...pod.metadata, uid: UID, ...owned } };
}

describe('the logs of pods', () => {
  it('say whose they are, also where the API server tells of a pod after its first line', async () => {
    const metrics = await startCollector();
    await logFile('web-7d4b-x', UID, 'ERROR no stock');
    await eventually('the pods are watched', () => server.watches('pods') > 0 || null);
    expect(records).toEqual([]);
    server.put(podWithUid('web-7d4b-x'));
    await eventually('the line has come', () => records.length === 1 || null);
    expect(records[0]).toMatchObject({
      message: 'ERROR no stock',
      level: 'error',
      stream: 'stdout',
      namespace: 'shop',
      pod: 'web-7d4b-x',
      container: 'main',
      pod_uid: UID,
      node: 'n1',
      workload: 'web',
      workload_kind: 'Deployment',
      labels: { app: 'web' },
    });
    const line =
      'binnacle_log_lines_total{group="pods",namespace="shop",pod="web-7d4b-x",container="main",workload="web",level="error",stream="stdout"} 1';
    await eventually('it is counted', async () => (await metrics()).includes(line) || null);
    expect(await metrics()).toContain('binnacle_log_unenriched_total{group="pods"} 0');
  });

  it('become what the pod’s annotations ask for', async () => {
    server.put(
      podWithUid('web-7d4b-x', {
        'fluentbit.io/parser_stdout-main': 'json',
        'binnacle.dev/log-multiline': 'java',
      }),
    );
    const metrics = await startCollector();
    await logFile(
      'web-7d4b-x',
      UID,
      [
        '{"msg":"paid","order":7,"namespace":"kube-system","mail":"a@b.co"}',
        'com.acme.PayException: no',
        '\tat com.acme.Pay.pay(Pay.java:1)',
      ].join('\n2026-03-01T08:00:00Z stdout F '),
    );
    await eventually('both records have come', () => records.length === 2 || null);
    expect(records[0]).toMatchObject({
      message: 'paid',
      order: 7,
      namespace: 'shop',
      log_namespace: 'kube-system',
      mail: '[redacted emails]',
    });
    expect(records[1]).toMatchObject({
      message: 'com.acme.PayException: no\n\tat com.acme.Pay.pay(Pay.java:1)',
      level: 'error',
    });
    const unparsed = 'binnacle_log_unparsed_lines_total{output="metrics",group="pods"} 1';
    await eventually('it is counted', async () => {
      const text = await metrics();
      return text.includes(unparsed) || null;
    });
    expect(await metrics()).toContain(
      'binnacle_log_redactions_total{group="pods",kind="emails"} 1',
    );
  });
});
