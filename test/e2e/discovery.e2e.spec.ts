import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { startCollector } from '../support/collector.ts';
import { eventually, temporaryFolder, untilPasses } from '../support/processes.ts';

interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly scrapePool: string;
  readonly health: string;
  readonly lastError: string;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let target: Server;
let server: KubeApiServer;
let apiServer: string;
let port: number;
let targetGroups: object[];
/** Where every scrape is sent on to; '' for nowhere. */
let redirectsTo: string;
/** The address of the collector that runs. */
let own: string;
const requests: { readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  requests.length = 0;
  redirectsTo = '';
  targetGroups = [{ targets: ['127.0.0.1:2'], labels: { from: 'http' } }];
  target = createServer(({ url = '', headers }, response) => {
    requests.push({ url, headers });
    const isList = url === '/targets';
    if (redirectsTo !== '' && !isList) {
      response.writeHead(302, { location: redirectsTo }).end();
      return;
    }
    response.setHeader('content-type', isList ? 'application/json' : 'text/plain; version=0.0.4');
    response.end(isList ? JSON.stringify(targetGroups) : 'shop_orders 1\n');
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  ({ port } = target.address() as AddressInfo);
  server = new KubeApiServer();
  server.token = 'secret';
  apiServer = await server.listen();
  await writeFile(join(folder.path, 'token'), 'secret');
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await server.close();
  target.closeAllConnections();
  target.close();
  await folder.remove();
});

/** @returns what is scraped, as `/api/v1/targets` has it */
async function startScraping(scrapeConfigs: string, nodeName = 'n1') {
  const { app, url } = await startCollector(
    folder.path,
    `host_metrics: {enabled: false}
outputs: {remote_write: []}
kubernetes:
  api_server: ${apiServer}
  token_file: token
  node_name: ${nodeName}
  state: {enabled: false}
${scrapeConfigs}`,
  );
  running.push(app);
  own = url;
  return async (): Promise<readonly ActiveTarget[]> => {
    const response = await fetch(`${own}/api/v1/targets`);
    const { data } = (await response.json()) as { data: { activeTargets: ActiveTarget[] } };
    return data.activeTargets.filter(({ scrapePool }) => scrapePool !== 'binnacle-collector');
  };
}

/** Until the targets' URLs are these. */
async function untilUrls(
  targets: () => Promise<readonly ActiveTarget[]>,
  urls: readonly string[],
): Promise<readonly ActiveTarget[]> {
  const wanted = urls.toSorted().join(' ');
  const probe = async () => {
    const found = await targets();
    const got = found.map(({ scrapeUrl }) => scrapeUrl).toSorted();
    return got.join(' ') === wanted ? found : null;
  };
  return await eventually(`the targets ${wanted}`, probe);
}

const scraped = (name: string, annotations: Record<string, string>, node = 'n1') =>
  podObject(name, {
    node,
    ip: '127.0.0.1',
    annotations: { 'prometheus.io/scrape': 'true', ...annotations },
  });

it('pods of the node are scraped that ask for it, without any scrape_configs', async () => {
  server.put(
    scraped('web', {
      'prometheus.io/port': String(port),
      'prometheus.io/path': '/custom',
      'prometheus.io/param_module': 'a b',
    }),
  );
  server.put(scraped('elsewhere', { 'prometheus.io/port': String(port) }, 'n2'));
  server.put(scraped('sly', { 'prometheus.io/port': '10250' }));
  server.put(podObject('quiet', { node: 'n1', ip: '127.0.0.1', port }));
  const targets = await startScraping('');
  const url = `http://127.0.0.1:${port}/custom?module=a+b`;
  const [found] = await untilUrls(targets, [url]);
  expect(found?.labels).toEqual({
    job: 'kubernetes-pods',
    instance: `127.0.0.1:${port}`,
    namespace: 'shop',
    pod: 'web',
    node: 'n1',
  });
  const request = await eventually(
    'a scrape',
    () => requests.find((entry) => entry.url === '/custom?module=a+b') ?? null,
    60_000,
  );
  // What opens the API server goes nowhere else.
  expect(request.headers.authorization).toBeUndefined();
  server.delete(scraped('web', {}));
  await untilUrls(targets, []);
}, 120_000);

it('pods that point elsewhere than at themselves are refused, counted and listed with the reason', async () => {
  server.put(scraped('sly', { 'prometheus.io/port': '10250' }));
  server.put(scraped('vain', { 'acme.io/address': '169.254.169.254:80' }));
  server.put(scraped('shy', { 'acme.io/address': 'localhost:9371' }));
  server.put(scraped('web', { 'acme.io/address': `127.0.0.1:${port}` }));
  const address = '__meta_kubernetes_pod_annotation_acme_io_address';
  const annotated = '__meta_kubernetes_pod_annotation_prometheus_io_port';
  const targets = await startScraping(`scrape_configs:
  - job_name: pods
    scrape_interval: 1s
    kubernetes_sd_configs: [{role: pod}]
    relabel_configs:
      - {source_labels: [${address}], regex: (.+), target_label: __address__}
      - {source_labels: [__meta_kubernetes_pod_ip, ${annotated}], regex: '([^;]+);(.+)', replacement: '$1:$2', target_label: __address__}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`);
  await untilUrls(targets, [`http://127.0.0.1:${port}/metrics`]);
  const { data } = (await fetch(`${own}/api/v1/targets?state=dropped`).then((r) => r.json())) as {
    data: { droppedTargets: { discoveredLabels: Record<string, string>; reason: string }[] };
  };
  const reasons = data.droppedTargets.map(({ discoveredLabels, reason }) => [
    discoveredLabels['__meta_kubernetes_pod_name'],
    reason,
  ]);
  expect(Object.fromEntries(reasons)).toEqual({
    sly: '127.0.0.1:10250 is not asked: a port of the kubelet, which no pod may point at',
    vain: "169.254.169.254 is not asked: the cloud's metadata",
    shy: "localhost:9371 is not asked: an address of the collector's own host, which the object does not have",
  });
  const metrics = await fetch(`${own}/metrics`).then((response) => response.text());
  for (const reason of ['kubelet', 'metadata', 'loopback']) {
    const counter = `binnacle_collector_targets_refused_total{scrape_job="pods",reason="${reason}"}`;
    expect(metrics).toContain(`${counter} 1\n`);
  }
}, 120_000);

it('pods get no credential of the cluster’s, and lead no scrape to the node', async () => {
  redirectsTo = `http://localhost:${port}/stolen`;
  server.put(scraped('web', { 'prometheus.io/port': String(port) }));
  const annotated = '__meta_kubernetes_pod_annotation_prometheus_io_port';
  const targets = await startScraping(`scrape_configs:
  - job_name: pods
    scrape_interval: 1s
    kubernetes_sd_configs: [{role: pod}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_ip, ${annotated}], regex: '([^;]+);(.+)', replacement: '$1:$2', target_label: __address__}
`);
  const down = await eventually(
    'a scrape',
    async () => (await targets()).find(({ health }) => health === 'down') ?? null,
    60_000,
  );
  expect(down.lastError).toMatch(`redirected to localhost:${port}: an address of the collector`);
  expect(new Set(requests.map(({ url }) => url))).toEqual(new Set(['/metrics']));
  expect(requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
}, 120_000);

it('targets come from files and HTTP servers, and stay while these say nonsense', async () => {
  const file = join(folder.path, 'targets.json');
  const write = (address: string) =>
    writeFile(file, JSON.stringify([{ targets: [address], labels: { from: 'file' } }]));
  await write('127.0.0.1:1');
  const targets = await startScraping(`scrape_configs:
  - job_name: both
    file_sd_configs: [{files: ['targets*.json'], refresh_interval: 1s}]
    http_sd_configs: [{url: 'http://127.0.0.1:${port}/targets', refresh_interval: 1s}]
`);
  const found = await untilUrls(targets, [
    'http://127.0.0.1:1/metrics',
    'http://127.0.0.1:2/metrics',
  ]);
  expect(new Set(found.map(({ labels }) => labels['from']))).toEqual(new Set(['file', 'http']));
  await writeFile(file, 'nonsense: [');
  targetGroups = [{ targets: ['127.0.0.1:3'] }];
  await untilUrls(targets, ['http://127.0.0.1:1/metrics', 'http://127.0.0.1:3/metrics']);
  await write('127.0.0.1:4');
  await untilUrls(targets, ['http://127.0.0.1:3/metrics', 'http://127.0.0.1:4/metrics']);
  expect(requests[0]?.headers['x-prometheus-refresh-interval-seconds']).toBe('1');
}, 120_000);

it('endpoints of a node are its own, services the elected collector’s, one watch for each resource', async () => {
  server.put({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', labels: { team: 'a' } },
    spec: { type: 'ClusterIP', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  });
  server.put({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'web-x',
      namespace: 'shop',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    endpoints: ['n1', 'n2'].map((nodeName, i) => ({
      addresses: [`127.0.0.${i + 1}`],
      conditions: { ready: true },
      nodeName,
    })),
    ports: [{ name: 'http', port: 8_080, protocol: 'TCP' }],
  });
  const targets = await startScraping(`scrape_configs:
  - job_name: slices
    kubernetes_sd_configs: [{role: endpointslice}]
    relabel_configs: [{source_labels: [__meta_kubernetes_service_label_team], target_label: team}]
  - job_name: services
    kubernetes_sd_configs: [{role: service}]
`);
  const found = await untilUrls(targets, [
    'http://127.0.0.1:8080/metrics',
    'http://web.shop.svc:80/metrics',
  ]);
  expect(found.find(({ scrapePool }) => scrapePool === 'slices')?.labels['team']).toBe('a');
  // Objects are listed before they are watched.
  await untilPasses(() => expect(server.watches('services')).toBe(1));
}, 120_000);
