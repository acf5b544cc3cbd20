import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { runCli } from '../../apps/cli/src/cli.ts';
import { conformancePath, describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { PROMTOOL_KNOWN_OUTPUTS, PROMTOOL_KNOWN_VERDICTS } from './promtool-cli.known-failures.ts';

interface CliRecord {
  args: string[];
  cwd: string;
  stdin?: string;
  exit: number;
  stdout: string;
  stderr: string;
}

interface FileRecord {
  file: string;
  kind: string;
  test_rules?: { exit: number };
}

/** Flags that promtool takes before the command. */
const FLAG_OF_ALL = /^--(?:enable-feature|experimental)\b/;

async function run(
  args: readonly string[],
  cwd: string,
  stdin = '',
): Promise<{ exit: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const exit = await runCli(args, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    env: {},
    cwd,
    readInput: () => Promise.resolve(stdin),
  });
  return { exit, stdout, stderr };
}

/** The same command line for our program. */
function ourArgs(args: readonly string[]): string[] {
  const rest = args.slice(1);
  const split = rest.findIndex((arg) => !FLAG_OF_ALL.test(arg));
  const flags = rest.slice(0, split).filter((flag) => flag !== '--experimental');
  const isTest = rest[split] === 'test';
  return [...rest.slice(split), ...flags, ...(isTest ? ['--no-coverage'] : [])];
}

/** The program has a name of its own, and places in files are written in another form (and told more often). */
function comparable(stderr: string): string {
  return stderr
    .replaceAll('promtool: error:', 'binnacle: error:')
    .replaceAll(/^(\S+\.ya?ml): ?\d+(?::\d+)?: group /gm, '$1: group ');
}

/** What promtool does not look for. */
function withoutWarnings(stderr: string): string {
  return stderr.replaceAll(/^ {2}WARNING: .*\((?:missing-summary|short-rate-window)\)\n/gm, '');
}

describeConformance('promtool’s command lines', ['rules', 'promtool-cli.ndjson'], (path) => {
  const records = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as CliRecord);
  const verdicts = new KnownFailures(PROMTOOL_KNOWN_VERDICTS);
  const outputs = new KnownFailures(PROMTOOL_KNOWN_OUTPUTS);

  records.forEach((record, i) => {
    const id = `${i} ${record.args.join(' ')}`;
    const answer = (): ReturnType<typeof run> =>
      run(ourArgs(record.args), conformancePath(record.cwd)!, record.stdin);

    it(`${id} ends with ${record.exit}`, () =>
      verdicts.run(id, async () => {
        const { exit } = await answer();
        expect(exit).toBe(record.exit);
      }));

    it(`${id} prints what promtool prints`, () =>
      outputs.run(id, async () => {
        const { stdout, stderr } = await answer();
        expect({ stdout, stderr: comparable(withoutWarnings(stderr)) }).toEqual({
          stdout: record.stdout,
          stderr: comparable(record.stderr),
        });
      }));
  });

  it('lists no known difference that is not there', () => {
    expect([...verdicts.unseen, ...outputs.unseen]).toEqual([]);
  });
});

describeConformance('promtool test rules', ['rules', 'index.json'], (indexPath) => {
  const index = JSON.parse(readFileSync(indexPath, 'utf8')) as { files: FileRecord[] };
  const tested = index.files.filter(({ test_rules: recorded }) => recorded !== undefined);

  it('has all the files', () => {
    expect(tested).toHaveLength(23);
  });

  it.each(tested.map((record) => [record.file, record] as const))('%s', async (file, record) => {
    const { exit, stderr } = await run(['test', 'rules', file], join(indexPath, '..'));
    // The recorded version is older than `start_timestamp`.
    const expected = file.endsWith('/start-time-test.yml') ? 0 : record.test_rules!.exit;
    expect({ exit, stderr: expected === 0 ? stderr : '' }).toEqual({ exit: expected, stderr: '' });
  });

  describe('what is wrong', () => {
    it('is told with file and line', async () => {
      const { stderr } = await run(
        ['test', 'rules', 'promtool-testdata/rules_run_extrafields.yml'],
        join(indexPath, '..'),
      );
      expect(stderr).toContain('promtool-testdata/rules_extrafields.yml:7: group "alerts": ');
    });
  });
});
