import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { KUBELET_CA_FILE, StandInKubelet } from '../kube/kubelet.ts';
import { kubeletPod } from '../kube/kubelet-bodies.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { eventually, temporaryFolder, untilPasses } from '../support/processes.ts';

interface ListedTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly health: string;
  readonly lastError: string;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let apiServer: KubeApiServer;
let apiServerUrl: string;
let collectors: number;
let kubelet: StandInKubelet;
let engine: Engine | null;
const running: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  engine = null;
  collectors = 0;
  await writeFile(join(folder.path, 'token'), 'first');
  apiServer = new KubeApiServer();
  apiServer.token = 'first';
  apiServerUrl = await apiServer.listen();
  running.push(apiServer);
  kubelet = await startKubelet();
});

afterEach(async () => {
  for (const one of running.splice(0).toReversed()) await one.close();
  await folder.remove();
});

async function startKubelet(options: { readonly isSelfSigned?: boolean } = {}) {
  const pods = [
    kubeletPod('web', { claims: [{ claim: 'data', capacityBytes: 10, usedBytes: 4 }] }),
  ];
  const made = new StandInKubelet({ nodeName: 'n1', token: 'first', pods, ...options });
  await made.listen();
  running.push(made);
  return made;
}

/** @returns the collector's targets, as `/api/v1/targets` has them */
async function startCollector(
  section: string,
  env: Readonly<Record<string, string>> = {},
  config = '',
): Promise<() => Promise<readonly ListedTarget[]>> {
  const name = `collector-${++collectors}`;
  const configFile = join(folder.path, `${name}.yml`);
  const write = engine === null ? '' : `{url: "${engine.url}/api/v1/write"}`;
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
outputs: {remote_write: [${write}]}
kubernetes:
  api_server: ${apiServerUrl}
  token_file: token
  ca_file: ${KUBELET_CA_FILE}
  state: {interval: 1s, resources: [pods]}
  lease: {duration: 8s, retry: 500ms}
  kubelet: {${section}}
${config}`,
  );
  const app = await createApp(
    {
      configFile,
      dataDir: join(folder.path, name),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    { NODE_NAME: 'n1', ...env },
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  const { port } = await listen(app, { host: '127.0.0.1', port: 0 });
  return async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/targets`);
    const { data } = (await response.json()) as { data: { activeTargets: ListedTarget[] } };
    return data.activeTargets.filter(({ scrapePool }) => scrapePool.startsWith('kubelet/'));
  };
}

const address = (): string => `127.0.0.1:${kubelet.port}`;

/** Until every target has been scraped once and `check` holds of all. */
async function untilTargets(
  targets: () => Promise<readonly ListedTarget[]>,
  check: (target: ListedTarget) => boolean,
): Promise<readonly ListedTarget[]> {
  const probe = async () => {
    const found = await targets();
    return found.length > 0 && found.every(check) ? found : null;
  };
  return await eventually('the targets to be as expected', probe);
}

/** Until no target can be scraped, for this reason: on a busy machine one may run out of time before, now and then. */
async function untilDown(
  targets: () => Promise<readonly ListedTarget[]>,
  reason: unknown,
): Promise<void> {
  await untilPasses(async () => {
    const found = await targets();
    expect(found.map(({ health, lastError }) => [health, lastError])).toEqual(
      found.map(() => ['down', reason]),
    );
    expect(found).not.toEqual([]);
  });
}

/** Until the engine answers with the value. */
async function untilValue(query: string, value: string): Promise<void> {
  const url = `${engine!.url}/api/v1/query?query=${encodeURIComponent(query)}`;
  const probe = async () => {
    const { data } = (await fetch(url).then((response) => response.json())) as {
      data: { result: { value: [number, string] }[] };
    };
    return data.result[0]?.value[1] === value ? value : null;
  };
  await eventually(`${query} to be ${value}`, probe);
}

