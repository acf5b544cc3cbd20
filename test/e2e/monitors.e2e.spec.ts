import 'reflect-metadata';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { parseAllDocuments } from 'yaml';
import { createApp } from '../../apps/collector/src/app.ts';
import type { Manifest } from '../../deploy/src/manifest.ts';
import { type Access, CUSTOM_GROUP, KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import type { StoredObject } from '../kube/selectors.ts';
import { eventually, temporaryFolder, untilPasses } from '../support/processes.ts';

interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly scrapePool: string;
  readonly health: string;
  readonly lastError: string;
  readonly scrapeInterval: string;
  readonly scrapeTimeout: string;
}

interface Monitors {
  readonly kinds: readonly { readonly kind: string; readonly state: string }[];
  readonly objects: readonly {
    readonly name: string;
    readonly scrapePools: readonly string[];
    readonly refused: readonly { readonly path: string; readonly reason: string }[];
  }[];
}

const DEADLINE_MS = 60_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let target: Server;
let server: KubeApiServer;
let apiServer: string;
let port: number;
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  target = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end('shop_orders 1\n');
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

async function startCollector(nodeName: string, monitors = '', more = '') {
  const configFile = join(folder.path, `${nodeName}.yml`);
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
outputs: {remote_write: []}
scrape_configs: []
kubernetes:
  api_server: ${apiServer}
  token_file: token
  node_name: ${nodeName}
  state: {enabled: false}
  allowed_networks: [127.0.0.0/8]
  lease: {duration: 8s, retry: 500ms, namespace: binnacle-nodes}
  monitors: {recheck_interval: 200ms, scrape_interval: 1s, scrape_timeout: 1s${monitors}}
${more}
`,
  );
  const app = await createApp(
    {
      configFile,
      dataDir: join(folder.path, nodeName),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  const { port: own } = await listen(app, { host: '127.0.0.1', port: 0 });
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${own}${path}`);
    const { data } = (await response.json()) as { data: T };
    return data;
  };
  return {
    close: async () => {
      running.splice(running.indexOf(app), 1);
      await app.close();
    },
    monitors: () => get<Monitors>('/api/v1/monitors'),
    targets: async () =>
      (await get<{ activeTargets: ActiveTarget[] }>('/api/v1/targets')).activeTargets,
    probes: (query: string) => get<{ probes: { name: string }[] }>(`/api/v1/probes${query}`),
    metrics: async () => await (await fetch(`http://127.0.0.1:${own}/metrics`)).text(),
  };
}

type Collector = Awaited<ReturnType<typeof startCollector>>;

/** Until these are scraped, by pool and URL. */
function untilScraped(collector: Collector, wanted: readonly string[]) {
  const sorted = wanted.toSorted().join('\n');
  return eventually(
    `the targets ${sorted}`,
    async () => {
      const found = await collector.targets();
      const got = found.map(({ scrapePool, scrapeUrl }) => `${scrapePool} ${scrapeUrl}`);
      return got.toSorted().join('\n') === sorted ? found : null;
    },
    DEADLINE_MS,
  );
}

function untilState(collector: Collector, state: string) {
  return eventually(
    `all kinds to be ${state}`,
    async () => {
      const { kinds } = await collector.monitors();
      return kinds.length > 0 && kinds.every((kind) => kind.state === state) ? kinds : null;
    },
    DEADLINE_MS,
  );
}

function monitor(kind: string, name: string, spec: object): StoredObject {
  const version = kind === 'ScrapeConfig' ? 'v1alpha1' : 'v1';
  return {
    apiVersion: `${CUSTOM_GROUP}/${version}`,
    kind,
    metadata: { name, namespace: 'shop' },
    spec,
  };
}

/** What the collector may do with the role that the component adds. */
function allowedByRoles(): (access: Access) => boolean {
  const rules = ['base/collector', 'components/prometheus-crds'].flatMap((part) => {
    const file = join(import.meta.dirname, '..', '..', 'deploy', part, 'rbac.yaml');
    const roles = parseAllDocuments(readFileSync(file, 'utf8')).map(
      (one) => one.toJS() as Manifest,
    );
    return roles.flatMap((role) => role.rules ?? []);
  });
  return ({ group, resource, verb }) =>
    rules.some(
      ({ apiGroups = [], resources = [], verbs = [] }) =>
        apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb),
    );
}

function putService(): void {
  server.put({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
    spec: { type: 'ClusterIP', ports: [{ name: 'metrics', port: 80, protocol: 'TCP' }] },
  });
  for (const [i, nodeName] of ['n1', 'n2'].entries()) {
    server.put(podObject(`web-${i}`, { node: nodeName, ip: `127.0.0.${i + 1}`, port }));
  }
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
      targetRef: { kind: 'Pod', namespace: 'shop', name: `web-${i}` },
    })),
    ports: [{ name: 'metrics', port, protocol: 'TCP' }],
  });
}

