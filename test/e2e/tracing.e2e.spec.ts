import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';

/** It ends itself with 1 after ten seconds; what is more is for a machine too busy to tell of the end. */
const COLLECTOR_GRACE_MS = 10_000 + 20_000;

/** Tells on standard error when the SDK is loaded, and nothing else. */
const SDK_ALARM = `--import data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module';
   registerHooks({ load(url, context, next) {
     if (url.includes('@opentelemetry/sdk-node')) process.stderr.write('SDK-LOADED\\n');
     return next(url, context);
   } });`,
)}`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let servers: Server[] = [];
let apps: BuiltApp[] = [];
/** Paths of the requests a collector of traces has got, and their bodies, strings readable in them. */
let requests: { path: string; body: string }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const app of apps) await app.process.stop('SIGKILL');
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  [servers, apps, requests] = [[], [], []];
  await folder.remove();
});

/** @param isHanging take requests and never answer */
async function startTraceCollector(isHanging = false): Promise<string> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('latin1');
      requests.push({ path: `${request.method} ${request.url}`, body });
      if (!isHanging) response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(
  app: 'alert-engine' | 'collector',
  config: string,
  env: Readonly<Record<string, string>>,
): Promise<BuiltApp> {
  const file = join(folder.path, `${app}.yml`);
  await writeFile(file, config);
  const running = await startBuiltApp(app, file, join(folder.path, app), env);
  apps.push(running);
  return running;
}

/** Whether a trace from a service with a span of a name has come. */
function hasSpan(service: string, name: string): boolean {
  return requests.some(
    ({ path, body }) => path === 'POST /v1/traces' && body.includes(service) && body.includes(name),
  );
}

function tracingTo(endpoint: string): Record<string, string> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_BSP_SCHEDULE_DELAY: '200' };
}

async function startEngine(env: Readonly<Record<string, string>>): Promise<BuiltApp> {
  await writeFile(
    join(folder.path, 'rules.yml'),
    'groups:\n- name: traced\n  interval: 1s\n  rules:\n  - alert: Always\n    expr: vector(1)\n',
  );
  await writeFile(
    join(folder.path, 'alertmanager.yml'),
    'route: {receiver: hook, group_wait: 0s}\n' +
      'receivers: [{name: hook, webhook_configs: [{url: "http://127.0.0.1:9/nobody"}]}]\n',
  );
  const config = 'rule_files: [rules.yml]\nalertmanager_config: alertmanager.yml\n';
  return start('alert-engine', config, env);
}

function startCollector(
  engine: BuiltApp,
  env: Readonly<Record<string, string>>,
): Promise<BuiltApp> {
  const { host } = new URL(engine.url);
  return start(
    'collector',
    `scrape_configs: [{job_name: e, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: ["${host}"]}]}]\n` +
      `probes: [{name: p, module: http, interval: 1s, targets: ["${engine.url}/livez"]}]\n` +
      `outputs: {remote_write: [{url: "${engine.url}/api/v1/write", queue_config: {batch_send_deadline: 100ms}}]}\n`,
    env,
  );
}

describe('traces', () => {
  it('tell of requests, rules and notifications, of scrapes, probes and what is sent', async () => {
    const env = tracingTo(await startTraceCollector());
    const engine = await startEngine(env);
    await startCollector(engine, env);
    await getText(`${engine.url}/api/v1/query?query=up`);
    const wanted = [
      ['binnacle-alert-engine', 'GET /api/v1/query'],
      ['binnacle-alert-engine', 'POST /api/v1/write'],
      ['binnacle-alert-engine', 'rules.group'],
      ['binnacle-alert-engine', 'notification.deliver'],
      ['binnacle-collector', 'scrape'],
      ['binnacle-collector', 'probe'],
      ['binnacle-collector', 'remote write'],
    ] as const;
    const missing = (): unknown[] => wanted.filter(([service, name]) => !hasSpan(service, name));
    await eventually('every span', () => (missing().length === 0 ? true : null)).catch(() => null);
    expect(missing()).toEqual([]);
  });

  it('are sent nowhere unless an endpoint is named: not even the SDK is loaded', async () => {
    const bare = { OTEL_EXPORTER_OTLP_ENDPOINT: '', NODE_OPTIONS: SDK_ALARM };
    const quiet = await startEngine(bare);
    await getText(`${quiet.url}/api/v1/query?query=up`);
    await quiet.process.stop();
    expect(quiet.process.output()).not.toContain('SDK-LOADED');

    const traced = await startEngine({
      ...tracingTo(await startTraceCollector()),
      NODE_OPTIONS: SDK_ALARM,
    });
    await eventually('the alarm to be read', () =>
      traced.process.output().includes('SDK-LOADED') ? true : null,
    );
  });

  it('that nobody takes do not hold up the stop', async () => {
    const env = tracingTo(await startTraceCollector(/* isHanging */ true));
    const engine = await startEngine({});
    const collector = await startCollector(engine, env);
    await eventually('traces to be sent', () => (requests.length > 0 ? true : null));
    const startedMs = performance.now();
    expect(await collector.process.stop('SIGTERM')).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(COLLECTOR_GRACE_MS);
  });
});
