import 'reflect-metadata';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeConformance } from '../support/conformance.ts';
import { GoldenEngine, readCalls } from '../support/golden-engine.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { OpenApi } from '../support/open-api.ts';
import { ALERTMANAGER_API_KNOWN_FAILURES } from './alertmanager.known-failures.ts';

/*
 * The calls a real Alertmanager was asked, in their order, with its routing and inhibition. Ids of silences are those that we
 * gave when they were made.
 */
describeConformance('API v2', ['alertmanager', 'golden'], (path) => {
  const engine = new GoldenEngine(path);
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());

  const calls = readCalls(path);
  const api = OpenApi.read(join(path, '..', 'openapi.yaml'));
  const known = new KnownFailures(ALERTMANAGER_API_KNOWN_FAILURES);
  it.each(calls.map((call, i) => [i, call.name, call] as const))('%d %s', async (_, name, call) => {
    const { status, text, json } = await engine.replay(call);
    const isOfApi = call.path.startsWith('/api/v2/') && status === 200 && json !== undefined;
    const recorded: unknown = JSON.parse(engine.withOurIds(JSON.stringify(call.json ?? null)));
    await known.run(name, () => {
      expect({
        status,
        text: call.text === undefined ? undefined : text.trim(),
        json: comparable(json, 'ours'),
        problems: isOfApi ? api.problems(call.method, call.path, status, json) : [],
      }).toEqual({
        status: call.status,
        text: call.text?.trim(),
        json: comparable(recorded, 'recorded'),
        problems: [],
      });
    });
  });

  it('knows every failure that is listed', () => {
    expect(known.unseen).toEqual([]);
  });
});

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
