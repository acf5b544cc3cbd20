import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { parseAlertmanagerConfig } from '#libs/dispatch';
import { parseRuleFile } from '#libs/rules';
import { runCli } from '../../apps/cli/src/cli.ts';
import { environmentOf } from '../../apps/cli/src/import/service-check.ts';
import { conformancePath, describeConformance } from '../support/conformance.ts';
import { checkInProcess } from '../support/in-process-check.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-import-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Imports into the folder. @returns what was said, and how it ended */
async function imported(...args: readonly string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const write = (text: string): void => {
    said += text;
  };
  const io = { out: write, err: write, env: {}, askService: checkInProcess };
  const code = await runCli(['import', ...args, '--out', folder], io);
  return { code, said };
}

/** What is wrong with each file that was written, in the words of whoever reads it. */
async function problems(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await written()) {
    const file = join(folder, name);
    const check = CHECKS.find(([pattern]) => pattern.test(name))?.[1];
    try {
      await check?.(readFileSync(file, 'utf8'), file);
    } catch (error) {
      found.push(`${name}: ${String(error)}`);
    }
  }
  return found;
}

async function written(): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true })).toSorted((a, b) => (a < b ? -1 : 1));
}

async function ask(app: 'collector' | 'alert-engine', text: string): Promise<void> {
  const said = await checkInProcess(app, { text, folder, env: environmentOf(text) });
  // What is in a file that is to be brought along is that file's.
  if (said.some((problem) => problem.file === undefined)) throw new Error(JSON.stringify(said));
}

const CHECKS: readonly [pattern: RegExp, check: (text: string, file: string) => unknown][] = [
  [/^collector\.yml$/, (text) => ask('collector', text)],
  [/^engine\.yml$/, (text) => ask('alert-engine', text)],
  [/^alertmanager\.yml$/, (text, file) => parseAlertmanagerConfig(text, file)],
  [/^rules\/.+/, (text, file) => parseRuleFile(text, { file })],
];

const configs = conformancePath('prometheus-config');

describeConformance('prometheus.yml files', ['prometheus-config'], () => {
  const good = readFileSync(join(configs!, 'check-config.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const files = readdirSync(configs!).filter((file) => file.endsWith('.yml'));

  it('there are some, with verdicts', () => {
    expect(files.length).toBeGreaterThan(150);
    expect(good.length).toBeGreaterThan(150);
  });

  it.each(files)('%s comes to files that load, or says why nothing does', async (file) => {
    const { code, said } = await imported('prometheus', join(configs!, file));
    expect(await problems()).toEqual([]);
    const hasFile = (await written()).includes('collector.yml');
    const isRefused = /^\S+\.yml:\d+: /m.test(said);
    expect({ code, hasFile }).toEqual({
      code: isRefused || said.includes('not taken over: ') ? 1 : 0,
      hasFile: !isRefused,
    });
  });
});

describeConformance('examples of prometheus.yml', ['prometheus-config', 'examples'], (path) => {
  it.each([
    ['prometheus.yml', 1],
    ['prometheus-kubernetes.yml', 4],
  ])('%s keeps all its jobs', async (file, atLeast) => {
    const { said } = await imported('prometheus', join(path, file));
    const jobs = Number(/taken over: (\d+) scrape jobs/.exec(said)?.[1]);
    expect(jobs).toBeGreaterThanOrEqual(atLeast);
    expect(said).not.toMatch(/not taken over: .*scrape_configs\[\d+\] \(/);
    expect(await problems()).toEqual([]);
  });
});

describeConformance('alertmanager.yml files', ['alertmanager', 'config-testdata'], (path) => {
  const examples = join(path, '..', 'examples');
  const files = [path, examples].flatMap((dir) =>
    existsSync(dir) ? readdirSync(dir).map((file) => join(dir, file)) : [],
  );
  it.each(files.filter((file) => /\.ya?ml$/.test(file)))(
    '%s comes to a file that loads, or says why none does',
    async (file) => {
      const { code, said } = await imported('alertmanager', file);
      expect(await problems()).toEqual([]);
      const hasFile = (await written()).includes('alertmanager.yml');
      expect(hasFile || said.includes('not taken over: ')).toBe(true);
      expect(code).toBe(said.includes('not taken over: ') ? 1 : 0);
    },
  );

  it('the Secret of kube-prometheus is taken as a whole', async () => {
    const { code } = await imported(
      'alertmanager',
      join(examples, 'kube-prometheus-alertmanager-secret.yaml'),
    );
    expect(code).toBe(0);
    const { receivers } = parseAlertmanagerConfig(
      readFileSync(join(folder, 'alertmanager.yml'), 'utf8'),
      'alertmanager.yml',
    );
    expect(receivers.map(({ name }) => name)).toEqual(['Default', 'Watchdog', 'Critical', 'null']);
  });
});

describeConformance('the rules of kube-prometheus', ['rules', 'kube-prometheus'], (path) => {
  it('are taken as a whole', async () => {
    const { code, said } = await imported('manifests', path);
    expect({ code, said }).toMatchObject({ code: 0 });
    expect(await problems()).toEqual([]);
    const names = await written();
    const rules = readdirSync(path).filter((file) => file.endsWith('.yaml'));
    expect(names.filter((name) => name.startsWith('rules/'))).toHaveLength(rules.length);
  });
});
