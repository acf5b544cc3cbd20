import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCli } from '../cli.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-promqltest-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(['promqltest', ...args], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env: {},
  });
  return { code, out, err };
}

async function script(name: string, ...lines: string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.join('\n'));
  return path;
}

describe('binnacle promqltest', () => {
  it('counts the cases of all files', async () => {
    const first = await script(
      'a.test',
      'load 1m',
      ' m{a="b"} 1+1x5',
      '',
      'eval instant at 2m m',
      ' m{a="b"} 3',
    );
    const second = await script(
      'b.test',
      'eval instant at 0 1 + 1',
      ' 2',
      '',
      'eval instant at 0 "x"',
      ' expect string "x"',
    );
    expect(await run(first, second)).toEqual({ code: 0, out: '3 passed, 0 failed\n', err: '' });
  });

  it('names the file and line of what fails', async () => {
    const path = await script(
      'a.test',
      'load 1m',
      ' m 1',
      '',
      'eval instant at 0 m',
      ' m 2',
      '',
      'eval instant at 0 m',
      ' m 1',
      '',
      'eval instant at 0 sum(',
    );
    const { code, out } = await run(path);
    const lines = out.split('\n');
    expect(code).toBe(1);
    expect(lines[0]).toBe(`FAIL ${path}:4 m: series m: expected 2, got 1`);
    expect(lines[1]).toContain(`FAIL ${path}:10 sum(: does not parse`);
    expect(lines.slice(2)).toEqual(['1 passed, 2 failed', '']);
  });

  it('fails a script that cannot be read, at its line', async () => {
    const path = await script('a.test', 'eval instant at 0 1', ' 1', '', 'load 1m', ' m{ 1');
    const { code, out } = await run(path);
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL .*a\.test:5 .*braces.*\n0 passed, 1 failed\n$/);
  });

  it.each([[[]], [['--bogus', 'x']], [['/nonexistent/file.test']]])(
    'is used wrongly with %j',
    async (args) => {
      const { code, err } = await run(...args);
      expect(code).toBe(2);
      expect(err).toContain('usage: binnacle promqltest FILE…');
    },
  );
});
