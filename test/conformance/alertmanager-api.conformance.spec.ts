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
import { OpenApi } from '../support/open-api.ts';
import { ALERTMANAGER_API_KNOWN_FAILURES } from './alertmanager.known-failures.ts';

interface Call {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly request?: unknown;
  readonly request_raw?: string;
  readonly json?: unknown;
  readonly text?: string;
}

interface GoldenConfig {
  readonly receivers: Record<string, unknown>[];
}

/*
 * The calls a real Alertmanager was asked, in their order, with its routing and inhibition. Ids of silences are those that we
 * gave when they were made.
 */
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
    .map((line) => JSON.parse(line) as Call);
  /** Our ids of silences by those of the recording. */
  const ids = new Map<string, string>();
  const withOurIds = (text: string) =>
    [...ids].reduce((replaced, [theirs, ours]) => replaced.replaceAll(theirs, ours), text);
  const api = OpenApi.read(join(path, '..', 'openapi.yaml'));
  const known = new KnownFailures(ALERTMANAGER_API_KNOWN_FAILURES);
  it.each(calls.map((call, i) => [i, call.name, call] as const))('%d %s', async (_, name, call) => {
    const response = await fetch(`${base}${withOurIds(call.path)}`, {
      method: call.method,
      ...bodyOf(call, withOurIds),
    });
    const text = await response.text();
    const json: unknown = isJson(response) && text !== '' ? JSON.parse(text) : undefined;
    learnId(call.json, json, ids);
    const isOfApi = call.path.startsWith('/api/v2/') && response.ok && json !== undefined;
    await known.run(name, () => {
      expect({
        status: response.status,
        text: call.text === undefined ? undefined : text.trim(),
        json: comparable(json, 'ours'),
        problems: isOfApi ? api.problems(call.method, call.path, response.status, json) : [],
      }).toEqual({
        status: call.status,
        text: call.text?.trim(),
        json: comparable(JSON.parse(withOurIds(JSON.stringify(call.json ?? null))), 'recorded'),
        problems: [],
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

function bodyOf(call: Call, withOurIds: (text: string) => string): RequestInit {
  if (call.method === 'GET' || call.method === 'HEAD') return {};
  const raw = call.request_raw ?? (call.request === undefined ? '' : JSON.stringify(call.request));
  if (raw === '') return {};
  const type = call.name.includes('content type') ? 'text/plain' : 'application/json';
  return { body: withOurIds(raw), headers: { 'content-type': type } };
}

function isJson(response: Response): boolean {
  return (response.headers.get('content-type') ?? '').startsWith('application/json');
}

/** Notes what id we gave to the silence for which the recording has another. */
function learnId(recorded: unknown, ours: unknown, ids: Map<string, string>): void {
  const [theirId, ourId] = [silenceIdOf(recorded), silenceIdOf(ours)];
  if (theirId !== null && ourId !== null) ids.set(theirId, ourId);
}

function silenceIdOf(answer: unknown): string | null {
  return typeof answer === 'object' && answer !== null && 'silenceID' in answer
    ? String(answer.silenceID)
    : null;
}

/**
 * What is to be the same: not the words of an error, the moment of the recording, a release's name, and what came with a
 * later release, as labels of routes and annotations of silences.
 */
function comparable(value: unknown, side: 'ours' | 'recorded'): unknown {
  if (typeof value === 'string') return '<message>';
  if (Array.isArray(value)) return value.map((item: unknown) => sorted(item, side));
  if (typeof value === 'object' && value !== null) {
    if ('code' in value) return { code: value.code, message: '<message>' };
    if ('matchers' in value) return sorted(value, side);
    return 'silenceID' in value ? value : Object.keys(value).toSorted();
  }
  return value ?? undefined;
}

const VOLATILE = new Set(['updatedAt', 'routeLabels']);

function sorted(value: unknown, side: 'ours' | 'recorded'): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => sorted(item, side));
  if (typeof value === 'string') return isNow(value, side) ? '<now>' : value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key]) => !VOLATILE.has(key) && !(key === 'annotations' && 'matchers' in value))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]: [string, unknown]) => [key, sorted(inner, side)] as const);
  return Object.fromEntries(entries);
}

function isNow(text: string, side: 'ours' | 'recorded'): boolean {
  if (side === 'recorded') return text.startsWith('2026-11-20T22:');
  return /^\d{4}-/.test(text) && Math.abs(Date.parse(text) - Date.now()) < 10 * 60_000;
}
