import 'reflect-metadata';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createFloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { AppLogger, listen } from '#libs/platform';
import { SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { runCli } from '../../apps/cli/src/cli.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  runToEnd,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

const MINUTE_MS = 60_000;
/** With three digits behind the second, so that it looks the same in every text. */
const NOW = Math.floor(Date.now() / 1_000) * 1_000 + 123 - MINUTE_MS;
const START = NOW - 200 * MINUTE_MS;

interface Engine {
  readonly url: string;
  readonly writer: StoreWriter;
  stop(): Promise<unknown>;
}

let folder: string;
let engine: Engine;
const cleanups: (() => Promise<unknown>)[] = [];

async function startEngine(dataDir: string): Promise<Engine> {
  const address = { host: '127.0.0.1', port: 0 };
  const app = await createApp(
    { configFile: null, dataDir, listen: address, logLevel: 'silent' },
    {},
    AppLogger.create({ app: 'alert-engine', level: 'silent' }),
  );
  const { host, port } = await listen(app, address);
  const url = `http://${host}:${port}`;
  await eventually('the engine to be ready', () => getText(`${url}/readyz`));
  let stopped: Promise<unknown> | null = null;
  const stop = (): Promise<unknown> => (stopped ??= app.close());
  cleanups.push(stop);
  return { url, writer: app.get<StoreWriter>(STORE_WRITER, { strict: false }), stop };
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function binnacle(args: readonly string[], stdin = ''): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    env: {},
    readInput: () => Promise.resolve(stdin),
    input: Readable.from([Buffer.from(stdin)]),
  });
  return { code, out, err };
}

const exported = (url: string, ...more: string[]): Promise<Ran> =>
  binnacle(['export', 'metrics', '--engine', url, '--match', '{job="x"}', ...more]);

beforeAll(async () => {
  const temporary = await temporaryFolder();
  folder = temporary.path;
  cleanups.push(temporary.remove);
  engine = await startEngine(join(folder, 'a'));
  const builder = new SampleBatchBuilder();
  const add = (labels: Record<string, string>, valueAt: (i: number) => number): void => {
    builder.addSeries(Labels.fromRecord({ job: 'x', ...labels }));
    // Milliseconds of all kinds, since not every one of them survives being seconds in a double.
    for (let i = 0; i < 200; i++)
      builder.addSample(START + i * MINUTE_MS + ((i * 37) % 1_000), valueAt(i));
  };
  add({ __name__: 'requests_total', path: '/a"b"\\\n' }, (i) => 3 * i);
  add({ __name__: 'requests_created' }, () => START / 1_000);
  add({ __name__: 'latency_bucket', le: '1' }, (i) => i);
  add({ __name__: 'latency_bucket', le: '+Inf' }, (i) => 2 * i);
  add(
    { __name__: 'strange values', 'la bel': 'é' },
    (i) => [NaN, Infinity, -0, 5e-324, 0.1][i % 5]!,
  );
  for (let i = 0; i < 30; i++) add({ __name__: 'many', i: String(i) }, (at) => Math.sin(at + i));
  builder.addSeries(Labels.fromRecord({ __name__: 'ended', job: 'x' }));
  builder.addSample(NOW, 1);
  builder.addSampleFrom(NOW + 1, STALE_MARKER, 0);
  builder.addSeries(Labels.fromRecord({ __name__: 'native', job: 'x' }));
  builder.addHistogram(NOW, createFloatHistogram({ sum: 1 }));
  builder.addSeries(Labels.fromRecord({ __name__: 'other', job: 'y' }));
  builder.addSample(NOW, 1);
  await engine.writer.append(builder.take());
});

afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