describe('the kubelet of a collector’s node', () => {
  it('is scraped with the labels of kube-prometheus, and a rule reads its probe counters', async () => {
    await writeFile(
      join(folder.path, 'rules.yml'),
      `groups:
  - name: probes
    interval: 1s
    rules:
      - alert: ReadinessFails
        expr: increase(prober_probe_total{probe_type="Readiness",result="failed"}[1m]) > 0
`,
    );
    await writeFile(join(folder.path, 'engine.yml'), 'rule_files: [rules.yml]\n');
    engine = await startEngine(join(folder.path, 'engine'), join(folder.path, 'engine.yml'));
    const { app } = engine;
    running.push({ close: () => app.close() });
    const readiness = kubelet.pods[0]!.containers[0]!.probes[1]!;
    readiness.failed = 1;
    apiServer.put(podObject('web', { node: 'n1' }));
    const targets = await startCollector(`address: "${address()}", interval: 1s, timeout: 1s`);
    const up = await untilTargets(targets, ({ health }) => health === 'up');
    const paths = ['', '/cadvisor', '/resource', '/probes'].map((path) => `/metrics${path}`);
    const all = [...paths, '/stats/summary'];
    const common = { job: 'kubelet', instance: address(), node: 'n1' };
    expect(up.map(({ labels }) => labels)).toEqual(
      all.map((path) => Object.assign({ metrics_path: path }, common)),
    );
    expect(up.map(({ scrapeUrl }) => scrapeUrl)).toEqual(
      all.map((path) => `https://${address()}${path}`),
    );
    const of = (path: string) => `job="kubelet",metrics_path="${path}",instance="${address()}"`;
    await untilValue(`kubelet_node_name{${of('/metrics')},node="n1"}`, '1');
    await untilValue(`kubelet_volume_stats_available_bytes{persistentvolumeclaim="data"}`, '6');
    const container = 'namespace="shop",pod="web",container="main"';
    await untilValue(
      `container_memory_working_set_bytes{${of('/metrics/cadvisor')},${container},node="n1"}`,
      String(64 << 20),
    );
    await untilValue(`container_cpu_usage_seconds_total{${of('/metrics/resource')}}`, '12.5');
    await untilValue(
      `kube_summary_pod_ephemeral_storage_used_bytes{${of('/stats/summary')},pod="web"}`,
      '12288',
    );
    await untilValue(`prober_probe_total{${of('/metrics/probes')},result="failed"}`, '1');
    readiness.failed = 4;
    await untilValue('ALERTS{alertname="ReadinessFails",alertstate="firing",pod="web"}', '1');
    // Never `nodes/proxy`, whatever is asked.
    expect(new Set(kubelet.accesses.map(({ right }) => right))).toEqual(
      new Set(['nodes/metrics', 'nodes/stats']),
    );
  });

  it('is asked with the token that the file holds now', async () => {
    const targets = await startCollector(`address: "${address()}", interval: 1s, timeout: 1s`);
    await untilTargets(targets, ({ health }) => health === 'up');
    kubelet.token = 'second';
    await untilDown(targets, 'server returned HTTP status 401 Unauthorized');
    await writeFile(join(folder.path, 'token'), 'second');
    expect(await untilTargets(targets, ({ health }) => health === 'up')).toHaveLength(5);
  });

  it('is asked for no path of which the role says nothing', async () => {
    kubelet.rights = new Set(['nodes/metrics']);
    const targets = await startCollector(`address: "${address()}", interval: 1s, timeout: 1s`);
    await untilPasses(async () => {
      const found = await targets();
      const ups = found.filter(({ health }) => health === 'up');
      const downs = found.filter(({ health }) => health === 'down');
      expect(downs.map(({ labels }) => labels['metrics_path'])).toEqual(['/stats/summary']);
      expect(ups).toHaveLength(4);
    });
  });

  it('has to prove who it is, unless the configuration does not ask', async () => {
    kubelet = await startKubelet({ isSelfSigned: true });
    const section = `address: "${address()}", interval: 1s, timeout: 1s`;
    const targets = await startCollector(section);
    await untilDown(targets, expect.stringMatching(/^tls: /));
    // Nothing was said to somebody unknown, the token least of all.
    expect(kubelet.accesses).toEqual([]);
    const trusting = await startCollector(`${section}, insecure_skip_verify: true`);
    await untilTargets(trusting, ({ health }) => health === 'up');
  });

  it('may not send the token elsewhere', async () => {
    let requests = 0;
    const elsewhere: Server = createServer((_request, response) => {
      requests++;
      response.end('stolen 1\n');
    });
    await new Promise<void>((resolve) => {
      elsewhere.listen(0, '127.0.0.1', resolve);
    });
    running.push({
      close: async () => {
        elsewhere.closeAllConnections();
        elsewhere.close();
      },
    });
    kubelet.faults.redirectsTo = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    const targets = await startCollector(`address: "${address()}", interval: 1s, timeout: 1s`);
    await untilDown(targets, 'server returned HTTP status 302 Found');
    expect(requests).toBe(0);
  });

  it('is found by the address that the pod is given, beside the jobs of the configuration', async () => {
    const job = 'scrape_configs: [{job_name: kubelet/probes}]\n';
    const section = `enabled: true, port: ${kubelet.port}, endpoints: [cadvisor, probes]`;
    const targets = await startCollector(section, { HOST_IP: '127.0.0.1' }, job);
    const found = await untilTargets(targets, () => true);
    // A job of the same name takes the place of one.
    expect(found.map(({ scrapeUrl }) => scrapeUrl)).toEqual([
      `https://${address()}/metrics/cadvisor`,
    ]);
  });

  it('is found through the API server where that is asked for', async () => {
    apiServer.put({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
      },
    });
    const section = 'discover_nodes: true, endpoints: [metrics], interval: 1s, timeout: 1s';
    const targets = await startCollector(section);
    const [up] = await untilTargets(targets, ({ health }) => health === 'up');
    expect(up!.labels).toEqual({
      job: 'kubelet',
      instance: address(),
      metrics_path: '/metrics',
      node: 'n1',
    });
  });

  it.each([
    ['no JSON', 'nothing', /expected JSON as of \/stats\/summary/],
    ['no summary', '{"pods": {}}', /pods: expected a list, got object/],
  ])('costs nothing but a scrape when its summary is %s', async (_what, body, message) => {
    const section = 'endpoints: [summary], interval: 1s, timeout: 1s';
    const targets = await startCollector(`address: "${address()}", ${section}`);
    await untilTargets(targets, ({ health }) => health === 'up');
    kubelet.faults.body = body;
    await untilDown(targets, expect.stringMatching(message));
    kubelet.faults.body = '';
    await untilTargets(targets, ({ health }) => health === 'up');
  });
});
