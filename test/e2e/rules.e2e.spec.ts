import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { type Engine, startEngine } from '../support/engine.ts';

const RULES = `
groups:
- name: fast
  interval: 1s
  rules:
  - record: e2e:doubled
    expr: 2 * e2e_value
  - alert: E2eHigh
    expr: e2e:doubled > 5
    labels: {severity: page}
    annotations: {summary: '{{ $labels.id }} is at {{ $value }}'}
`;

interface AlertJson {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
  readonly activeAt: string;
}

let folder = '';
let apps: NestFastifyApplication[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-rules-e2e-'));
  await writeFile(join(folder, 'engine.yml'), 'rule_files: ["rules/*.yml", main.yml]\n');
  await writeFile(join(folder, 'main.yml'), RULES);
});

afterEach(async () => {
  for (const app of apps) await app.close();
  apps = [];
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<Engine> {
  const engine = await startEngine(join(folder, 'data'), join(folder, 'engine.yml'));
  apps.push(engine.app);
  return engine;
}

async function stop({ app }: Engine): Promise<void> {
  apps = apps.filter((each) => each !== app);
  await app.close();
}

async function write({ app }: Engine, value: number, name = 'e2e_value'): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: name, id: 'a' }));
  builder.addSample(Date.now(), value);
  await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
}

async function data<T>({ url }: Engine, path: string): Promise<T> {
  const response = await fetch(url + path);
  const json = (await response.json()) as { status: string; data: T };
  expect(json.status).toBe('success');
  return json.data;
}

/** Asks again and again until the answer is right, and fails with the last one. */
async function eventually<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

const ready = (engine: Engine): Promise<unknown> =>
  eventually(
    async () => (await fetch(`${engine.url}/readyz`)).status,
    (status) => status === 200,
  );

const alertsOf = async (engine: Engine): Promise<readonly AlertJson[]> =>
  (await data<{ alerts: readonly AlertJson[] }>(engine, '/api/v1/alerts')).alerts;

describe('the engine’s rules', () => {
  it('record, fire, show themselves, and survive a restart and a bad reload', async () => {
    const first = await start();
    await ready(first);
    await write(first, 3);
    const [alert] = await eventually(
      () => alertsOf(first),
      ([each]) => each?.state === 'firing',
    );
    expect(alert).toMatchObject({
      labels: { alertname: 'E2eHigh', id: 'a', severity: 'page' },
      annotations: { summary: 'a is at 6' },
    });
    const { groups } = await data<{ groups: { name: string; file: string; rules: object[] }[] }>(
      first,
      '/api/v1/rules?type=record',
    );
    expect(groups).toMatchObject([
      {
        name: 'fast',
        file: join(folder, 'main.yml'),
        rules: [{ name: 'e2e:doubled', query: '2 * e2e_value', health: 'ok', type: 'recording' }],
      },
    ]);
    await eventually(
      () => data<{ result: unknown[] }>(first, '/api/v1/query?query=ALERTS'),
      ({ result }) => result.length === 1,
    );
    const refused = await fetch(`${first.url}/api/v1/rules?type=x`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({
      status: 'error',
      errorType: 'bad_data',
      error: 'invalid parameter "type": not supported value "x"',
    });
    const metrics = await (await fetch(`${first.url}/metrics`)).text();
    expect(metrics).toContain(
      `prometheus_rule_group_rules{rule_group="${join(folder, 'main.yml')};fast"} 2`,
    );

    await writeFile(join(folder, 'main.yml'), `${RULES}  - {alert: Bad, expr: up(}\n`);
    const reload = await fetch(`${first.url}/-/reload`, { method: 'POST' });
    expect(reload.status).toBe(500);
    expect(await reload.text()).toMatch(
      /main\.yml:12: group \\?"fast\\?", rule 3, \\?"Bad\\?": could not parse/,
    );
    expect(await alertsOf(first)).toHaveLength(1);
    await writeFile(join(folder, 'main.yml'), RULES);
    await stop(first);

    const second = await start();
    await ready(second);
    const [restored] = await eventually(
      () => alertsOf(second),
      ({ length }) => length > 0,
    );
    expect(restored).toMatchObject({ state: 'firing', activeAt: alert!.activeAt });
    // Seen again, it is an alert like any other, and ends when its expression does.
    await write(second, 4);
    await eventually(
      () => alertsOf(second),
      ([each]) => each?.annotations['summary'] === 'a is at 8',
    );
    await write(second, 1);
    await eventually(
      () => alertsOf(second),
      (alerts) => alerts.length === 0,
    );
  });
  it('reach a webhook', async () => {
    const bodies: { status: string; alerts: AlertJson[] }[] = [];
    const hook = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        bodies.push(JSON.parse(text) as (typeof bodies)[number]);
        response.end();
      });
    });
    await new Promise<void>((resolve) => {
      hook.listen(0, '127.0.0.1', resolve);
    });
    try {
      const { port } = hook.address() as AddressInfo;
      await writeFile(
        join(folder, 'alertmanager.yml'),
        `route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: "http://127.0.0.1:${port}/"}]}]
`,
      );
      await writeFile(
        join(folder, 'engine.yml'),
        'rule_files: [main.yml]\nalertmanager_config: alertmanager.yml\n',
      );
      const engine = await start();
      await ready(engine);
      await write(engine, 3);
      const told = (status: string) => async () => bodies.filter((body) => body.status === status);
      const [firing] = await eventually(told('firing'), ({ length }) => length > 0);
      expect(firing!.alerts[0]).toMatchObject({
        labels: { alertname: 'E2eHigh', id: 'a', severity: 'page' },
        annotations: { summary: 'a is at 6' },
      });
      await write(engine, 1);
      const [resolved] = await eventually(told('resolved'), ({ length }) => length > 0);
      expect(resolved!.alerts).toHaveLength(1);
    } finally {
      await new Promise((resolve) => {
        hook.close(resolve);
        hook.closeAllConnections();
      });
    }
  });
  it('that read signs of life fire at once, long before their interval is over', async () => {
    await writeFile(
      join(folder, 'main.yml'),
      `groups:
- name: life
  interval: 10000h
  rules:
  - alert: Down
    expr: probe_success == 0
    for: 1s
`,
    );
    const engine = await start();
    await ready(engine);
    await write(engine, 0, 'probe_success');
    const [alert] = await eventually(
      () => alertsOf(engine),
      ([each]) => each?.state === 'firing',
    );
    expect(alert!.labels).toEqual({ alertname: 'Down', id: 'a' });
    await write(engine, 1, 'probe_success');
    await eventually(
      () => alertsOf(engine),
      (alerts) => alerts.length === 0,
    );
    const metrics = await (await fetch(`${engine.url}/metrics`)).text();
    expect(metrics).toMatch(/^prometheus_rule_group_iterations_total\{.*\} 0$/m);
    expect(metrics).toMatch(/^binnacle_rule_reactive_evaluations_total\{.*\} [1-9]/m);
  });
  it('that are bad end the start with file and line', async () => {
    await writeFile(join(folder, 'main.yml'), 'groups:\n- nam: x\n');
    await expect(start()).rejects.toThrow(`${join(folder, 'main.yml')}:2: `);
  });
});
