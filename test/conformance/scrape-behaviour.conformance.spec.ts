import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  buildTargets,
  resolveScrapeConfigs,
  scrapeConfigsSchema,
  scrapeGlobalSchema,
} from '#libs/discovery';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import { TargetScraper } from '#libs/scrape';
import { TargetFetcher } from '../../apps/collector/src/scrape/target-fetcher.ts';
import { conformancePath, describeConformance } from '../support/conformance.ts';

interface RecordedSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

interface ScrapeRecord {
  readonly job: string;
  readonly scrape_config: Readonly<Record<string, unknown>>;
  readonly health: 'up' | 'down' | null;
  readonly last_error: string | null;
  readonly discovered_labels: Readonly<Record<string, string>> | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly series_after_scrapes: readonly RecordedSeries[];
}

interface RecordedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The recording's own server; ours listens elsewhere, and answers are compared as if it stood there. */
const RECORDED = '127.0.0.1:18090';
const SCRAPES = 3;
const LOOKBACK_MS = 5 * 60_000;

type Page = (request: IncomingMessage, response: ServerResponse, visit: number) => void;

const text =
  (body: string, contentType = 'text/plain; version=0.0.4'): Page =>
  (_request, response) => {
    response.setHeader('Content-Type', contentType).end(body);
  };
const status =
  (code: number): Page =>
  (_request, response) => {
    response.writeHead(code, { 'Content-Type': 'text/plain' }).end();
  };

const OK = 'a{x="1"} 1\na{x="2"} 2\n';

