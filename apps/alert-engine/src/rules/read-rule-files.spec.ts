import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findRuleFiles, readRuleFiles } from './read-rule-files.ts';

const GOOD = 'groups: [{name: g, rules: [{record: a, expr: up}]}]';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-rules-'));
  await mkdir(join(folder, 'more'));
  await writeFile(join(folder, 'a.yml'), GOOD);
  await writeFile(join(folder, 'more', 'b.yml'), GOOD);
  await writeFile(join(folder, 'more', 'c.yaml'), GOOD);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('findRuleFiles', () => {
  it.each([
    [['a.yml'], ['a.yml']],
    [
      ['more/*.yml', 'a.yml', 'a*.yml'],
      ['a.yml', 'more/b.yml'],
    ],
    [['*/*'], ['more/b.yml', 'more/c.yaml']],
    [['none/*.yml'], []],
    [['none.yml'], ['none.yml']],
  ])('resolves %j from the folder of the configuration', async (patterns, expected) => {
    const files = await findRuleFiles({ patterns, folder });
    expect(files).toEqual(expected.map((file) => join(folder, file)));
  });
});

describe('readRuleFiles', () => {
  it('reads what the patterns name', async () => {
    const files = await readRuleFiles({ patterns: ['a.yml', 'more/*'], folder });
    expect(files.map(({ groups }) => groups.length)).toEqual([1, 1, 1]);
  });
  it('tells every problem of every file, and a file that is missing', async () => {
    await writeFile(join(folder, 'a.yml'), 'groups: [{name: g, rules: [{record: a, expr: up(}]}]');
    await writeFile(join(folder, 'more', 'b.yml'), 'group: 1');
    await expect(
      readRuleFiles({ patterns: ['*.yml', 'more/*', 'none.yml'], folder }),
    ).rejects.toThrow(
      new RegExp(
        [
          `${folder}/a.yml:1: group "g", rule 1, "a": could not parse expression: .*`,
          `${folder}/more/b.yml:1: unknown field "group"; accepted are groups`,
          `cannot read ${folder}/none.yml: there is no such file.`,
        ].join('\n'),
      ),
    );
  });
});
