import { compressBlock } from '#libs/remote-write';
import { ProtobufWriter } from '#libs/protobuf';
import type { BenchContext } from '../bench-context.ts';
import type { Contender } from '../contender.ts';
import { timedGet } from '../query-client.ts';
import { limitFinding, percentile, plain } from '../report.ts';

const NODES = 10;
const STREAMS_PER_NODE = 20;
const LINES_PER_STREAM = 500;
const LINES_PER_PUSH = STREAMS_PER_NODE * LINES_PER_STREAM;
const DAY_MS = 86_400_000;
const IN_FLIGHT = 2;
const ROUNDS = 5;
/** One that occurs once in the whole day. */
const NEEDLE = '9f86d081884c7d659a2feaa0c55ad015';

/**
 * Lines of a day into the engine's log store, in pushes as collectors send them: what a line costs, what it takes on disk
 * and in memory, and how long a rare text is looked for.
 */
export async function logstoreBenchmark(context: BenchContext): Promise<void> {
  const pushes = context.isQuick ? 100 : 600;
  const lines = pushes * LINES_PER_PUSH;
  const engine = await startWithoutRates(context);
  const endMs = Date.now();
  const beforeCpu = await engine.cpuSeconds();
  let rawBytes = 0;
  context.say(`pushing ${lines} lines of ${NODES * STREAMS_PER_NODE} streams …`);
  const pending = new Set<Promise<void>>();
  let waitedMs = 0;
  for (let push = 0; push < pushes; push++) {
    const body = pushOf(push, pushes, endMs);
    rawBytes += body.rawBytes;
    const startedMs = performance.now();
    // Making bodies is not the engine's work: it only counts while somebody waits for it.
    while (pending.size >= IN_FLIGHT) await Promise.race(pending);
    waitedMs += performance.now() - startedMs;
    const sending = send(engine, body.bytes).finally(() => pending.delete(sending));
    pending.add(sending);
  }
  await Promise.all(pending);
  const cpuSeconds = (await engine.cpuSeconds()) - beforeCpu;
  const perMillion = cpuSeconds / (lines / 1e6);
  context.add(
    limitFinding(
      'logstore',
      'CPU of a million lines, pushed and on disk',
      1e6 / 300_000,
      perMillion,
      's',
      `${plain(lines / cpuSeconds)} lines a second and core, ${plain(rawBytes / lines)} bytes each; waited ${plain(waitedMs / 1_000)} s for it`,
    ),
  );
  const memoryMiB = (await engine.residentBytes()) / 2 ** 20;
  context.add(
    limitFinding('logstore', 'memory after that', 768, memoryMiB, 'MiB', 'of the whole engine'),
  );
  const blockLines = await engine.metric('binnacle_logstore_block_lines');
  const onDisk = (await engine.metric('binnacle_logstore_block_bytes')) / blockLines;
  const raw = (await engine.metric('binnacle_logstore_block_line_bytes')) / blockLines;
  const blocks = await engine.metric('binnacle_logstore_blocks');
  context.add(
    limitFinding(
      'logstore',
      'bytes of a line in a block, against its own',
      0.33,
      onDisk / raw,
      'times',
      `${plain(onDisk)} of ${plain(raw)} bytes in ${blocks} blocks`,
    ),
  );
  await search(context, engine, endMs, lines, rawBytes);
  await engine.stop();
}

async function startWithoutRates(context: BenchContext): Promise<Contender> {
  const engine = await context.startEngine();
  await engine.useConfig({ limits: { logs: { rate: '4GB', stream_rate: '4GB' } } }, {});
  // Limits of the store are taken at the start.
  await engine.stop();
  await engine.start();
  return engine;
}