describe('binnacle export metrics', () => {
  it('writes the series asked for, and says what the format cannot hold', async () => {
    const { code, out, err } = await exported(engine.url);
    expect(code).toBe(0);
    expect(err).toBe(
      '36 series, 7001 samples\n' +
        '1 stale markers left out: the format has no way to say that a series ends\n' +
        '1 samples of native histograms left out: the format cannot hold them\n',
    );
    expect(out).toMatch(
      /^ended\{job="x"\} 1\.0 \d+\.\d+\nlatency_bucket\{job="x",le="\+Inf"\} 0\.0 /,
    );
    expect(out).toMatch(/\n\{"strange values",job="x","la bel"="é"\} NaN [^]*\n# EOF\n$/);
    expect(out).not.toContain('other');
  });

  it('keeps to the time and the selectors, and writes no series twice', async () => {
    const end = String((START + 100 * MINUTE_MS) / 1_000);
    const { out } = await binnacle([
      'export',
      'metrics',
      `--engine=${engine.url}`,
      `--end=${end}`,
      '--match=many{i=~"1|2"}',
      '--match={__name__="many",i="2"}',
      '--match=other',
    ]);
    const lines = out.trimEnd().split('\n');
    // Those of the minutes from 0 to 99, and the end.
    expect(lines).toHaveLength(2 * 100 + 1);
    expect(new Set(lines).size).toBe(lines.length);
  });

  it.each([
    [['--match', 'up{'], 2, '--match up{: '],
    [['--start', 'yesterday'], 2, '--start takes seconds'],
    [['--start', '5', '--end', '4'], 2, '--end is before --start'],
    [['--engine', 'http://127.0.0.1:1'], 1, 'no answer from the engine'],
  ])('ends with a word for %j', async (args, code, text) => {
    const ran = await binnacle(['export', 'metrics', ...args]);
    expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(text)]);
  });
});

