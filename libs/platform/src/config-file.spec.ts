import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { findConfigFiles, readConfigFiles } from './config-file.ts';

const schema = z.strictObject({ files: z.array(z.string()).default([]) });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-[config]-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(...names: readonly string[]): Promise<void> {
  for (const name of names) await writeFile(join(folder, name), `files: [${name}]\n`);
}

function named(...names: readonly [string, ...string[]]) {
  const [configFile, ...moreConfigFiles] = names.map((name) => join(folder, name));
  return { configFile: configFile!, moreConfigFiles };
}

describe('the files of a configuration', () => {
  it('are read in the order given, those of a wildcard by name', async () => {
    await write('c.yml', 'c-b.yml', 'c-a.yml', 'd.yml', 'c-x.txt');
    const { files } = await readConfigFiles(named('c.yml', 'c-*.yml', 'd.yml'), schema, {});
    expect(files).toEqual(['c.yml', 'c-a.yml', 'c-b.yml', 'd.yml']);
  });

  it('are read once where two names have them', async () => {
    await write('c.yml', 'd.yml');
    const { files } = await readConfigFiles(named('*.yml', 'c.yml', '*.yml'), schema, {});
    expect(files).toEqual(['c.yml', 'd.yml']);
  });

  it('may be none for a wildcard beside others', async () => {
    await write('c.yml');
    expect((await readConfigFiles(named('c.yml', 'c-*.yml'), schema, {})).files).toEqual(['c.yml']);
    expect((await readConfigFiles(named('c-*.yml', 'c.yml'), schema, {})).files).toEqual(['c.yml']);
  });

  it('are found as a ConfigMap mounts them', async () => {
    await mkdir(join(folder, '..1'));
    await write('..1/c.yml', '..1/c-a.yml');
    await symlink('..1', join(folder, '..data'));
    for (const name of ['c.yml', 'c-a.yml']) {
      await symlink(join('..data', name), join(folder, name));
    }
    expect(await findConfigFiles(named('c.yml', 'c-*.yml'))).toEqual([
      join(folder, 'c.yml'),
      join(folder, 'c-a.yml'),
    ]);
  });

  it('are missed by their names', async () => {
    await write('c.yml');
    const files = named('c.yml', 'd.yml');
    expect(await findConfigFiles(files)).toHaveLength(2);
    await expect(readConfigFiles(files, schema, {})).rejects.toThrow(
      `cannot read ${join(folder, 'd.yml')}: there is no such file.`,
    );
    await expect(readConfigFiles(named('x-*.yml'), schema, {})).rejects.toThrow(
      `no file is called ${join(folder, 'x-*.yml')}.`,
    );
  });

  it('are a hundred at most', async () => {
    await write(...Array.from({ length: 101 }, (_, index) => `c${String(index)}.yml`));
    await expect(readConfigFiles(named('c*.yml'), schema, {})).rejects.toThrow(
      /101 files are called .*; at most 100 are read/,
    );
  });
});