const serviceMonitor = () =>
  monitor('ServiceMonitor', 'web', {
    selector: { matchLabels: { app: 'web' } },
    endpoints: [
      { port: 'metrics', path: '/m' },
      { port: 'metrics', basicAuth: { username: { name: 'a', key: 'b' } } },
    ],
  });

function labelled(name: string, namespace: string, labels = {}): StoredObject {
  const { metadata, ...rest } = serviceMonitor();
  return { ...rest, metadata: { ...metadata, name, namespace, labels } };
}

it('objects are taken once their definitions are there, and let go with them', async () => {
  putService();
  server.allows = allowedByRoles();
  const collector = await startCollector('n1');
  await untilState(collector, 'absent');
  expect(server.watches('servicemonitors')).toBe(0);
  server.customGroups.add(CUSTOM_GROUP);
  server.put(serviceMonitor());
  server.put(
    monitor('PodMonitor', 'pods', { selector: {}, podMetricsEndpoints: [{ port: 'http' }] }),
  );
  server.put(monitor('Probe', 'none', { prober: { url: 'a:1' }, targets: {} }));
  const found = await untilScraped(collector, [
    `serviceMonitor/shop/web/0 http://127.0.0.1:${port}/m`,
    `podMonitor/shop/pods/0 http://127.0.0.1:${port}/metrics`,
  ]);
  expect(found.find(({ scrapePool }) => scrapePool.startsWith('service'))?.labels).toEqual({
    job: 'web',
    instance: `127.0.0.1:${port}`,
    namespace: 'shop',
    service: 'web',
    pod: 'web-0',
    container: 'main',
    endpoint: 'metrics',
  });
  await eventually(
    'all to be scraped',
    async () => {
      const targets = await collector.targets();
      return targets.length === 2 && targets.every(({ health }) => health === 'up') ? true : null;
    },
    DEADLINE_MS,
  );
  // Each kind has a watch of its own, which may be later than the others.
  await untilPasses(async () => {
    const { objects } = await collector.monitors();
    expect(
      objects.map(({ name, scrapePools, refused }) => [name, scrapePools.length, refused]),
    ).toEqual([
      ['pods', 1, []],
      ['none', 0, [expect.objectContaining({ path: 'spec.targets' })]],
      ['web', 1, [expect.objectContaining({ path: 'spec.endpoints[1].basicAuth' })]],
    ]);
    expect(await collector.metrics()).toMatch(/binnacle_monitor_refusals_total\{kind="Probe"\} 1/);
    // One watch of what both look for targets in.
    expect(server.watches('pods')).toBe(1);
  });
  server.put(monitor('ServiceMonitor', 'web', { selector: {}, endpoints: [{ port: 'metrics' }] }));
  server.delete(monitor('PodMonitor', 'pods', {}));
  await untilScraped(collector, [`serviceMonitor/shop/web/0 http://127.0.0.1:${port}/metrics`]);
  server.customGroups.delete(CUSTOM_GROUP);
  await untilState(collector, 'absent');
  await untilScraped(collector, []);
}, 180_000);

it('without the right nothing is watched, and it is said; with it everything begins', async () => {
  server.customGroups.add(CUSTOM_GROUP);
  putService();
  server.put(serviceMonitor());
  server.allows = ({ group }: Access) => group !== CUSTOM_GROUP;
  const collector = await startCollector('n1');
  await untilState(collector, 'forbidden');
  expect(server.watches('servicemonitors')).toBe(0);
  server.allows = null;
  await untilState(collector, 'watched');
  await untilScraped(collector, [`serviceMonitor/shop/web/0 http://127.0.0.1:${port}/m`]);
}, 180_000);

it('each node scrapes its own, and one of them what belongs to no node', async () => {
  server.customGroups.add(CUSTOM_GROUP);
  putService();
  server.put(serviceMonitor());
  server.put(
    monitor('ScrapeConfig', 'outside', { staticConfigs: [{ targets: [`127.0.0.9:${port}`] }] }),
  );
  server.put(
    monitor('Probe', 'sites', {
      prober: { url: '127.0.0.1:1' },
      targets: { staticConfig: { static: ['https://acme.dev'] } },
    }),
  );
  const own = (i: number) => `serviceMonitor/shop/web/0 http://127.0.0.${i}:${port}/m`;
  const shared = [
    `scrapeConfig/shop/outside http://127.0.0.9:${port}/metrics`,
    'probe/shop/sites http://127.0.0.1:1/probe?target=https%3A%2F%2Facme.dev',
  ];
  const first = await startCollector('n1');
  await untilScraped(first, [own(1), ...shared]);
  const second = await startCollector('n2');
  await untilScraped(second, [own(2)]);
  await first.close();
  const taken = await untilScraped(second, [own(2), ...shared]);
  expect(taken.map(({ labels }) => String(labels['job'])).toSorted()).toEqual([
    'probe/shop/sites',
    'scrapeConfig/shop/outside',
    'web',
  ]);
}, 180_000);

