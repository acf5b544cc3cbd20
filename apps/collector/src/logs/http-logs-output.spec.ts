import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MsgpackWriter } from '#libs/forward';
import { BYTES, FIXED64, ProtobufReader, VARINT } from '#libs/protobuf';
import { uncompressBlock } from '#libs/remote-write';
import { z } from 'zod';
import { HttpLogTransport } from './http-log-transport.ts';
import {
  httpLogsOutputsSchema,
  lokiOutputsSchema,
  otlpLogsOutputsSchema,
} from './http-logs-config.ts';
import { jsonLines, type LogBody, lokiJson, lokiProtobuf, otlpProtobuf } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';

const RECORDS = [
  { app: 'shop', level: 'info', stream: 'stdout', message: 'one "é"' },
  { app: 'shop', level: 'error', stream: 'stderr', message: 'two', kubernetes: { pod: 'p-1' } },
];

function chunk(): LogChunk {
  const writer = new MsgpackWriter();
  for (const [i, record] of RECORDS.entries()) {
    writer.arrayHeader(2);
    writer.eventTime(1_772_352_000 + i, 5);
    writer.value(record);
  }
  return { tag: 'binnacle.pods', entries: Buffer.from(writer.written), count: RECORDS.length };
}

const LABELS = { labels: { cluster: 'c1' }, labelFields: ['level'] };

/** Every field of a message in order, with texts where they are texts; messages inside are read where `nested` says. */
function fieldsOf(bytes: Buffer, nested: Record<number, unknown>): unknown[] {
  const reader = new ProtobufReader(bytes);
  const fields: unknown[] = [];
  while (reader.position < bytes.length) {
    const tag = reader.readTag();
    const [field, wireType] = [tag >>> 3, tag & 7];
    if (wireType === VARINT) fields.push([field, reader.readVarint()]);
    else if (wireType === FIXED64) {
      fields.push([field, String(bytes.readBigUInt64LE(reader.position))]);
      reader.skip(tag);
    } else {
      if (wireType !== BYTES) throw new Error(`wire type ${wireType}`);
      const end = reader.readLengthEnd();
      const value = bytes.subarray(reader.position, end);
      const inside = nested[field];
      reader.position = end;
      fields.push([
        field,
        inside === undefined
          ? value.toString()
          : fieldsOf(value, inside as Record<number, unknown>),
      ]);
    }
  }
  return fields;
}

