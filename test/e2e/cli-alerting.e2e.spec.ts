import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { runCli } from '../../apps/cli/src/cli.ts';
import { startAlertingEngine } from '../support/engine.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sink: Server;
let app: NestFastifyApplication;
let url = '';

beforeAll(async () => {
  folder = await temporaryFolder();
  sink = createServer((_, response) => response.end());
  sink.listen(0, '127.0.0.1');
  await once(sink, 'listening');
  const hook = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
  await writeFile(
    join(folder.path, 'am.yml'),
    `
route:
  receiver: ops
  routes: [{receiver: db, matchers: ['team="db"']}]
receivers:
- {name: ops, webhook_configs: [{url: '${hook}'}]}
- {name: db}
`,
  );
  ({ app, url } = await startAlertingEngine(folder.path));
});

afterAll(async () => {
  await app.close();
  sink.close();
  await folder.remove();
});

async function binnacle(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    out: (text) => (out += text),
    err: (text) => (err += text),
    env: { BINNACLE_ENGINE: url, BINNACLE_AUTHOR: 'alice' },
  });
  return { code, out: out.trim(), err: err.trim() };
}

async function post(endsAt: string | undefined): Promise<void> {
  const response = await fetch(`${url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ labels: { alertname: 'Down', team: 'db' }, endsAt }]),
  });
  expect(response.status).toBe(200);
}

describe('binnacle silence', () => {
  it('makes, lists and ends silences', async () => {
    const repeated = ['--repeats', 'weekly', '--in', 'Europe/Berlin', '--notice', '15m'];
    const what = ['Down', 'team=~"d.*"', '--comment', 'upgrade', '--duration', '2h'];
    const added = await binnacle('silence', 'add', ...what, ...repeated);
    expect(added).toMatchObject({ code: 0, err: '' });
    const listed = await binnacle('silence', 'query', 'alertname="Down"');
    expect(listed.out).toContain(`${added.out} active  {alertname="Down",team=~"d.*"} from `);
    expect(listed.out).toContain(', repeats weekly');
    expect(listed.out).toContain('alice: upgrade');
    expect((await binnacle('silence', 'query', 'alertname="Up"')).out).toBe('no silence');
    expect((await binnacle('silence', 'query', '--json')).out).toContain('"binnacle_notice":"15m"');
    expect(await binnacle('silence', 'expire', added.out)).toMatchObject({ code: 0 });
    expect((await binnacle('silence', 'query')).out).toBe('no silence');
    const ended = await binnacle('silence', 'query', '--state', 'expired');
    expect(ended.out).toContain(`${added.out} expired`);
  });

  it('acknowledges an alert until it has ended', async () => {
    const nothing = await binnacle('silence', 'ack', 'Down', '--comment', 'on it');
    expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining('no alert that fires') });
    await post(undefined);
    const { code, out: id } = await binnacle('silence', 'ack', 'Down', '--comment', 'on it');
    expect(code).toBe(0);
    expect((await binnacle('silence', 'query')).out).toMatch(
      /, until its alerts end\n.*alice: on it/,
    );
    await post(new Date().toISOString());
    await eventually('the end of the acknowledgement', async () =>
      (await binnacle('silence', 'query')).out === 'no silence' ? true : null,
    );
    const shown = await binnacle('silence', 'query', '--state=expired', '--json');
    expect(shown.out).toContain(id);
  });

  it.each([
    [['silence', 'add', '--comment', 'x'], 2, 'at least one matcher'],
    [['silence', 'add', 'Down'], 2, '--comment'],
    [['silence', 'add', 'a="b', '--comment', 'x'], 2, 'closing quote'],
    [['silence', 'add', 'Down', '--comment', 'x', '--duration', 'long'], 2, '--duration'],
    [['silence', 'add', 'Down', '--comment', 'x', '--end', 'soon'], 2, '--end'],
    [['silence', 'add', 'Down', '--comment', 'x', '--repeats', 'now'], 1, 'binnacle_repeats takes'],
    [['silence', 'query', '--state', 'over'], 2, 'not over'],
    [['silence', 'expire'], 2, 'at least one id'],
    [['silence', 'expire', 'abc'], 1, 'must be of type uuid'],
    [['silence', 'expire', '00000000-0000-0000-0000-000000000000'], 1, 'answered 404'],
  ])('%j ends with %d: %s', async (args, code, message) => {
    const result = await binnacle(...args);
    expect(result.code).toBe(code);
    expect(result.err).toContain(message);
  });
});

describe('binnacle receivers test', () => {
  it('sends a test message', async () => {
    const { code, out } = await binnacle('receivers', 'test', 'ops', 'team=x', '--status=resolved');
    expect(out).toMatch(/^webhook\[0\] delivered \(\d+ ms\)$/);
    expect(code).toBe(0);
    expect((await binnacle('receivers', 'test', 'db')).out).toBe(
      'the receiver has no integrations',
    );
    expect(await binnacle('receivers', 'test', 'nobody')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no receiver'),
    });
    expect((await binnacle('receivers', 'test')).code).toBe(2);
    expect((await binnacle('receivers', 'test', 'ops', '--status=odd')).code).toBe(2);
  });
});

describe('binnacle routes', () => {
  it('shows the tree and where an alert goes', async () => {
    const file = join(folder.path, 'am.yml');
    expect((await binnacle('routes', 'show', file)).out).toBe(
      'Routing tree:\n.\n└── default-route  receiver: ops\n    └── {team="db"}  receiver: db',
    );
    expect(await binnacle('routes', 'test', file, 'team=db')).toMatchObject({ code: 0, out: 'db' });
    expect((await binnacle('routes', 'test', '--tree', file, 'team=db')).out).toContain(
      '└── {team="db"}  receiver: db',
    );
    expect(await binnacle('routes', 'test', '--expect', 'ops', file, 'team=db')).toMatchObject({
      code: 1,
    });
    expect((await binnacle('routes', 'test', file, 'team')).code).toBe(2);
    const bad = join(folder.path, 'bad.yml');
    await writeFile(bad, 'route: {receiver: nobody}\n');
    expect(await binnacle('routes', 'show', bad)).toMatchObject({
      code: 1,
      err: expect.stringContaining('bad.yml:1'),
    });
  });
});

describe('binnacle template render', () => {
  it('expands a text with template files and data', async () => {
    const file = join(folder.path, 'x.tmpl');
    await writeFile(
      file,
      '{{ define "mine" }}{{ .Status | toUpper }} {{ len .Alerts.Firing }}{{ end }}',
    );
    const text = '{{ template "mine" . }}';
    expect(await binnacle('template', 'render', '--text', text, file)).toEqual({
      code: 0,
      out: 'FIRING 2',
      err: '',
    });
    const data = join(folder.path, 'data.json');
    await writeFile(data, JSON.stringify({ status: 'resolved', alerts: [] }));
    expect((await binnacle('template', 'render', '--text', text, '--data', data, file)).out).toBe(
      'RESOLVED 0',
    );
    expect(await binnacle('template', 'render', '--text', '{{ template "none" . }}')).toMatchObject(
      { code: 1, out: '' },
    );
    expect((await binnacle('template', 'render')).code).toBe(2);
    await writeFile(file, '{{ define');
    const broken = await binnacle('template', 'render', '--text', 'x', file);
    expect(broken).toMatchObject({ code: 1, err: expect.stringContaining('line 1') });
  });
});