describe('binnacle import metrics', () => {
  it('gives an engine that is stopped what another has exported', async () => {
    const { out } = await exported(engine.url);
    const file = join(folder, 'export.om');
    await writeFile(file, out);
    const data = join(folder, 'b');
    await mkdir(data);
    const imported = await binnacle(['import', 'metrics', file, '--data', data]);
    expect(imported).toMatchObject({ code: 0, err: '' });
    expect(imported.out).toMatch(
      /^7001 samples in blocks\nthey are from .*Z to .*Z; the engine drops/,
    );
    const restored = await startEngine(data);
    expect((await exported(restored.url)).out).toBe(out);
    // One writer at a time.
    const refused = await binnacle(['import', 'metrics', file, '--data', data]);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringContaining('is in use by the process'),
    ]);
    await restored.stop();
    expect(await binnacle(['import', 'metrics', file, '--data', data])).toMatchObject({ code: 0 });
    const again = await startEngine(data);
    expect((await exported(again.url)).out).toBe(out);
  });

  it('gives an engine that runs what another has exported', async () => {
    const { out } = await exported(engine.url);
    const other = await startEngine(join(folder, 'c'));
    const imported = await binnacle(['import', 'metrics', '-', '--engine', other.url], out);
    expect(imported).toEqual({ code: 0, out: '7001 samples written\n', err: '' });
    expect((await exported(other.url)).out).toBe(out);
  });

  it('says what a running engine does not take', async () => {
    const text = `old 1 1000\nold 2 ${NOW / 1_000}\n# EOF\n`;
    const { code, out, err } = await binnacle(
      ['import', 'metrics', '-', '--engine', engine.url],
      text,
    );
    expect([code, out]).toEqual([1, '1 samples written\n']);
    expect(err).toMatch(
      /^1 samples were not taken; the first time because: .*too old sample.*\n.*--data DIR\n$/,
    );
  });

  it('reads the Prometheus text format, with its milliseconds', async () => {
    const text = `# HELP t x\n# TYPE t gauge\nt{job="text"} 7 ${NOW}\n`;
    const imported = await binnacle(
      ['import', 'metrics', '-', '--format', 'text', '--engine', engine.url],
      text,
    );
    expect(imported).toMatchObject({ code: 0, out: '1 samples written\n' });
    const { out } = await binnacle(['export', 'metrics', '--engine', engine.url, '--match', 't']);
    expect(out).toBe(`t{job="text"} 7.0 ${NOW / 1_000}\n# EOF\n`);
  });

  it('reads what promtool documents, exemplars left out', async () => {
    const text = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{code="200",service="user"} 123 1609954636 # {trace="a"} 1
http_requests_total{code="500",service="user"} 456 1609954730
# EOF
`;
    const data = join(folder, 'd');
    await mkdir(data);
    const { code, out, err } = await binnacle(['import', 'metrics', '-', '--data', data], text);
    expect([code, err]).toEqual([0, '1 exemplars left out: only samples are imported\n']);
    expect(out).toContain(
      '2 samples in blocks\nthey are from 2021-01-06T17:37:16.000Z to 2021-01-06T17:38:50.000Z',
    );
  });

  it.each([
    ['a 1 1\nb 2\n# EOF\n', 2, 'the sample has no timestamp'],
    ['a 1 1\nb x 2\n# EOF\n', 2, '"x" is not a number'],
    [`${'a 1 1\n'.repeat(400_000)}b{ 2\n# EOF\n`, 400_001, 'expected a label name'],
    ['a 1 1\n', 2, 'the body does not end with "# EOF"'],
    ['a 1 1\n# EOF\nb 1 1\n', 2, 'there is more after "# EOF"'],
  ])(
    'names the line that cannot be read and keeps what is before it',
    async (text, line, reason) => {
      const data = join(folder, `bad-${text.length}`);
      await mkdir(data, { recursive: true });
      const { code, out, err } = await binnacle(['import', 'metrics', '-', '--data', data], text);
      expect(code).toBe(1);
      expect(err).toContain(`standard input:${line}: `);
      expect(err).toContain(reason);
      expect(out).toMatch(/^1 samples in blocks/);
    },
  );

  it.each([
    [[], 'takes one file'],
    [['a', 'b'], 'takes one file'],
    [['/no/such.file'], '/no/such.file cannot be read'],
    [['-', '--format', 'json'], '--format takes openmetrics'],
    [['-', '--engine', 'http://a', '--data', 'b'], '--engine or --data, not both'],
    [['-', '--data', '/no/such/folder'], 'no data directory in /no/such/folder'],
    [['-', '--data', '/proc/self'], 'neither an engine'],
  ])('says how it is used: %j', async (args, reason) => {
    const { code, err } = await binnacle(['import', 'metrics', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
  });
});

describeWithPeers(
  'export and import with real Prometheus programs',
  ['prometheus', 'promtool'],
  (programs) => {
    const [prometheus, promtool] = programs;

    it('writes what promtool makes blocks of, and reads from and writes to a Prometheus', async () => {
      const { out } = await exported(engine.url, '--match', 'requests_total', '--match', 'many');
      // Names beyond ASCII are younger than this Prometheus.
      const text = out.replaceAll(/^\{.*\n/gm, '');
      const file = join(folder, 'for-promtool.om');
      await writeFile(file, text);
      const data = join(folder, 'prometheus');
      const made = await runToEnd(promtool!, [
        'tsdb',
        'create-blocks-from',
        'openmetrics',
        file,
        data,
      ]);
      expect(made).toMatchObject({ code: 0 });
      const port = await freePort();
      const configFile = join(folder, 'prometheus.yml');
      await writeFile(configFile, '{}');
      const running = startProcess(prometheus!, [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-remote-write-receiver',
      ]);
      cleanups.push(() => running.stop());
      const url = `http://127.0.0.1:${port}`;
      await eventually('Prometheus to be ready', () => getText(`${url}/-/ready`));
      const fromPeer = await exported(url);
      expect(fromPeer.code).toBe(0);
      expect(fromPeer.out.split('\n').length).toBe(text.split('\n').length);
      // Younger than the blocks: it takes nothing older at once.
      const seconds = (NOW + 180 * MINUTE_MS) / 1_000;
      const sample = `pushed{job="p"} 1.0 ${seconds}\n# EOF\n`;
      const pushed = await binnacle(['import', 'metrics', '-', '--engine', url], sample);
      expect(pushed).toEqual({ code: 0, out: '1 samples written\n', err: '' });
      const back = await binnacle([
        'export',
        'metrics',
        `--engine=${url}`,
        '--match=pushed',
        `--end=${seconds + 1}`,
      ]);
      expect(back.out).toBe(sample);
    });
  },
);
