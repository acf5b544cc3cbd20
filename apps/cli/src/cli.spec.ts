import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from './cli.ts';

let folder: string;
let server: Server;
let engine: string;

function alert(
  alertname: string,
  severity: string,
  state: string,
  activeAt: string,
  value: string,
) {
  const annotations = { summary: `${alertname}: \u001b[2J` };
  return { labels: { alertname, job: 'a', severity }, annotations, state, activeAt, value };
}

const ANSWERS: Readonly<Record<string, [number, unknown]>> = {
  '/api/v1/query?query=up': [
    200,
    {
      status: 'success',
      data: {
        resultType: 'vector',
        result: [{ metric: { __name__: 'up', job: 'a' }, value: [1.5, '1'] }],
      },
      warnings: ['mind the gap'],
    },
  ],
  '/api/v1/query_range?query=up&start=0&end=1&step=1': [
    200,
    {
      status: 'success',
      data: {
        resultType: 'matrix',
        result: [
          {
            metric: { __name__: 'up' },
            values: [
              [0, '1'],
              [1, 'NaN'],
            ],
          },
        ],
      },
    },
  ],
  '/api/v1/query?query=up%7B': [
    400,
    { status: 'error', errorType: 'bad_data', error: '1:4: parse error: unexpected end of input' },
  ],
  '/api/v1/alerts': [
    200,
    {
      status: 'success',
      data: {
        alerts: [
          alert('Slow', 'warning', 'pending', '2026-01-01T00:03:00Z', '1.5e+00'),
          alert('Down', 'warning', 'firing', '2026-01-01T00:00:00.5Z', '0e+00'),
          alert('Gone', 'critical', 'firing', '2026-01-01T00:01:00Z', '+Inf'),
          alert('Lost', 'critical', 'firing', '2026-01-01T00:02:00Z', '4.428e+03'),
        ],
      },
    },
  ],
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-cli-'));
  server = createServer((request, response) => {
    const [status, body] = ANSWERS[request.url ?? ''] ?? [404, { error: `no ${request.url}` }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  engine = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env: { BINNACLE_ENGINE: engine },
  });
  return { code, out, err };
}

describe('binnacle', () => {
  it('shows its commands', async () => {
    expect(await run('help')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/check rules +check/),
    });
  });
  it.each([[['query', '--help']], [['-h', 'query']], [['query', 'a', 'b', '-h']]])(
    'says for %j how the command is called',
    async (args) => {
      const { code, out } = await run(...args);
      expect([code, out]).toEqual([0, expect.stringMatching(/^usage: binnacle (query|COMMAND) /)]);
    },
  );
  it('says which commands begin with a word', async () => {
    const { code, err } = await run('silence', 'nonsense');
    expect([code, err]).toEqual([2, expect.stringContaining('unknown command "silence nonsense"')]);
    expect(err).toMatch(/silence ack +acknowledge/);
    expect(err).not.toMatch(/check rules/);
    expect(await run('silence', '--help')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/silence ack +acknowledge/),
    });
  });
  it('takes what stands behind -- as it is', async () => {
    expect(await run('query', '--', '--help')).toMatchObject({ code: 1 });
  });
  it.each([
    [[]],
    [['silence']],
    [['nonsense']],
    [['query']],
    [['query', 'a', 'b']],
    [['query', 'up', '--end=1']],
    [['alerts', 'x']],
    [['check', 'rules']],
    [['check', 'rules', '--x']],
  ])('ends with 2 for %j, which is no way to call it', async (args) => {
    expect((await run(...args)).code).toBe(2);
  });
  it('prints a vector as one series a line, and warnings beside it', async () => {
    expect(await run('query', 'up')).toEqual({
      code: 0,
      out: 'up{job="a"} 1 @1.5\n',
      err: 'mind the gap\n',
    });
  });
  it('prints a range', async () => {
    const { out } = await run('query', 'up', '--start=0', '--end=1', '--step=1');
    expect(out).toBe('up\n  1 @0\n  NaN @1\n');
  });
  it('says what the engine says of a bad query, and ends with 1', async () => {
    expect(await run('query', 'up{')).toEqual({
      code: 1,
      out: '',
      err: 'binnacle query: the engine answered 400: 1:4: parse error: unexpected end of input\n',
    });
  });
  it('says that no engine answers', async () => {
    const { code, err } = await run('query', 'up', '--engine=http://127.0.0.1:1');
    expect([code, err]).toEqual([1, expect.stringContaining('no answer from the engine')]);
  });
  it('lists alerts, the most urgent first, and lets none of them write to the terminal as it likes', async () => {
    const { out } = await run('alerts');
    expect(out.replaceAll(/ \([0-9a-z]+\)$/gm, ' (AGE)').split('\n')).toEqual([
      'firing   critical Lost {job="a"} value 4428 since 2026-01-01T00:02:00Z (AGE)',
      String.raw`                  Lost: \x1b[2J`,
      'firing   critical Gone {job="a"} value +Inf since 2026-01-01T00:01:00Z (AGE)',
      String.raw`                  Gone: \x1b[2J`,
      'firing   warning  Down {job="a"} value 0 since 2026-01-01T00:00:00Z (AGE)',
      String.raw`                  Down: \x1b[2J`,
      'pending  warning  Slow {job="a"} value 1.5 since 2026-01-01T00:03:00Z (AGE)',
      String.raw`                  Slow: \x1b[2J`,
      '3 firing (2 critical, 1 warning), 1 pending',
      '',
    ]);
  });
  it('checks rule files, telling file and line', async () => {
    const good = join(folder, 'good.yml');
    const bad = join(folder, 'bad.yml');
    await writeFile(good, 'groups: [{name: g, rules: [{record: a, expr: up}]}]\n');
    await writeFile(
      bad,
      'groups:\n  - name: g\n    rules:\n      - record: a\n        expr: up{\n',
    );
    expect(await run('check', 'rules', good)).toMatchObject({
      code: 0,
      out: `Checking ${good}\n  SUCCESS: 1 rules found\n\n`,
    });
    const { code, err } = await run('check', 'rules', good, bad);
    expect(code).toBe(1);
    expect(err).toMatch(/bad\.yml:\d+: group "g", rule 1, "a": /);
  });
  it('checks alertmanager.yml, telling file and line', async () => {
    const bad = join(folder, 'alertmanager.yml');
    await writeFile(
      bad,
      'route: {receiver: a}\nreceivers:\n  - name: a\n    slack_configs: [{}]\n',
    );
    const { code, err } = await run('check', 'alertmanager', bad);
    expect([code, err]).toEqual([1, expect.stringMatching(/alertmanager\.yml:4: .*slack_configs/)]);
  });
  it('checks the template files that alertmanager.yml names', async () => {
    const file = join(folder, 'am-templates.yml');
    await writeFile(
      file,
      'route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ["am-*.tmpl"]\n',
    );
    await writeFile(join(folder, 'am-a.tmpl'), '{{ define "a" }}{{ .Status | toUpper }}{{ end }}');
    expect(await run('check', 'alertmanager', file)).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 template files'),
    });
    await writeFile(join(folder, 'am-b.tmpl'), 'x\n{{ define "b" }}{{ nonsense }}{{ end }}');
    const { code, err } = await run('check', 'alertmanager', file);
    expect([code, err]).toEqual([1, expect.stringMatching(/am-b\.tmpl:2: function "nonsense"/)]);
  });
});
