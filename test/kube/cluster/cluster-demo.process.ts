/*
 * The simulated cluster of `npm run demo -- --cluster`, in real time: an API server, everything that has metrics, the
 * faults one after the other, and somebody who is notified. It says each thing as a line of JSON:
 * `{"ready": …}` once it can be watched, `{"past": …}` once the engine has an hour of history, then `{"tell": …}`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { compressBlock, wholeBatch, WriteEncoder } from '#libs/remote-write';
import { parse, stringify } from 'yaml';
import { KubeApiServer } from '../api-server.ts';
import { ClusterExporters, type Exporter } from './cluster-exporters.ts';
import { CLUSTER_FAULTS } from './cluster-faults.ts';
import { ClusterHistory } from './cluster-history.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** What waits for 15 minutes on a real cluster waits for one here. */
const HASTE = 15;
const MINUTE_MS = 60_000;
const PAST_MINUTES = 60;
const STEP_MS = 4_000;
const STEPS_BETWEEN_FAULTS = 2;

const { values } = parseArgs({
  options: { folder: { type: 'string', default: '' }, engine: { type: 'string', default: '' } },
});
const { folder, engine } = values;

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

// Nothing here outlives whoever started it.
process.stdin.resume().on('end', () => process.exit(0));

const cluster = new SimulatedCluster({
  seed: 1,
  startMs: Date.now() - (PAST_MINUTES + 1) * MINUTE_MS,
});
const exporters = new ClusterExporters(cluster);
let current: readonly Exporter[] = [];

const api = new KubeApiServer();
const apiUrl = await api.listen();
const server = createServer((request, response) => {
  void answer(request, response);
});
await new Promise<void>((done) => {
  server.listen(0, '127.0.0.1', done);
});
const { port } = server.address() as AddressInfo;
writeRules();
writeRouting();
advance(0);
say({ ready: { api: apiUrl, exporters: `http://127.0.0.1:${port}` } });

await untilEngineTakes();
await tellOfThePast();
say({ past: PAST_MINUTES });
await live();

/** An hour in which nothing was wrong, as a collector would have sent it. */
async function tellOfThePast(): Promise<void> {
  const past = new SimulatedCluster({
    seed: 1,
    startMs: cluster.nowMs,
  });
  const history = new ClusterHistory(past, { cluster: 'sim' }, { isOneForAll: true });
  const encoder = new WriteEncoder('prometheus.WriteRequest');
  const endMs = Date.now() - 5_000;
  for (let minute = PAST_MINUTES; minute >= 0; minute--) {
    for (const batch of history.batchesAt(endMs - minute * MINUTE_MS)) {
      if (batch.sampleCount === 0) continue;
      const response = await fetch(`${engine}/api/v1/write`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
        },
        body: new Uint8Array(compressBlock(encoder.encode([wholeBatch(batch)]))),
      });
      if (!response.ok) throw new Error(`the engine refused history: ${await response.text()}`);
    }
  }
}

/** Lets one fault after the other begin, and all of them go on. */
async function live(): Promise<void> {
  const faults = CLUSTER_FAULTS.filter(
    ({ begin, goOn }) => begin !== undefined || goOn !== undefined,
  );
  for (let step = 0; ; step++) {
    for (const [i, { name, begin, goOn, alerts }] of faults.entries()) {
      const minutes = step - (i + 1) * STEPS_BETWEEN_FAULTS;
      if (minutes > 0) goOn?.(cluster, minutes);
      if (minutes !== 0) continue;
      begin?.(cluster);
      const expected = alerts.filter(({ isMuted }) => isMuted !== true).map(({ alert }) => alert);
      say({ tell: `wrong from now on: ${name} (→ ${[...new Set(expected)].join(', ')})` });
    }
    advance(STEP_MS / 1_000);
    await sleep(STEP_MS);
  }
}

function advance(seconds: number): void {
  cluster.advance(Date.now());
  current = exporters.advance(seconds);
  cluster.publish(api);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://cluster');
  if (pathname === '/targets') {
    const targets = current.map(({ labels }) => ({
      targets: [`127.0.0.1:${port}`],
      labels: { ...labels, __metrics_path__: '/exporter', __param_of: keyOf(labels) },
    }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(targets));
  } else if (pathname === '/exporter') {
    const of = searchParams.get('of');
    const exporter = current.find(({ labels }) => keyOf(labels) === of);
    response.statusCode = exporter?.isUp === true ? 200 : 503;
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(exporter?.isUp === true ? exporter.body.text() : 'nobody is there\n');
  } else if (pathname === '/hook' && request.method === 'POST') {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { status, alerts } = JSON.parse(Buffer.concat(parts).toString()) as {
      status: string;
      alerts: { labels: Record<string, string>; annotations: Record<string, string> }[];
    };
    const [first] = alerts;
    const more = alerts.length > 1 ? ` (and ${alerts.length - 1} more)` : '';
    say({
      tell: `notified: ${status.toUpperCase()} ${first?.labels['severity']} ${first?.labels['alertname']}: ${first?.annotations['summary']}${more}`,
    });
    response.end('ok\n');
  } else {
    response.statusCode = 404;
    response.end();
  }
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return `${labels['job']} ${labels['instance']} ${labels['metrics_path'] ?? ''}`;
}

/** The default rules, with a fifteenth of their patience. */
function writeRules(): void {
  const from = join(ROOT, 'deploy', 'rules');
  mkdirSync(join(folder, 'rules'), { recursive: true });
  for (const name of readdirSync(from).filter((file) => file.endsWith('.yml'))) {
    const file = parse(readFileSync(join(from, name), 'utf8')) as {
      groups: { interval?: string; rules: { for?: string }[] }[];
    };
    for (const group of file.groups) {
      group.interval = '10s';
      for (const rule of group.rules) {
        const [, count, unit] = /^(\d+)([mh])$/.exec(rule.for ?? '') ?? [];
        if (count === undefined) continue;
        rule.for = `${Math.ceil((Number(count) * (unit === 'h' ? 3_600 : 60)) / HASTE)}s`;
      }
    }
    writeFileSync(join(folder, 'rules', name), stringify(file));
  }
}

/** The default routing, with everything sent here, and soon. */
function writeRouting(): void {
  const path = join(ROOT, 'deploy', 'base', 'engine', 'alertmanager.yml');
  const text = readFileSync(path, 'utf8').replaceAll(/group_interval: \S+/g, 'group_interval: 20s');
  const config = parse(text) as { receivers: Record<string, unknown>[] };
  for (const receiver of config.receivers) {
    if (receiver['name'] === 'nobody' || receiver['name'] === 'heartbeat') continue;
    receiver['webhook_configs'] = [{ url: `http://127.0.0.1:${port}/hook` }];
  }
  writeFileSync(join(folder, 'alertmanager.yml'), stringify(config));
}

async function untilEngineTakes(): Promise<void> {
  for (;;) {
    const isReady = await fetch(`${engine}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    await sleep(200);
  }
}
