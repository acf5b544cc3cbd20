import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { AppLogger, createHttpApp, listen, PlatformModule } from '#libs/platform';
import { compareLabels } from '#libs/promql';
import { MemorySegmentStore } from '#libs/record-log';
import { SampleBatchBuilder } from '#libs/samples';
import { ExemplarRing, MetadataCatalogue, TimeSeriesStore } from '#libs/tsdb';
import {
  ENGINE_CONFIG,
  engineConfigSchema,
} from '../../apps/alert-engine/src/config/engine-config.ts';
import { ApiFallbackController } from '../../apps/alert-engine/src/query/api-fallback.controller.ts';
import { queryProviders } from '../../apps/alert-engine/src/query/query-providers.ts';
import { FederateController } from '../../apps/alert-engine/src/federate/federate.controller.ts';
import { QueryController } from '../../apps/alert-engine/src/query/query.controller.ts';
import { STORE } from '../../apps/alert-engine/src/store/store.ts';
import { describeConformance } from '../support/conformance.ts';

interface RecordedCall {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly params: readonly [string, string][];
  readonly status: number;
  readonly content_type: string;
  readonly json?: { readonly status: string; readonly data?: Record<string, unknown> };
  readonly text?: string;
  readonly note?: string;
}

interface RecordedSeries {
  readonly labels: Record<string, string>;
  readonly start_ms: number;
  readonly step_ms: number;
  readonly values: readonly (string | null)[];
}

/** What other duties of the engine answer, or nobody. */
const OUT_OF_SCOPE =
  /^\/-|\/api\/v1\/(?:targets|scrape_pools|rules|alerts|alertmanagers|notifications|admin|status\/(?!buildinfo))/;

const END_MS = 1_767_232_800_000;
const logger = AppLogger.create({ app: 'test', level: 'silent' });

describeConformance('Prometheus’s HTTP API for queries', ['prometheus-api'], (folder) => {
  let app: NestFastifyApplication;
  let origin: string;

  beforeAll(async () => {
    const store = await loadedStore(
      join(folder, '..', 'promql-compliance', 'golden', 'series.ndjson'),
    );
    @Module({
      imports: [
        PlatformModule.forApp(
          {
            configFile: null,
            dataDir: '.',
            listen: { host: '127.0.0.1', port: 0 },
            logLevel: 'silent',
          },
          logger,
        ),
      ],
      controllers: [QueryController, FederateController, ApiFallbackController],
      providers: [
        ...queryProviders,
        { provide: STORE, useValue: store },
        { provide: ExemplarRing, useValue: new ExemplarRing(0) },
        { provide: MetadataCatalogue, useValue: new MetadataCatalogue(10) },
        { provide: ENGINE_CONFIG, useValue: engineConfigSchema.parse({}) },
      ],
    })
    class TestModule {}
    app = await createHttpApp(TestModule, logger);
    const { host, port } = await listen(app, { host: '127.0.0.1', port: 0 });
    origin = `http://${host}:${port}`;
  });
  afterAll(() => app.close());

  for (const call of recordsOf<RecordedCall>(join(folder, 'dataset-http-api.ndjson'))) {
    if (OUT_OF_SCOPE.test(call.path)) continue;
    it(`answers ${call.name}`, async () => {
      const response = await ask(origin, call);
      const contentType = response.headers.get('content-type') ?? '';
      expect({ status: response.status, contentType }).toEqual({
        status: call.status,
        contentType: expect.stringContaining(call.content_type.split(';', 1)[0] ?? ''),
      });
      const text = await response.text();
      expect(shown(text, call)).toEqual(call.json === undefined ? call.text : expectedBody(call));
    });
  }
});

/** A body as it is compared: of answers whose values vary, only the keys. */
function shown(text: string, call: RecordedCall): unknown {
  if (call.json === undefined) return text;
  const body: unknown = JSON.parse(text);
  return call.note === undefined ? body : keysOf(body);
}

function expectedBody(call: RecordedCall): unknown {
  return call.note === undefined ? call.json : keysOf(call.json);
}

function ask(origin: string, { method, path, params }: RecordedCall): Promise<Response> {
  const form = new URLSearchParams([...params]);
  if (method === 'POST') return fetch(origin + path, { method, body: form });
  const query = form.size > 0 ? `?${form.toString()}` : '';
  return fetch(`${origin}${path}${query}`, { method });
}

/** The keys of an object at all depths, for answers whose values vary. */
function keysOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value)
    .flatMap(([key, inner]) => keysOf(inner, `${path}.${key}`))
    .toSorted();
}

async function loadedStore(path: string): Promise<TimeSeriesStore> {
  const store = new TimeSeriesStore(
    new MemorySegmentStore(),
    { nowMs: () => END_MS, after: () => () => {} },
    {},
  );
  await store.open();
  const builder = new SampleBatchBuilder();
  // Recorded from blocks, which hold series in the order of their labels.
  const all = recordsOf<RecordedSeries>(path)
    .map((series) => ({ series, labels: Labels.fromRecord(series.labels) }))
    .toSorted((a, b) => compareLabels(a.labels, b.labels));
  for (const { labels, series } of all) {
    builder.addSeries(labels);
    for (const [index, value] of series.values.entries()) {
      if (value === null) continue;
      builder.addSample(series.start_ms + index * series.step_ms, numberOf(value));
    }
  }
  store.append(builder.take());
  return store;
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

function recordsOf<T>(path: string): T[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}
