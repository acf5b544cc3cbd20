import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resolveScrapeConfigs, scrapeConfigsSchema } from '#libs/discovery';
import { TargetFetcher, type TargetFetcherOptions } from './target-fetcher.ts';

let server: Server;
let port: number;
let asked: string[];
/** Where every request is sent on to, if anywhere. */
let location: string;

beforeEach(async () => {
  asked = [];
  location = '';
  server = createServer(({ headers, url = '' }, response) => {
    asked.push(`${headers.host}${url}`);
    if (location !== '' && url === '/metrics') {
      response.writeHead(302, { Location: location }).end();
      return;
    }
    response.setHeader('Content-Type', 'text/plain');
    response.end('a 1\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const DISCOVERED = { kubernetes_sd_configs: [{ role: 'service' }] };
const localhostAlone = () => new Set(['localhost']);
const WRITTEN = { static_configs: [{ targets: ['localhost'] }] };

async function fetchFrom(
  url: string,
  job: object,
  more: Partial<TargetFetcherOptions> = {},
): Promise<string> {
  const raw = scrapeConfigsSchema.parse([{ job_name: 'j', ...job }]);
  const fetcher = new TargetFetcher({
    config: resolveScrapeConfigs(raw).configs[0]!,
    baseDir: '.',
    guard: { kubelet: null },
    userAgent: 'Binnacle/0',
    nowMs: Date.now,
    ...more,
  });
  const outcome = await fetcher.fetch({ url, timeoutMs: 60_000 }, new AbortController().signal);
  await fetcher.close();
  return outcome.kind === 'failure' ? outcome.reason : String(outcome.body);
}

describe('a name that leads to the collector’s own host', () => {
  const LEADS_HOME = /^localhost leads to (127\.0\.0\.1|::1): an address of the collector's own/;

  it('is not connected to where Kubernetes says the name', async () => {
    expect(await fetchFrom(`http://localhost:${port}/metrics`, DISCOVERED)).toMatch(LEADS_HOME);
    expect(asked).toEqual([]);
  });

  it('is connected to where the operator says it, or allows it', async () => {
    const url = `http://localhost:${port}/metrics`;
    expect(await fetchFrom(url, WRITTEN)).toBe('a 1\n');
    expect(await fetchFrom(url, DISCOVERED, { trusted: localhostAlone })).toBe('a 1\n');
    const guard = { kubelet: null, isAllowed: () => true };
    expect(await fetchFrom(url, DISCOVERED, { guard })).toBe('a 1\n');
  });

  it('is not connected to where an object writes it down', async () => {
    const guard = { kubelet: null, isForeign: true };
    expect(await fetchFrom(`http://localhost:${port}/metrics`, WRITTEN, { guard })).toMatch(
      LEADS_HOME,
    );
    expect(asked).toEqual([]);
  });

  it('is no port of the kubelet either', async () => {
    const guard = { kubelet: `10.0.0.1:${port}`, isAllowed: () => true };
    const url = `http://localhost:${port}/metrics`;
    expect(await fetchFrom(url, DISCOVERED, { guard })).toMatch(/a port of the kubelet/);
    expect(asked).toEqual([]);
  });

  it('is not followed to', async () => {
    location = `http://localhost:${port}/else`;
    const url = `http://127.0.0.1:${port}/metrics`;
    expect(await fetchFrom(url, DISCOVERED)).toMatch(/^redirected to localhost:/);
    expect(asked).toEqual([`127.0.0.1:${port}/metrics`]);
  });
});
