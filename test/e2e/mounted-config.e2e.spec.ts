import 'reflect-metadata';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { AppLogger, listen, ReloadService } from '#libs/platform';
import { createApp as createCollector } from '../../apps/collector/src/app.ts';
import { startEngine } from '../support/engine.ts';
import { MountedConfigMap } from '../support/mounted-config-map.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';

const DEADLINE_MS = 60_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await folder.remove();
});

async function ask<T>(url: string): Promise<T> {
  const { data } = (await (await fetch(url)).json()) as { data: T };
  return data;
}

function engineFiles(receiver: string): Record<string, string> {
  return {
    'engine.yml': "alertmanager_config: am.yml\nrule_files: ['../rules/*.yml']\n",
    'am.yml': `route: {receiver: ${receiver}}\nreceivers: [{name: ${receiver}}]\n`,
  };
}

function collectorFiles(target: string): Record<string, string> {
  return {
    'collector.yml': `host_metrics: {enabled: false}
outputs: {remote_write: []}
scrape_config_files: [jobs.yml]
`,
    'jobs.yml': `scrape_configs: [{job_name: a, static_configs: [{targets: ['${target}']}]}]\n`,
  };
}

const ruleFile = (record: string) =>
  `groups: [{name: a, rules: [{record: '${record}', expr: vector(1)}]}]`;

it('the engine takes configuration and rules that the kubelet swaps, and keeps good ones', async () => {
  const config = new MountedConfigMap(join(folder.path, 'config'));
  const rules = new MountedConfigMap(join(folder.path, 'rules'));
  await config.write(engineFiles('first'));
  await rules.write({ 'one.yml': ruleFile('a:one') });
  const { app, url } = await startEngine(
    join(folder.path, 'data'),
    join(config.path, 'engine.yml'),
  );
  running.push(app);
  const recorded = async () => {
    const { groups } = await ask<{ groups: { rules: { name: string }[] }[] }>(
      `${url}/api/v1/rules`,
    );
    return groups
      .flatMap((group) => group.rules.map(({ name }) => name))
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join();
  };
  // The look that is due every few seconds; that it comes by itself is seen with the collector.
  const look = () => app.get(ReloadService).reloadIfChanged();
  const untilRecorded = (names: string) =>
    eventually(
      `the rules ${names}`,
      async () => {
        await look();
        return (await recorded()) === names ? names : null;
      },
      DEADLINE_MS,
    );
  await untilRecorded('a:one');
  await rules.write({ 'one.yml': ruleFile('a:changed'), 'two.yml': ruleFile('b:new') });
  await untilRecorded('a:changed,b:new');
  await rules.write({ 'two.yml': ruleFile('b:new') });
  await untilRecorded('b:new');

  await config.write(engineFiles('second'));
  await eventually(
    'the receiver',
    async () => {
      await look();
      const text = (await getText(`${url}/api/v2/receivers`)) ?? '';
      return text.includes('second') ? text : null;
    },
    DEADLINE_MS,
  );

  await rules.write({ 'two.yml': 'groups: [{name: a, rules: [{record: c, expr: "sum("}]}]' });
  await eventually(
    'the reload to be refused',
    async () => {
      await look();
      const text = (await getText(`${url}/metrics`)) ?? '';
      return text.includes('\nprometheus_config_last_reload_successful 0') ? text : null;
    },
    DEADLINE_MS,
  );
  expect(await recorded()).toBe('b:new');
}, 240_000);

it('the collector takes a configuration that the kubelet swaps', async () => {
  const config = new MountedConfigMap(join(folder.path, 'config'));
  await config.write(collectorFiles('127.0.0.1:1'));
  const app = await createCollector(
    {
      configFile: join(config.path, 'collector.yml'),
      dataDir: join(folder.path, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  const { port } = await listen(app, { host: '127.0.0.1', port: 0 });
  const scraped = async () => {
    const { activeTargets } = await ask<{ activeTargets: { scrapeUrl: string }[] }>(
      `http://127.0.0.1:${port}/api/v1/targets`,
    );
    return activeTargets.map(({ scrapeUrl }) => scrapeUrl).join();
  };
  const untilScraped = (url: string) =>
    eventually(
      `the target ${url}`,
      async () => ((await scraped()) === url ? url : null),
      DEADLINE_MS,
    );
  await untilScraped('http://127.0.0.1:1/metrics');
  await config.write(collectorFiles('127.0.0.1:2'));
  expect(await untilScraped('http://127.0.0.1:2/metrics')).toContain(':2/');
}, 180_000);