async function search(
  context: BenchContext,
  engine: Contender,
  endMs: number,
  lines: number,
  rawBytes: number,
): Promise<void> {
  const range = { start: `${endMs - DAY_MS}000000`, end: `${endMs + 1_000}000000`, limit: 100 };
  for (const [what, query, limitMs] of [
    ['a rare text in a day', `{job="bench"} |= "${NEEDLE}"`, 2_000],
    ['the last 100 lines of one stream', '{pod="web-3-4"}', 250],
  ] as const) {
    const times: number[] = [];
    const cpu = await engine.cpuSeconds();
    for (let round = 0; round < ROUNDS; round++) {
      const { ms, body } = await timedGet(engine, '/loki/api/v1/query_range', { query, ...range });
      if (!body.includes('"values"'))
        throw new Error(`${query} finds nothing: ${body.slice(0, 200)}`);
      times.push(ms);
    }
    const cpuMs = (((await engine.cpuSeconds()) - cpu) / ROUNDS) * 1_000;
    context.add(
      limitFinding(
        'logstore',
        what,
        limitMs,
        percentile(times, 0.5),
        'ms',
        `${plain(cpuMs)} ms of CPU; ${lines} lines, ${plain(rawBytes / 2 ** 20)} MiB`,
      ),
    );
  }
}

async function send(engine: Contender, body: Buffer): Promise<void> {
  const response = await fetch(`${engine.url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(body),
  });
  const text = await response.text();
  if (response.status !== 204) throw new Error(`status ${response.status}: ${text}`);
}

const PATHS = ['/api/v1/items', '/api/v1/cart', '/login', '/healthz', '/static/app.js'];
const LEVELS = ['info', 'info', 'info', 'debug', 'warn', 'error'];

/** Lines of one node in one stretch of the day. */
function pushOf(
  push: number,
  pushes: number,
  endMs: number,
): { readonly bytes: Buffer; readonly rawBytes: number } {
  const node = push % NODES;
  const round = Math.floor(push / NODES);
  const rounds = Math.ceil(pushes / NODES);
  const stretchMs = DAY_MS / rounds;
  const writer = new ProtobufWriter();
  let rawBytes = 0;
  for (let stream = 0; stream < STREAMS_PER_NODE; stream++) {
    const pod = `web-${node}-${stream}`;
    inside(writer, 0x0a, () => {
      writer.writeVarint(0x0a);
      writer.writeString(`{job="bench", namespace="shop", pod="${pod}", container="web"}`);
      for (let i = 0; i < LINES_PER_STREAM; i++) {
        const at = endMs - DAY_MS + (round + i / LINES_PER_STREAM) * stretchMs;
        const number = ((push * STREAMS_PER_NODE + stream) * LINES_PER_STREAM + i) >>> 0;
        const line = lineOf(number, at, push === 3 && stream === 3 && i === 250);
        rawBytes += line.length;
        inside(writer, 0x12, () => {
          inside(writer, 0x0a, () => {
            writer.writeVarint(0x08);
            writer.writeVarint(Math.floor(at / 1_000));
            writer.writeVarint(0x10);
            writer.writeVarint(Math.floor(at % 1_000) * 1_000_000 + (number % 1_000_000));
          });
          writer.writeVarint(0x12);
          writer.writeString(line);
          writer.writePair(0x1a, 'node', `node-${node}`);
          writer.writePair(0x1a, 'pod_uid', `0e5c1c2e-1111-2222-3333-${node}44455556${stream}`);
        });
      }
    });
  }
  return { bytes: compressBlock(Buffer.from(writer.written)), rawBytes };
}

function lineOf(number: number, atMs: number, hasNeedle: boolean): string {
  const hash = Math.imul(number ^ (number >>> 15), 0x9e37_79b1) >>> 0;
  const request = hasNeedle ? NEEDLE : `${hash.toString(16)}${Math.imul(hash, 31) >>> 0}`;
  const level = LEVELS[hash % LEVELS.length]!;
  const path = PATHS[hash % PATHS.length]!;
  return (
    `${new Date(atMs).toISOString()} ${level} request handled path=${path}/${hash % 9_973} ` +
    `status=${200 + (hash % 3) * 100} duration=${hash % 997}ms request_id=${request} user=${hash % 5_003}`
  );
}

function inside(writer: ProtobufWriter, tag: number, write: () => void): void {
  writer.writeVarint(tag);
  const start = writer.beginMessage();
  write();
  writer.endMessage(start);
}
