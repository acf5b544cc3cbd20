import 'reflect-metadata';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LogStore } from '#libs/log-store';
import { compressBlock } from '#libs/remote-write';
import { ProtobufWriter } from '#libs/protobuf';
import { type Engine, startEngine } from '../support/engine.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';
import { storedLines } from '../support/stored-lines.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: Engine;
const NOW_S = Math.floor(Date.now() / 1000);
const NOW = `${NOW_S}000000000`;

beforeEach(async () => {
  folder = await temporaryFolder();
  engine = await startEngine(folder.path);
  await logsReady();
});

afterEach(async () => {
  await engine.app.close();
  await folder.remove();
});

async function logsReady(): Promise<void> {
  const store = engine.app.get(LogStore);
  await eventually('the log store to take lines', () => {
    expect(store.unavailability()).toBeNull();
  });
}

async function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${engine.url}${path}`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return { status: response.status, text: await response.text() };
}

const JSON_TYPE = { 'content-type': 'application/json' };

function pushOf(...values: unknown[]): string {
  return JSON.stringify({ streams: [{ stream: { app: 'web', level: 'info' }, values }] });
}

/** A field with a length of its own. */
function part(writer: ProtobufWriter, field: number, write: () => void): void {
  writer.writeVarint((field << 3) | 2);
  const start = writer.beginMessage();
  write();
  writer.endMessage(start);
}

function text(writer: ProtobufWriter, field: number, value: string): void {
  writer.writeVarint((field << 3) | 2);
  writer.writeString(value);
}

function protobufPush(labels: string, line: string): Buffer {
  const writer = new ProtobufWriter();
  part(writer, 1, () => {
    text(writer, 1, labels);
    part(writer, 2, () => {
      part(writer, 1, () => {
        writer.writeVarint(8);
        writer.writeVarint(NOW_S);
        writer.writeVarint(16);
        writer.writeVarint(123_456_789);
      });
      text(writer, 2, line);
      part(writer, 3, () => {
        text(writer, 1, 'trace_id');
        text(writer, 2, 'abc');
      });
    });
  });
  return compressBlock(Buffer.from(writer.written));
}

function otlpRecord(timeUnixNano: string, body: string): object {
  return {
    timeUnixNano,
    severityNumber: 17,
    body: { stringValue: body },
    attributes: [{ key: 'http.status', value: { intValue: '500' } }],
  };
}

describe('the engine as a log store', () => {
  it('takes pushes in JSON, and has the lines after a restart', async () => {
    const body = pushOf([NOW, 'one', { pod: 'web-1' }], [`${NOW_S}000000001`, 'two']);
    expect(await post('/loki/api/v1/push', body, JSON_TYPE)).toEqual({ status: 204, text: '' });
    const zipped = gzipSync(pushOf([`${NOW_S}000000002`, 'three']));
    const gzip = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expect(await post('/loki/api/v1/push', zipped, gzip)).toMatchObject({ status: 204 });
    await engine.app.close();
    engine = await startEngine(folder.path);
    await logsReady();
    expect(await storedLines(engine.app.get(LogStore))).toEqual([
      {
        labels: { app: 'web', level: 'info' },
        timeNs: BigInt(NOW),
        line: 'one',
        metadata: { pod: 'web-1' },
      },
      {
        labels: { app: 'web', level: 'info' },
        timeNs: BigInt(NOW) + 1n,
        line: 'two',
        metadata: null,
      },
      {
        labels: { app: 'web', level: 'info' },
        timeNs: BigInt(NOW) + 2n,
        line: 'three',
        metadata: null,
      },
    ]);
  });
  it('takes pushes in protocol buffers', async () => {
    const body = protobufPush('{app="web", quoted="a\\"b"}', 'hello');
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
    expect(await post('/loki/api/v1/push', body, headers)).toMatchObject({ status: 204 });
    expect(await storedLines(engine.app.get(LogStore))).toEqual([
      {
        labels: { app: 'web', quoted: 'a"b' },
        timeNs: BigInt(NOW) + 123_456_789n,
        line: 'hello',
        metadata: { trace_id: 'abc' },
      },
    ]);
  });
  it('takes OTLP, and answers what it does not take as a partial success', async () => {
    const body = JSON.stringify({
      resourceLogs: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: 'shop' } },
              { key: 'host.name', value: { stringValue: 'n1' } },
            ],
          },
          scopeLogs: [
            { logRecords: [otlpRecord(NOW, 'broken'), otlpRecord('1000000000', 'ancient')] },
          ],
        },
      ],
    });
    const { status, text: answer } = await post('/v1/logs', body, JSON_TYPE);
    expect(status).toBe(200);
    expect(JSON.parse(answer)).toEqual({
      partialSuccess: {
        rejectedLogRecords: '1',
        errorMessage:
          '1 of 2 lines not stored, the first: line older than the retention: {service_name="shop"} at 1000000000',
      },
    });
    expect(await storedLines(engine.app.get(LogStore))).toEqual([
      {
        labels: { service_name: 'shop' },
        timeNs: BigInt(NOW),
        line: 'broken',
        metadata: {
          detected_level: 'error',
          severity_number: '17',
          host_name: 'n1',
          http_status: '500',
        },
      },
    ]);
  });
  it.each([
    ['no JSON', '{', JSON_TYPE, 400, 'no JSON'],
    ['a time that is none', pushOf(['soon', 'x']), JSON_TYPE, 400, '"soon" is no time'],
    [
      'no labels',
      '{"streams":[{"stream":{},"values":[["1","x"]]}]}',
      JSON_TYPE,
      400,
      'invalid labels',
    ],
    ['an old line', pushOf(['1', 'x']), JSON_TYPE, 400, 'line older than the retention'],
    ['another type', 'x', { 'content-type': 'text/plain' }, 415, 'accepted are'],
    ['no snappy', 'hello', { 'content-type': 'application/x-protobuf' }, 400, 'not a snappy block'],
  ])('refuses %s', async (_, body, headers, status, message) => {
    const answer = await post('/loki/api/v1/push', body, headers);
    expect(answer).toEqual({ status, text: expect.stringContaining(message) });
  });
  it('counts what comes in and what is refused', async () => {
    await post('/loki/api/v1/push', pushOf([NOW, 'one'], ['1', 'old']), JSON_TYPE);
    const metrics = await getText(`${engine.url}/metrics`);
    expect(metrics).toContain('binnacle_logstore_lines_total 1\n');
    expect(metrics).toContain('binnacle_logstore_rejected_lines_total{reason="too_old"} 1\n');
    expect(metrics).toContain('binnacle_ingest_requests_total{protocol="loki",code="400"} 1\n');
    expect(metrics).toContain('binnacle_logstore_writable 1\n');
  });
});
