import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startEngine } from '../support/engine.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';

const DEADLINE_MS = 120_000;
const RULES = `
groups:
- name: lines
  interval: 1s
  rules:
  - record: app:errors:count
    expr: sum by (app) (count_over_time({app=~".+"} |= "error" [10m]))
  - alert: ManyErrors
    expr: sum by (app) (count_over_time({app="shop"} | logfmt | level = "error" [10m])) > 10
    labels: {severity: warning}
    annotations: {summary: '{{ $labels.app }} wrote {{ $value }} errors'}
  - alert: Quiet
    expr: count_over_time({app="shop"} |= "nobody says this" [10m]) > 0
  - alert: Broken
    expr: sum(count_over_time({app="shop"} | json [10m])) > 0
`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let apps: NestFastifyApplication[];

beforeEach(async () => {
  folder = await temporaryFolder();
  apps = [];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  await folder.remove();
});

/** Starts an engine with rules over a datasource. @returns its URL */
async function start(name: string, datasource: string, rules = RULES): Promise<string> {
  const configFile = join(folder.path, `${name}.yml`);
  await writeFile(join(folder.path, `${name}-rules.yml`), rules);
  const files = `rule_files: [${name}-rules.yml]`;
  await writeFile(configFile, `datasources: [{name: logs, ${datasource}, ${files}}]\n`);
  const { app, url } = await startEngine(join(folder.path, name), configFile);
  apps.push(app);
  return url;
}

async function push(url: string, count: number): Promise<void> {
  const values = Array.from({ length: count }, (_, i) => [
    `${Date.now() - 5_000 + i}000000`,
    `level=error msg="an error" n=${i}`,
  ]);
  await eventually('lines to be taken', async () => {
    const { status } = await fetch(`${url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] }),
    });
    return status === 204 ? true : null;
  });
}

interface RuleAnswer {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
}

async function rulesOf(url: string): Promise<ReadonlyMap<string, RuleAnswer>> {
  const text = await getText(`${url}/api/v1/rules`);
  const { data } = JSON.parse(text!) as { data: { groups: { rules: RuleAnswer[] }[] } };
  return new Map(data.groups.flatMap(({ rules }) => rules.map((rule) => [rule.name, rule])));
}

/** What fires at an engine, once anything does. */
async function firing(url: string): Promise<unknown[]> {
  return eventually('an alert to fire', async () => {
    const text = await getText(`${url}/api/v1/alerts`);
    const { data } = JSON.parse(text ?? '{"data":{"alerts":[]}}') as {
      data: { alerts: unknown[] };
    };
    return data.alerts.length > 0 ? data.alerts : null;
  });
}

async function recorded(url: string): Promise<string> {
  return eventually('the recorded series', async () => {
    const text = await getText(`${url}/api/v1/query?query=app:errors:count`);
    return text?.includes('"app":"shop"') === true ? text : null;
  });
}

const MANY_ERRORS = {
  labels: { alertname: 'ManyErrors', app: 'shop', severity: 'warning' },
  annotations: { summary: 'shop wrote 12 errors' },
  state: 'firing',
};

describe('rules over log lines', () => {
  it(
    'fire by the lines of the engine itself, and by those of a Loki, and their series are kept',
    async () => {
      const own = await start('own', 'type: own_logs');
      await push(own, 12);
      // To another engine this one is a Loki.
      const remote = await start('remote', `type: loki, url: '${own}'`);
      for (const url of [own, remote]) {
        expect(await firing(url)).toEqual([expect.objectContaining(MANY_ERRORS)]);
        expect(await recorded(url)).toContain('"12"');
        const rules = await eventually('all rules to be evaluated', async () => {
          const found = await rulesOf(url);
          return [...found.values()].every(({ health }) => health !== 'unknown') ? found : null;
        });
        expect(rules.get('Quiet')).toMatchObject({ health: 'ok' });
        expect(rules.get('ManyErrors')).toMatchObject({
          query:
            'sum by (app) (count_over_time({app="shop"} | logfmt | level = "error" [10m])) > 10',
        });
        expect(rules.get('Broken')).toMatchObject({
          health: 'err',
          lastError: expect.stringContaining('JSONParserErr') as unknown,
        });
      }
    },
    DEADLINE_MS,
  );
  it.each([
    ['rate(up[5m]) > 0', 'syntax error'],
    ['{app="x"} |= "error"', 'a rule takes numbers of lines'],
  ])('are refused at the start: %s', async (expr, reason) => {
    const rules = `groups: [{name: g, rules: [{alert: A, expr: '${expr}'}]}]`;
    const started = start('bad', 'type: own_logs', rules);
    await expect(started).rejects.toThrow(/bad-rules\.yml:1: group "g", rule 1, "A": .*/);
    await expect(started).rejects.toThrow(reason);
  });
  it('refuse what is said of series', async () => {
    const rules = `groups: [{name: g, rules: [{alert: A, expr: 'count_over_time({a="b"}[1m]) > 0', annotations: {binnacle_no_data: keep}}]}]`;
    await expect(start('bad', 'type: own_logs', rules)).rejects.toThrow('LogQL does not read');
    await expect(start('bad', `type: own_logs, url: 'http://x'`)).rejects.toThrow('have no URL');
    await expect(start('bad', 'type: loki')).rejects.toThrow('expected an http or https URL');
  });
});
