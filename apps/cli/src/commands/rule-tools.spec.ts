import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCli } from '../cli.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-rules-'));
});
afterEach(() => rm(folder, { recursive: true }));

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
    env: {},
    cwd: folder,
  });
  return { code, out, err };
}

const RULES = `groups:
  - name: g
    rules:
      - {alert: Down, expr: up == 0, annotations: {summary: down}}
      - {alert: Slow, expr: 'rate(x[30s]) > 1'}
`;

const put = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

/** Two tests, the first of which expects these alerts. */
const testExpecting = (alerts: string): string => `
rule_files: ['*.rules.yml']
tests:
  - name: down
    input_series: [{series: up, values: '0'}]
    alert_rule_test: [{alertname: Down, eval_time: 0, exp_alerts: ${alerts}}]
  - name: other <&>
    promql_expr_test: [{expr: '1', eval_time: 0, exp_samples: [{value: 1}]}]
`;

describe('binnacle test rules', () => {
  beforeEach(() => put('a.rules.yml', RULES));

  it('says that tests pass, and which rules none of them reaches', async () => {
    await put('t.yml', testExpecting('[{exp_annotations: {summary: down}}]'));
    expect(await run('test', 'rules', 't.yml')).toEqual({
      code: 0,
      out: `  SUCCESS

  COVERAGE: 1 of 2 rules fire or record in a test
a.rules.yml:5: group "g", "Slow": no test makes it fire or record
`,
      err: '',
    });
  });

  it('ends with 1 where one fails, and runs those that are chosen', async () => {
    await put('t.yml', testExpecting('[]'));
    const { code, err } = await run('test', 'rules', '--no-coverage', 't.yml');
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('    name: down,\n    alertname: Down'),
    ]);
    expect(await run('test', 'rules', 't.yml', '--run=^oth', '--run', 'nothing')).toEqual({
      code: 0,
      out: '  SUCCESS\n\n',
      err: '',
    });
  });

  it('writes a report for build servers', async () => {
    await put('t.yml', testExpecting('[]'));
    await put('broken.yml', 'tests: 1');
    const { code } = await run('test', 'rules', 't.yml', 'broken.yml', '--junit', 'report.xml');
    expect(code).toBe(1);
    const report = await readFile(join(folder, 'report.xml'), 'utf8');
    expect(report).toContain(
      '<testsuite name="t.yml" tests="2" failures="1" errors="0" skipped="0">',
    );
    expect(report).toContain('<testcase name="other &lt;&amp;&gt;"></testcase>');
    expect(report).toContain('<error>broken.yml:1: field &quot;tests&quot; takes a list</error>');
  });

  it('shows what the store holds where it is to say more', async () => {
    await put('t.yml', testExpecting('[]'));
    const { out } = await run('test', 'rules', 't.yml', '--debug', '--run=down');
    expect(out).toContain('DEBUG: Starting test down\n');
    expect(out).toContain('at 1s:\n');
    expect(out).toContain('ALERTS{alertname="Down", alertstate="firing"} =>\n1 @[0]\n');
  });

  it('warns of a pattern without files, and tells rules that cannot be read', async () => {
    await put('t.yml', 'rule_files: [none*.yml, bad.yml]\ntests: [{}]');
    await put('bad.yml', 'groups: [{name: g, rules: [{alert: A}]}]');
    const { code, err } = await run('test', 'rules', 't.yml');
    expect(code).toBe(1);
    expect(err).toContain(
      '  WARNING: no file match pattern none*.yml\n  FAILED:\nbad.yml:1: group "g"',
    );
  });

  it.each([
    [['nosuch.yml'], 1, "path 'nosuch.yml' does not exist"],
    [[], 2, 'takes at least one file'],
    [['t.yml', '--run=('], 2, '--run'],
    [['t.yml', '--enable-feature=x'], 2, 'unknown feature x'],
    [['t.yml', '--junit=no/such/folder.xml'], 2, '--junit'],
  ])('given %j ends with %d', async (args, expected, message) => {
    await put('t.yml', 'tests: [{}]');
    const { code, err } = await run('test', 'rules', ...args);
    expect([code, err]).toEqual([expected, expect.stringContaining(message)]);
  });
});

describe('binnacle check rules', () => {
  let server: Server;
  let asked: string[];
  let known: Set<string>;
  let engine: string;
  beforeEach(async () => {
    await put('r.yml', RULES);
    asked = [];
    known = new Set();
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://engine');
      const selector = url.searchParams.get('match[]') ?? '';
      asked.push(`${url.pathname} ${selector}`);
      const data = known.has(selector) ? [{}] : [];
      response.end(JSON.stringify({ status: 'success', data }));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    engine = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const SUMMARY = 'r.yml:5: group "g", rule 2, "Slow": the alert has no "summary" annotation';
  const WINDOW = 'r.yml:5: group "g", rule 2, "Slow": the window of rate(x[30s]) is below';

  it('warns of what is probably not meant', async () => {
    const { code, out, err } = await run('check', 'rules', 'r.yml');
    expect([code, out]).toEqual([0, 'Checking r.yml\n  SUCCESS: 2 rules found\n\n']);
    expect(err).toContain(`  WARNING: ${SUMMARY} (missing-summary)\n`);
    expect(err).toContain(`  WARNING: ${WINDOW} 1m, four scrape intervals of 15s`);
  });

  it.each([
    [['--lint=missing-summary'], 0, SUMMARY],
    [['--lint=missing-summary', '--lint-fatal'], 3, SUMMARY],
    [['--lint=all', '--lint-fatal'], 3, WINDOW],
    [['--lint=all', '--lint-fatal', '--scrape-interval=5s'], 3, SUMMARY],
    [['--lint-fatal'], 0, SUMMARY],
    [['--lint=bogus'], 2, 'accepted are all, none, duplicate-rules'],
    [['--scrape-interval=soon'], 2, '--scrape-interval'],
    [['--engine=nowhere'], 2, '--engine takes a URL'],
  ])('given %j ends with %d', async (args, expected, message) => {
    const { code, err } = await run('check', 'rules', 'r.yml', ...args);
    expect(code).toBe(expected);
    expect(err.includes(message)).toBe(true);
  });

  it.each([
    [['--lint=none']],
    [['--lint=short-rate-window', '--lint-fatal', '--scrape-interval=5s']],
  ])('given %j finds nothing', async (args) => {
    expect(await run('check', 'rules', 'r.yml', ...args)).toMatchObject({ code: 0, err: '' });
  });

  it('asks a running engine for the series that rules read', async () => {
    known.add('up');
    const { code, err } = await run('check', 'rules', 'r.yml', '--engine', engine);
    expect(asked).toEqual(['/api/v1/series up', '/api/v1/series x']);
    expect(code).toBe(0);
    expect(err).toContain(
      'r.yml:5: group "g", rule 2, "Slow": x matches no series (unmatched-selector)',
    );
    expect(err).not.toContain('up matches');
  });

  it('ends with 1 where the engine does not answer', async () => {
    const { code, err } = await run('check', 'rules', 'r.yml', '--engine=http://127.0.0.1:1');
    expect([code, err]).toEqual([1, expect.stringContaining('no answer from the engine')]);
  });
});