describe('bodies of requests', () => {
  it('are what Loki reads: streams, and structured metadata for what is no label', () => {
    const { body, headers } = lokiJson([chunk()], LABELS);
    expect(headers).toEqual([
      ['content-type', 'application/json'],
      ['content-encoding', 'gzip'],
    ]);
    expect(JSON.parse(gunzipSync(body).toString())).toEqual({
      streams: [
        {
          stream: { tag: 'binnacle.pods', cluster: 'c1', level: 'info' },
          values: [['1772352000000000005', 'one "é"', { app: 'shop', stream: 'stdout' }]],
        },
        {
          stream: { tag: 'binnacle.pods', cluster: 'c1', level: 'error' },
          values: [
            [
              '1772352001000000005',
              'two',
              { app: 'shop', stream: 'stderr', kubernetes: '{"pod":"p-1"}' },
            ],
          ],
        },
      ],
    });
  });

  it('stay within what Loki takes', () => {
    const writer = new MsgpackWriter();
    writer.arrayHeader(2);
    writer.eventTime(1, 0);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'x']));
    writer.value({ message: 'm', level: 'é'.repeat(2_000), labels: { 'a/b': 'c' }, ...many });
    const entries = Buffer.from(writer.written);
    const { body } = lokiJson([{ tag: 't', entries, count: 1 }], LABELS);
    const { streams } = JSON.parse(gunzipSync(body).toString()) as {
      streams: { stream: Record<string, string>; values: [string, string, object][] }[];
    };
    expect(Buffer.byteLength(streams[0]!.stream['level']!)).toBe(1_024);
    const metadata = streams[0]!.values[0]![2];
    expect(metadata).toMatchObject({ labels_a_b: 'c', f0: 'x', fields_left_out: '81' });
    expect(Object.keys(metadata)).toHaveLength(121);
  });

  it('are JSON objects by line', () => {
    const lines = gunzipSync(jsonLines([chunk()]).body)
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines[0]).toEqual({
      time: '2026-03-01T08:00:00.000000005Z',
      tag: 'binnacle.pods',
      app: 'shop',
      level: 'info',
      stream: 'stdout',
      message: 'one "é"',
    });
    expect(lines).toHaveLength(2);
  });

  it('are Loki’s protocol buffers', () => {
    const { body, headers } = lokiProtobuf([chunk()], LABELS);
    expect(headers).toEqual([['content-type', 'application/x-protobuf']]);
    const pair = { 3: {} };
    const fields = fieldsOf(uncompressBlock(body, 10_000), { 1: { 2: { 1: {}, ...pair } } });
    expect(fields[0]).toEqual([
      1,
      [
        [1, '{cluster="c1", level="info", tag="binnacle.pods"}'],
        [
          2,
          [
            [
              1,
              [
                [1, 1_772_352_000],
                [2, 5],
              ],
            ],
            [2, 'one "é"'],
            [
              3,
              [
                [1, 'app'],
                [2, 'shop'],
              ],
            ],
            [
              3,
              [
                [1, 'stream'],
                [2, 'stdout'],
              ],
            ],
          ],
        ],
      ],
    ]);
    expect(fields).toHaveLength(2);
  });

  it('are OpenTelemetry’s protocol buffers', () => {
    const { body } = otlpProtobuf([chunk()], { 'service.name': 'shop' });
    const keyValue = { 2: {} };
    const fields = fieldsOf(gunzipSync(body), {
      1: { 1: { 1: keyValue }, 2: { 1: {}, 2: { 5: {}, 6: keyValue } } },
    });
    expect(fields).toEqual([
      [
        1,
        [
          [
            1,
            [
              [
                1,
                [
                  [1, 'service.name'],
                  [2, [[1, 'shop']]],
                ],
              ],
            ],
          ],
          [
            2,
            [
              [1, [[1, 'binnacle']]],
              [
                2,
                [
                  [1, '1772352000000000005'],
                  [2, 9],
                  [3, 'info'],
                  [5, [[1, 'one "é"']]],
                  [
                    6,
                    [
                      [1, 'app'],
                      [2, [[1, 'shop']]],
                    ],
                  ],
                  [
                    6,
                    [
                      [1, 'log.iostream'],
                      [2, [[1, 'stdout']]],
                    ],
                  ],
                ],
              ],
              [
                2,
                [
                  [1, '1772352001000000005'],
                  [2, 17],
                  [3, 'error'],
                  [5, [[1, 'two']]],
                  [
                    6,
                    [
                      [1, 'app'],
                      [2, [[1, 'shop']]],
                    ],
                  ],
                  [
                    6,
                    [
                      [1, 'log.iostream'],
                      [2, [[1, 'stderr']]],
                    ],
                  ],
                  [
                    6,
                    [
                      [1, 'kubernetes'],
                      [2, [[1, '{"pod":"p-1"}']]],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ]);
  });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function startServer(
  status: number,
  headers: Record<string, string> = {},
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push({
        method: request.method!,
        path: request.url!,
        headers: request.headers,
        body: Buffer.concat(parts),
      });
      response.writeHead(status, headers).end('because');
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/push?a=b`, seen };
}

function transportTo(
  url: string,
  bodyOf: (chunks: readonly LogChunk[]) => LogBody,
): HttpLogTransport {
  const [config] = lokiOutputsSchema.parse([
    { name: 'l', url, basic_auth: { username: 'u', password: 'p' } },
  ]);
  return new HttpLogTransport({
    poster: { url, http: config!.http, baseDir: '.', userAgent: 'test' },
    timeoutMs: 30_000,
    headers: [['x-scope-orgid', 'team-a']],
    bodyOf,
  });
}

describe('requests', () => {
  it('are one POST with the body, its headers and the credentials', async () => {
    const { url, seen } = await startServer(204);
    const transport = transportTo(url, jsonLines);
    expect(await transport.deliver([chunk()])).toEqual({ kind: 'delivered' });
    await transport.close();
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', path: '/push?a=b' });
    expect(seen[0]!.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
      'x-scope-orgid': 'team-a',
      'user-agent': 'test',
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
      'content-length': String(seen[0]!.body.length),
    });
    expect(gunzipSync(seen[0]!.body).toString().split('\n')).toHaveLength(3);
  });

  it.each<[number, Record<string, string>, object]>([
    [400, {}, { kind: 'rejected', detail: 'status 400: because' }],
    [
      307,
      { location: 'http://127.0.0.1:1/' },
      { kind: 'retry', detail: 'status 307: because', afterMs: null },
    ],
    [408, {}, { kind: 'retry', detail: 'status 408: because', afterMs: null }],
    [413, {}, { kind: 'rejected', detail: 'status 413: because' }],
    [401, {}, { kind: 'retry', detail: 'status 401: because', afterMs: null }],
    [429, { 'retry-after': '7' }, { kind: 'retry', detail: 'status 429: because', afterMs: 7000 }],
    [503, {}, { kind: 'retry', detail: 'status 503: because', afterMs: null }],
  ])('mean by status %i what it says', async (status, headers, meaning) => {
    const { url } = await startServer(status, headers);
    const transport = transportTo(url, jsonLines);
    expect(await transport.deliver([chunk()])).toEqual(meaning);
    await transport.close();
  });

  it('are tried again where nobody listens', async () => {
    const transport = transportTo('http://127.0.0.1:1/', jsonLines);
    expect(await transport.deliver([chunk()])).toMatchObject({ kind: 'retry' });
    await transport.close();
  });
});

describe('the outputs’ keys', () => {
  const schema = z.strictObject({
    loki: lokiOutputsSchema.optional(),
    otlp_logs: otlpLogsOutputsSchema.optional(),
    http_logs: httpLogsOutputsSchema.optional(),
  });

  it('need a name and a URL', () => {
    const good = { name: 'a', url: 'https://logs.example.com/push' };
    const parsed = schema.parse({ loki: [good], otlp_logs: [good], http_logs: [good] });
    expect(parsed.loki![0]).toMatchObject({
      kind: 'loki',
      format: 'protobuf',
      label_fields: ['namespace', 'pod', 'container', 'level', 'stream'],
      timeout: 30_000,
    });
    for (const [bad, message] of [
      [{ loki: [{ name: 'a', url: 'ftp://x' }] }, 'expected an http or https URL'],
      [{ loki: [{ name: 'a', url: 'http://u:p@x' }] }, 'use basic_auth'],
      [{ loki: [good, good] }, 'has this name'],
      [
        {
          loki: [
            {
              ...good,
              labels: { a: '', b: '', c: '', d: '', e: '', f: '', g: '', h: '', i: '', j: '' },
            },
          ],
        },
        'at most 15 labels',
      ],
      [{ loki: [{ ...good, format: 'xml' }] }, 'accepted are protobuf, json'],
      [{ otlp_logs: [{ ...good, follow_redirects: true }] }, 'follow_redirects'],
      [{ http_logs: [{ ...good, bearer_token: 'a', authorization: { credentials: 'b' } }] }, ''],
    ] as const) {
      const result = schema.safeParse(bad);
      expect(result.success).toBe(false);
      expect(z.prettifyError(result.error!)).toContain(message);
    }
  });
});