it('only objects of the chosen namespaces, kinds and labels are read, and no more jobs than allowed', async () => {
  server.customGroups.add(CUSTOM_GROUP);
  putService();
  server.put(labelled('a', 'shop', { scrape: 'yes' }));
  server.put(labelled('b', 'shop'));
  server.put(labelled('c', 'other', { scrape: 'yes' }));
  server.put(labelled('d', 'shop', { scrape: 'yes' }));
  server.put(monitor('ScrapeConfig', 'e', { staticConfigs: [{ targets: ['127.0.0.9:1'] }] }));
  const collector = await startCollector(
    'n1',
    ', kinds: [ServiceMonitor], namespaces: [shop], label_selector: scrape=yes, max_jobs: 1',
  );
  await untilScraped(collector, [`serviceMonitor/shop/a/0 http://127.0.0.1:${port}/m`]);
  await untilPasses(async () => {
    const { objects } = await collector.monitors();
    expect(objects.map(({ name }) => name)).toEqual(['a', 'd']);
    expect(objects[1]?.refused.at(-1)?.reason).toContain('max_jobs');
  });
}, 180_000);

it('a probe that names no prober is made by the collector, with the modules that objects may name', async () => {
  server.customGroups.add(CUSTOM_GROUP);
  const asked = new Set<string>();
  target.on('request', ({ url = '', headers }) => asked.add(`${headers.host}${url}`));
  const site = `http://127.0.0.1:${port}/site`;
  const probe = (name: string, spec: object, targets = [site]) =>
    server.put(monitor('Probe', name, { targets: { staticConfig: { static: targets } }, ...spec }));
  probe('here', { module: 'http_2xx', jobName: 'sites' });
  probe('unknown', { module: 'secret', prober: { url: 'binnacle' } });
  probe('kubelet', {}, ['http://127.0.0.1:10250/pods']);
  const collector = await startCollector('n1', '', 'probes: {allowed_networks: [loopback]}');
  const pools = async () => {
    const found = await collector.targets();
    const known = found.filter(({ health }) => health !== 'unknown');
    return known.length === 3
      ? Object.fromEntries(known.map((one) => [one.scrapePool, one]))
      : null;
  };
  const found = await eventually('all to be probed', pools, DEADLINE_MS);
  expect(found['probe/shop/here']).toMatchObject({
    health: 'up',
    labels: { job: 'sites', instance: site, namespace: 'shop' },
  });
  expect([...asked]).toEqual([`127.0.0.1:${port}/site`]);
  expect(found['probe/shop/unknown']).toMatchObject({
    health: 'down',
    lastError: expect.stringMatching(/^no module secret for objects; accepted are http_2xx, /),
  });
  const told = await collector.probes('?namespace=shop');
  const byName = Object.fromEntries(told.probes.map((one) => [one.name, one]));
  expect(byName).toEqual({
    'probe/shop/here': expect.objectContaining({
      health: 'up',
      module: 'http_2xx',
      target: site,
      labels: expect.objectContaining({ job: 'sites', namespace: 'shop' }),
      failure: null,
      lastSuccess: expect.any(String),
    }),
    'probe/shop/unknown': expect.objectContaining({
      health: 'down',
      failure: { code: 'configuration', message: expect.stringMatching(/^no module secret/) },
    }),
    'probe/shop/kubelet': expect.objectContaining({
      health: 'down',
      failure: expect.objectContaining({ code: 'forbidden' }),
      lastSuccess: null,
    }),
  });
  expect((await collector.probes('?namespace=other')).probes).toEqual([]);
  // A failed probe is an answer.
  expect(found['probe/shop/kubelet']).toMatchObject({ health: 'up' });
  await untilPasses(async () => {
    const metrics = await collector.metrics();
    expect(metrics).toMatch(
      /probes_total\{probe="probe\/shop\/here",module="http_2xx",result="success"\} \d/,
    );
    expect(metrics).toMatch(
      /probes_total\{probe="probe\/shop\/kubelet",module="http_2xx",result="forbidden"\} \d/,
    );
  });
}, 180_000);

it('no rule of an object has a target asked more often than it may be', async () => {
  server.customGroups.add(CUSTOM_GROUP);
  server.put(
    monitor('ScrapeConfig', 'hasty', {
      scrapeInterval: '8s',
      staticConfigs: [{ targets: [`127.0.0.9:${port}`] }],
      relabelings: ['interval', 'timeout'].map((name) => ({
        targetLabel: `__scrape_${name}__`,
        replacement: '1ms',
      })),
    }),
  );
  const collector = await startCollector('n1', ', min_interval: 7s');
  const [only] = await untilScraped(collector, [
    `scrapeConfig/shop/hasty http://127.0.0.9:${port}/metrics`,
  ]);
  expect(only).toMatchObject({ scrapeInterval: '7s', scrapeTimeout: '1ms' });
}, 180_000);
