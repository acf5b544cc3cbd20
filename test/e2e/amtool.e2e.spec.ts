import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startAlertingEngine } from '../support/engine.ts';
import { describeWithPeers } from '../support/peers.ts';
import { runToEnd, temporaryFolder } from '../support/processes.ts';

const CONFIG = `
route:
  receiver: ops
  group_by: [alertname]
  routes:
  - {receiver: db, matchers: ['team="db"']}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1:1/canary', http_config: {authorization: {credentials: canary}}}]
- name: db
`;

describeWithPeers('amtool against the engine', ['amtool'], ([amtool = '']) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let app: NestFastifyApplication;
  let url = '';

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFile(join(folder.path, 'am.yml'), CONFIG);
    ({ app, url } = await startAlertingEngine(folder.path));
  });
  afterAll(async () => {
    await app.close();
    await folder.remove();
  });

  /** @returns what it printed, its remark on versions left out */
  async function run(...args: string[]): Promise<string> {
    const server =
      args[0] === 'check-config' || args[0] === 'template' ? [] : [`--alertmanager.url=${url}`];
    const { code, output } = await runToEnd(amtool, [...server, ...args], {
      cwd: folder.path,
      env: { HOME: folder.path },
    });
    const text = output.replace(/^Warning: amtool version.*\n/gm, '').trim();
    expect({ code, text }).toEqual({ code: 0, text });
    return text;
  }

  it('adds and queries alerts', async () => {
    await run('alert', 'add', 'alertname=Down', 'team=db', '--annotation=summary=it is down');
    await run('alert', 'add', 'Slow', 'team=web');
    expect(await run('alert', 'query', 'team=db')).toMatch(
      /^Alertname.*\nDown .* it is down +active$/,
    );
    expect(await run('alert', 'query', '--receiver=ops')).toMatch(/\nSlow /);
    const json = JSON.parse(await run('-o', 'json', 'alert')) as { labels: object }[];
    expect(json.map(({ labels }) => labels)).toEqual(
      expect.arrayContaining([
        { alertname: 'Down', team: 'db' },
        { alertname: 'Slow', team: 'web' },
      ]),
    );
  });

  it('makes, changes, queries and ends silences', async () => {
    const id = await run(
      'silence',
      'add',
      'Down',
      'team=~"d."',
      '-a',
      'alice',
      '-c',
      'upgrade',
      '-d',
      '2h',
    );
    expect(await run('silence', 'query', '-q')).toBe(id);
    expect(await run('alert', 'query', '--silenced')).toMatch(/\nDown .*suppressed$/);
    await run('silence', 'update', id, '-d', '3h', '-c', 'longer');
    expect(await run('silence', 'query', '--created-by=alice')).toMatch(/ longer$/);
    const exported = await run('-o', 'json', 'silence', 'query');
    await run('silence', 'expire', id);
    expect(await run('silence', 'query', '-q')).toBe('');
    expect(await run('silence', 'query', '--expired', '-q')).toContain(id);
    await writeFile(join(folder.path, 'silences.json'), exported);
    await run('silence', 'import', 'silences.json');
    expect(await run('silence', 'query')).toMatch(/ longer$/);
  });

  it('shows the configuration without secrets, its routes and where an alert goes', async () => {
    const shown = await run('config', 'show');
    expect(shown).toContain('receiver: ops');
    expect(shown).not.toContain('canary');
    expect(await run('config', 'routes')).toMatch(/└── \{team="db"\}\s+receiver: db/);
    expect(await run('config', 'routes', 'test', 'team=db')).toBe('db');
    expect(await run('config', 'routes', 'test', 'team=web', '--verify.receivers=ops')).toBe('ops');
  });

  it('shows the cluster, checks files and renders templates', async () => {
    expect(await run('cluster', 'show')).toMatch(/Cluster Status:\s+disabled/);
    expect(await run('check-config', 'am.yml')).toContain('SUCCESS');
    await writeFile(join(folder.path, 'x.tmpl'), '{{ define "x" }}hello{{ end }}');
    const args = ['--template.glob=x.tmpl', '--template.text={{ template "x" . }}'];
    expect(await run('template', 'render', ...args)).toBe('hello');
  });
});