/** Pages that behave as the recording's did: the records tell by what the real Prometheus made of them. */
const PAGES: Readonly<Record<string, Page>> = {
  '/ok': text(OK),
  '/gzip': (_request, response) => {
    const headers = { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' };
    response.writeHead(200, headers).end(gzipSync(OK));
  },
  '/badgzip': (_request, response) => {
    const headers = { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' };
    response.writeHead(200, headers).end(gzipSync(OK).subarray(0, 12));
  },
  '/s500': status(500),
  '/s404': status(404),
  '/s401': status(401),
  '/s204': status(204),
  '/slow': () => {},
  '/redirect': (_request, response) => {
    response.writeHead(302, { Location: '/ok' }).end();
  },
  '/noct': (_request, response) => {
    response.end(OK);
  },
  '/html': text('<html></html>', 'text/html'),
  '/empty': text(''),
  '/big': text(`${OK}${`# ${'x'.repeat(98)}\n`.repeat(200)}`),
  '/many': text(Array.from({ length: 20 }, (_, i) => `m{i="${i}"} 1\n`).join('')),
  '/dup': text('a 1\na 2\na 3\n'),
  '/conflict': text('a{job="theirs",instance="theirs",exported_job="e",foo="bar"} 1\n'),
  '/ts': (_request, response) => {
    const nowMs = Date.now();
    response.setHeader('Content-Type', 'text/plain');
    response.end(`a 1 ${nowMs - 1_000}\nb 1 1000\nc 1 ${nowMs + 3_600_000}\n`);
  },
  '/vanish': (_request, response, visit) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end(visit === 1 ? OK : 'a{x="1"} 1\n');
  },
  '/flap': (_request, response, visit) => {
    response.writeHead(visit % 2 === 1 ? 500 : 200, { 'Content-Type': 'text/plain' }).end(OK);
  },
  '/partial': text('good 1\nbad{ 2\n'),
  '/close': (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': '100' });
    response.write('a 1\n');
  },
  '/emptylabel': text('a{x="",y="1"} 1\na{y="1"} 2\n'),
  '/hist': text(
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n' +
      '# TYPE s summary\ns{quantile="1"} 2\ns_sum 3\ns_count 4\n',
  ),
  '/om': text(
    '# TYPE c counter\nc_total 1\nc_created 1700000000\n# EOF\n',
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  ),
  '/utf8': text('{"my.metric","l.x"="v"} 1\n', 'text/plain; version=1.0.0; escaping=allow-utf-8'),
  '/drop': text('drop_me 1\nkeep_me 1\nren{old="v"} 1\n'),
  '/val': text('v 23\n'),
};

/** Errors that are ours to word; the others only have to be there. */
const SAME_ERROR = /HTTP status|limit exceeded/;

const recorded: RecordedRequest[] = [];
let server: Server;
let address: string;

beforeAll(async () => {
  const visits = new Map<string, number>();
  server = createServer((request, response) => {
    const path = request.url!.split('?', 1)[0]!;
    const headers: Record<string, string> = {};
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      headers[request.rawHeaders[i]!] = request.rawHeaders[i + 1]!;
    }
    recorded.push({ path: request.url!, headers });
    const visit = (visits.get(path) ?? 0) + 1;
    visits.set(path, visit);
    PAGES[path]!(request, response, visit);
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const RECORDS = ['exposition', 'scrape-behaviour.ndjson'] as const;

describeConformance('scrapes as Prometheus recorded them', RECORDS, (path) => {
  const records = readRecords<ScrapeRecord>(path);
  it.each(records.map((record) => [record.job, record] as const))('%s', async (_job, record) => {
    expect(await scrape(record)).toEqual(expectation(record));
  });

  it('sends the headers Prometheus sends', () => {
    const requests = readRecords<RecordedRequest>(
      conformancePath('exposition', 'scrape-requests.ndjson')!,
    );
    const ours = new Map(recorded.map((request) => [request.path, request.headers]));
    for (const { path: target, headers } of requests) {
      const { 'User-Agent': userAgent, Host: _host, ...expected } = headers;
      expect(userAgent).toMatch(/^\w+[/][\w.+]+$/);
      expect({ [target]: ours.get(target) }).toMatchObject({ [target]: expected });
      expect(ours.get(target)?.['User-Agent']).toBe('Binnacle/0');
    }
  });
});

function readRecords<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** What there is to see after a few scrapes: target, health and an instant view of all series. */
async function scrape(record: ScrapeRecord): Promise<object> {
  const configured = record.job === 'refused' ? '127.0.0.1:1' : address;
  const jobs = scrapeConfigsSchema.parse([
    { ...record.scrape_config, static_configs: [{ targets: [configured] }] },
  ]);
  const global = scrapeGlobalSchema.parse({
    scrape_interval: '2s',
    scrape_timeout: '1s',
  });
  const [config] = resolveScrapeConfigs(jobs, global).configs;
  const [target] = buildTargets(config!, config!.staticGroups).targets;
  if (target === undefined) return { health: null, error: null, series: {} };
  // These let the whole timeout of a second pass; once is enough to see it.
  const scrapes = ['slow', 'close'].includes(record.job) ? 1 : SCRAPES;
  const fetcher = new TargetFetcher({
    guard: { kubelet: null },
    config: config!,
    baseDir: '.',
    userAgent: 'Binnacle/0',
    nowMs: Date.now,
  });
  const scraper = new TargetScraper({
    targetLabels: target.labels,
    timeoutMs: target.timeoutMs,
    rules: config!,
  });
  const series = new Map<string, string>();
  let isUp = false;
  let error = '';
  const startMs = Date.now();
  for (let i = 0; i < scrapes; i++) {
    const outcome = await fetcher.fetch(target, new AbortController().signal);
    const result = scraper.accept(outcome, startMs + i * 2_000);
    ({ isUp, error } = result);
    view(series, result.batch, startMs + i * 2_000);
  }
  await fetcher.close();
  return normalise({
    health: isUp ? 'up' : 'down',
    error: SAME_ERROR.test(error) ? error : error !== '',
    labels: { ...target.labels.toRecord() },
    discovered: { ...target.discoveredLabels.toRecord() },
    series: Object.fromEntries(series),
  });
}

/** An instant query for everything, as far as one target goes. */
function view(series: Map<string, string>, batch: SampleBatch, nowMs: number): void {
  batch.labels.forEach((labels, row) => {
    for (let i = batch.firstSample[row]!; i < batch.firstSample[row + 1]!; i++) {
      const timeMs = batch.timesMs[i]!;
      if (timeMs < nowMs - LOOKBACK_MS || timeMs > nowMs) continue;
      if (isStaleMarker(batch.values, i)) series.delete(keyOf(labels.toRecord()));
      else series.set(keyOf(labels.toRecord()), valueOf(labels.metricName, batch.values[i]!));
    }
  });
}

function valueOf(name: string, value: number): string {
  return name === 'scrape_duration_seconds' ? '<seconds>' : String(value);
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The recording's rules added series of their own. */
function isOwn({ labels }: RecordedSeries): boolean {
  return !/^(job:up:sum|ALERTS)/.test(labels['__name__']!);
}

function expectation(record: ScrapeRecord): object {
  if (record.health === null) return { health: null, error: null, series: {} };
  const error = record.last_error!;
  return normalise({
    health: record.health,
    error: SAME_ERROR.test(error) ? error : error !== '',
    labels: record.labels,
    discovered: record.discovered_labels,
    series: Object.fromEntries(
      record.series_after_scrapes.filter(isOwn).map(({ labels, value }) => [keyOf(labels), value]),
    ),
  });
}

function normalise(value: object): object {
  return JSON.parse(JSON.stringify(value).replaceAll(address, RECORDED)) as object;
}
