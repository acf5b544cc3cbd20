import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { AppLogger, ReloadService } from './index.ts';

interface Config {
  readonly text: string;
}

let folder: string;
let registry: Registry;
let next: () => Promise<Config>;
let reloads: ReloadService<Config>;
let configFiles: readonly string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-reload-'));
  registry = new Registry();
  next = async () => ({ text: 'first' });
  configFiles = [];
  reloads = new ReloadService<Config>({
    readConfig: () => next(),
    findConfigFiles: async () => configFiles,
    registry,
    logger: AppLogger.create({ app: 'test', level: 'silent' }),
    nowMs: () => 1_000,
    metricPrefix: 'test',
  });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A part that remembers what is in force, and refuses texts it is told to refuse. */
function part(name: string, refuses: string, log: string[]) {
  return {
    name,
    async prepare({ text }: Config) {
      if (text === refuses) throw new Error(`${name} refuses ${text}`);
      return () => {
        log.push(`${name}=${text}`);
      };
    },
  };
}

async function succeeded(): Promise<unknown> {
  const metric = await registry.getSingleMetric('test_config_last_reload_successful')!.get();
  return metric.values[0]!.value;
}

describe('ReloadService', () => {
  it('puts a good configuration into force in every part', async () => {
    const log: string[] = [];
    reloads.register(part('a', 'bad', log));
    reloads.register(part('b', 'bad', log));
    await reloads.reload();
    expect(log).toEqual(['a=first', 'b=first']);
    expect(await succeeded()).toBe(1);
  });

  it('changes no part when one of them refuses, and says so in its metric', async () => {
    const log: string[] = [];
    reloads.register(part('a', 'never', log));
    reloads.register(part('b', 'bad', log));
    next = async () => ({ text: 'bad' });
    await expect(reloads.reload()).rejects.toThrow('b refuses bad');
    expect(log).toEqual([]);
    expect(await succeeded()).toBe(0);
    next = async () => ({ text: 'good' });
    await reloads.reload();
    expect(log).toEqual(['a=good', 'b=good']);
    expect(await succeeded()).toBe(1);
  });

  it('reloads when the content of a watched file changes, and only then', async () => {
    const log: string[] = [];
    const file = join(folder, 'rules.yml');
    await writeFile(file, 'one');
    reloads.register({ ...part('a', 'bad', log), watchedFiles: () => [file] });
    await reloads.reloadIfChanged();
    await reloads.reloadIfChanged();
    await writeFile(file, 'one');
    await reloads.reloadIfChanged();
    expect(log).toEqual([]);
    await writeFile(file, 'two');
    await reloads.reloadIfChanged();
    expect(log).toEqual(['a=first']);
    await rm(file);
    await reloads.reloadIfChanged();
    expect(log).toHaveLength(2);
  });

  it('reloads when another file of the configuration appears or goes', async () => {
    const log: string[] = [];
    const [one, two] = ['c.yml', 'c-more.yml'].map((name) => join(folder, name));
    await writeFile(one!, 'one');
    await writeFile(two!, '');
    reloads.register(part('a', 'bad', log));
    configFiles = [one!];
    await reloads.reloadIfChanged();
    expect(log).toEqual([]);
    configFiles = [one!, two!];
    await reloads.reloadIfChanged();
    expect(log).toHaveLength(1);
    configFiles = [one!];
    await reloads.reloadIfChanged();
    expect(log).toHaveLength(2);
  });

  it('does not let two reloads overlap', async () => {
    const log: string[] = [];
    reloads.register({
      name: 'slow',
      async prepare({ text }: Config) {
        log.push(`prepare ${text}`);
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        return () => {
          log.push(`commit ${text}`);
        };
      },
    });
    let count = 0;
    next = async () => ({ text: String(++count) });
    await Promise.all([reloads.reload(), reloads.reload()]);
    expect(log).toEqual(['prepare 1', 'commit 1', 'prepare 2', 'commit 2']);
  });
});
