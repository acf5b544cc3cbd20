import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { parse, stringify } from 'yaml';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { ALERTMANAGER_API_KNOWN_FAILURES } from './alertmanager.known-failures.ts';

interface Call {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly request?: unknown;
  readonly request_raw?: string;
  readonly json?: unknown;
}

interface GoldenConfig {
  readonly receivers: Record<string, unknown>[];
}

/* The calls a real Alertmanager was asked, in their order, with its routing and inhibition; silences are left out. */
describeConformance('API v2', ['alertmanager', 'golden'], (path) => {
  let folder: string;
  let app: NestFastifyApplication;
  let base: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'binnacle-am-api-'));
    const golden = parse(readFileSync(join(path, 'alertmanager.yml'), 'utf8')) as GoldenConfig;
    await writeFile(join(folder, 'am.yml'), stringify(withoutUnsupported(golden)));
    await writeFile(join(folder, 'engine.yml'), 'alertmanager_config: am.yml\n');
    const address = { host: '127.0.0.1', port: 0 };
    app = await createApp(
      {
        configFile: join(folder, 'engine.yml'),
        dataDir: join(folder, 'data'),
        listen: address,
        logLevel: 'silent',
      },
      {},
      AppLogger.create({ app: 'test', level: 'silent' }),
    );
    const { port } = await listen(app, address);
    base = `http://127.0.0.1:${port}`;
    while ((await fetch(`${base}/api/v2/alerts`)).status === 503);
  });

  afterAll(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });

  const calls = readFileSync(join(path, 'http-api.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Call)
    .filter((call) => call.path.startsWith('/api/v2/') && !call.path.includes('silence'));
  const known = new KnownFailures(ALERTMANAGER_API_KNOWN_FAILURES);
  it.each(calls.map((call, i) => [i, call.name, call] as const))('%d %s', async (_, name, call) => {
    const response = await fetch(`${base}${call.path}`, {
      method: call.method,
      ...(call.method === 'GET' ? {} : bodyOf(call)),
    });
    const text = await response.text();
    const json: unknown = text === '' ? undefined : JSON.parse(text);
    await known.run(name, () => {
      expect({ status: response.status, json: comparable(json, 'ours') }).toEqual({
        status: call.status,
        json: comparable(call.json, 'recorded'),
      });
    });
  });

  it('knows every failure that is listed', () => {
    expect(known.unseen).toEqual([]);
  });
});

/** Receivers of kinds that this version refuses are left without them. */
function withoutUnsupported(config: GoldenConfig): GoldenConfig {
  const supported = new Set(['name', 'webhook_configs', 'email_configs']);
  return {
    ...config,
    receivers: config.receivers.map((receiver) =>
      Object.fromEntries(Object.entries(receiver).filter(([key]) => supported.has(key))),
    ),
  };
}

function bodyOf(call: Call): RequestInit {
  if (call.name.includes('content type')) {
    return { body: call.request_raw ?? '', headers: { 'content-type': 'text/plain' } };
  }
  const body = call.request_raw ?? JSON.stringify(call.request);
  return { body, headers: { 'content-type': 'application/json' } };
}

/**
 * What is to be the same: not the words of an error, the moment of the recording, a release's name, silences (of which
 * there are none here) and the labels of routes, which came later.
 */
function comparable(value: unknown, side: 'ours' | 'recorded'): unknown {
  if (typeof value === 'string') return '<message>';
  if (Array.isArray(value)) return value.map((item: unknown) => sorted(item, side));
  if (typeof value === 'object' && value !== null) {
    if ('code' in value) return { code: value.code, message: '<message>' };
    return Object.keys(value).toSorted();
  }
  return value;
}

const VOLATILE = new Set(['updatedAt', 'routeLabels', 'silencedBy']);

function sorted(value: unknown, side: 'ours' | 'recorded'): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => sorted(item, side));
  if (typeof value === 'string') return isNow(value, side) ? '<now>' : value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key]) => !VOLATILE.has(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]: [string, unknown]) => [key, sorted(inner, side)] as const);
  const result: Record<string, unknown> = Object.fromEntries(entries);
  const isOnlySilenced = Array.isArray(result['inhibitedBy']) && result['inhibitedBy'].length === 0;
  if (isOnlySilenced && result['state'] === 'suppressed') result['state'] = 'active';
  return result;
}

function isNow(text: string, side: 'ours' | 'recorded'): boolean {
  if (side === 'recorded') return text.startsWith('2026-11-20T22:');
  return /^\d{4}-/.test(text) && Math.abs(Date.parse(text) - Date.now()) < 10 * 60_000;
}
