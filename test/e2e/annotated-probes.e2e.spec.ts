import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { temporaryFolder, untilPasses } from '../support/processes.ts';
import { WriteReceiver } from '../support/write-receiver.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let receiver: WriteReceiver;
let shop: Server;
let shopPort: number;
let server: KubeApiServer;
/** What the probed server was asked. */
let asked: string[];
let collector: Collector;

beforeEach(async () => {
  folder = await temporaryFolder();
  asked = [];
  receiver = await WriteReceiver.start();
  shop = createServer((request, response) => {
    const { host, authorization = 'nobody' } = request.headers;
    asked.push(`${host} ${request.url} by ${authorization}`);
    response.writeHead(request.url === '/sick' ? 500 : 200).end('all is well');
  });
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  shopPort = (shop.address() as AddressInfo).port;
  server = new KubeApiServer();
});

afterEach(async () => {
  await collector.app.close();
  await server.close();
  receiver.close();
  shop.closeAllConnections();
  shop.close();
  await folder.remove();
});

/** @returns where its probes are told of */
async function startProbing(probes: string): Promise<string> {
  collector = await startCollector(
    folder.path,
    `host_metrics: {enabled: false}
scrape_configs: []
outputs: {remote_write: [{url: "${receiver.url}", queue_config: {batch_send_deadline: 20ms}}]}
kubernetes:
  api_server: ${await server.listen()}
  kubelet: {enabled: false}
  lease: {duration: 8s, retry: 500ms, namespace: binnacle}
probes:
${probes}
`,
    { env: { NODE_NAME: 'n1' } },
  );
  return `${collector.url}/api/v1/probes`;
}

function service(name: string, annotations: Readonly<Record<string, string>>, port = shopPort) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, annotations },
    spec: { clusterIP: '127.0.0.1', ports: [{ name: 'web', port, protocol: 'TCP' }] },
  };
}

/** The value of the one series of that name with all of `parts` in its labels. */
function valueOf(name: string, ...parts: string[]): number | 'stale' | undefined {
  return receiver.valueOf(`${name}{`, ...parts);
}

const QUICK = '  annotated: {interval: 1s, min_interval: 1s}';

describe('probes by annotation', () => {
  it('are made of Services and Ingresses that ask for them, and end with them', async () => {
    server.put(service('web', { 'prometheus.io/probe': 'true' }));
    server.put(service('quiet', {}));
    server.put(service('port', { 'binnacle.dev/probe': 'tcp_connect' }));
    server.put({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: {
        name: 'front',
        namespace: 'shop',
        uid: 'uid-front',
        annotations: {
          'binnacle.dev/probe': 'true',
          'binnacle.dev/probe-port': String(shopPort),
          'binnacle.dev/probe-path': '/sick',
        },
      },
      spec: { rules: [{ host: 'localhost' }] },
    });
    // The node's pod behind the service, as far as its address tells.
    const pod = podObject('web-1', { node: 'n1', ip: '127.0.0.1' });
    server.put(pod);
    server.put(podObject('web-2', { node: 'n1', ip: '10.0.0.2' }));
    const outside = `http://127.0.0.1:${shopPort}/sick`;
    const api = await startProbing(
      `${QUICK}\n  allowed_networks: [loopback]\n  shadow: {pods: annotated}\n  targets: [{name: direct, module: http_2xx, interval: 1s, targets: ["${outside}"]}]`,
    );
    const web = ['namespace="shop"', 'service="web"', 'scope="service"', 'module="http_2xx"'];
    await untilPasses(() => {
      expect(valueOf('probe_success', ...web)).toBe(1);
      expect(valueOf('probe_http_status_code', ...web)).toBe(200);
      expect(valueOf('probe_success', 'service="port"', 'module="tcp_connect"')).toBe(1);
      expect(valueOf('probe_success', 'ingress="front"', 'scope="ingress"')).toBe(0);
      expect(valueOf('probe_http_status_code', 'ingress="front"')).toBe(500);
    });
    expect(valueOf('probe_success', 'service="quiet"')).toBeUndefined();
    // By the Service's own name, at its cluster address.
    expect(asked).toContain(`web.shop.svc:${shopPort} / by nobody`);
    const named = async (query: string): Promise<unknown[]> => {
      const answer = await fetch(`${api}?${query}`);
      const { data } = (await answer.json()) as { data: { probes: { name: string }[] } };
      return data.probes.map(({ name }) => name);
    };
    expect(await named('namespace=shop&service=web')).toEqual(['service/shop/web']);
    expect(await named('ingress=front')).toEqual(['ingress/shop/front']);
    expect(await named('service=web&namespace=other')).toEqual([]);
    // A pod's story has what goes to its address, and nothing that only goes to its service.
    expect(await named('namespace=shop&pod=web-1')).toEqual(['direct']);
    expect(await named('namespace=shop&pod=web-2')).toEqual([]);
    server.put(service('web', {}));
    await untilPasses(() => expect(valueOf('probe_success', ...web)).toBe('stale'));
  });

  it('go to no address that is not theirs, and use no module with credentials', async () => {
    server.put(service('local', { 'binnacle.dev/probe': 'true' }));
    server.put(service('kubelet', { 'binnacle.dev/probe': 'tcp_connect' }, 10_250));
    server.put(service('thief', { 'binnacle.dev/probe': 'secret' }));
    const secret = '{prober: http, http: {basic_auth: {username: u, password: p}}}';
    const api = await startProbing(`${QUICK}\n  modules: {secret: ${secret}}`);
    await untilPasses(async () => {
      const { data } = (await (await fetch(api)).json()) as {
        data: { probes: { target: string; failure: unknown }[]; problems: unknown[] };
      };
      const failures = Object.fromEntries(
        data.probes.map(({ target, failure }) => [target, failure]),
      );
      expect(failures).toEqual({
        [`http://local.shop.svc:${shopPort}/`]: {
          code: 'forbidden',
          message: '127.0.0.1 is an address that discovered probes must not go to',
        },
        'kubelet.shop.svc:10250': { code: 'forbidden', message: "port 10250 is the kubelet's" },
      });
      expect(data.problems).toEqual([
        {
          kind: 'service',
          namespace: 'shop',
          name: 'thief',
          message: expect.stringMatching(/module secret is not to be had by annotation/),
        },
      ]);
    });
    expect(asked).toEqual([]);
    await untilPasses(() => expect(valueOf('probe_success', 'service="local"')).toBe(0));
  });
});
