import { writeFile } from 'node:fs/promises';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { InvariantError } from '#libs/invariant';
import { formatDurationMs, compileLinearRegExp } from '#libs/labels';
import { describeFileError } from '#libs/node-files';
import {
  junitReport,
  parseRuleTestFile,
  type ReportedFile,
  type ReportedTest,
  RuleCoverage,
  type RuleTest,
  type RuleTestFile,
  runRuleTest,
} from '#libs/rule-tools';
import { parseRuleFile, type RuleFile } from '#libs/rules';
import {
  absolute,
  besideFile,
  filesMatching,
  firstMissing,
  readNamedFile,
} from '../command-files.ts';
import { type Command, type CommandIo, CommandUsageError } from '../command.ts';
import { chooseFeatures, type ChosenFeatures } from './promql-features.ts';

/** `binnacle test rules FILE…`: promtool's unit tests of rules. */
export const testRulesCommand: Command = {
  name: 'test rules',
  usage:
    'FILE… [--run REGEX]… [--diff] [--debug] [--junit FILE] [--ignore-unknown-fields] [--no-coverage] [--enable-feature NAMES]',
  summary: 'run unit tests of rules, in the format of promtool',
  async run(args, io) {
    const { values, positionals } = parseOptions(args);
    if (positionals.length === 0) throw new CommandUsageError('takes at least one file');
    const missing = await firstMissing(positionals, io);
    if (missing !== null) {
      io.err(`binnacle: error: path '${missing}' does not exist, try --help\n`);
      return 1;
    }
    const runner = new TestRunner(io, {
      ...chooseFeatures(values['enable-feature']),
      isSelected: selection(values.run),
      showsDiff: values.diff === true,
      isDebug: values.debug === true,
      ignoreUnknownFields: values['ignore-unknown-fields'] === true,
    });
    const reports: ReportedFile[] = [];
    for (const file of positionals) reports.push(await runner.runFile(file));
    // What a selection of the tests does not reach says nothing.
    if (values['no-coverage'] !== true && values.run === undefined) runner.printCoverage();
    if (values.junit !== undefined) await writeReport(values.junit, reports, io);
    return reports.some(hasFailed) ? 1 : 0;
  },
};

interface TestOptions extends ChosenFeatures {
  readonly isSelected: (name: string) => boolean;
  readonly showsDiff: boolean;
  readonly isDebug: boolean;
  readonly ignoreUnknownFields: boolean;
}

class TestRunner {
  readonly #io: CommandIo;
  readonly #options: TestOptions;
  readonly #coverage = new RuleCoverage();
  /** Test files often share the rules they are about. */
  readonly #ruleFiles = new Map<string, RuleFile>();

  constructor(io: CommandIo, options: TestOptions) {
    this.#io = io;
    this.#options = options;
  }

  async runFile(file: string): Promise<ReportedFile> {
    const tests: ReportedTest[] = [];
    let error: string | null = null;
    try {
      const testFile = parseRuleTestFile(await readNamedFile(file, this.#io), file);
      const paths = await this.#rulePaths(testFile);
      for (const test of testFile.tests) {
        if (!this.#options.isSelected(test.name)) continue;
        tests.push({ name: test.title, failures: await this.#runTest(test, testFile, paths) });
      }
    } catch (problem) {
      if (!(problem instanceof Error) || problem instanceof InvariantError) throw problem;
      error = problem.message;
    }
    const failures = tests.flatMap((test) => test.failures);
    this.#print(error === null ? failures : [...failures, error]);
    return { file, tests, error };
  }

  printCoverage(): void {
    const { ruleCount, unreached } = this.#coverage;
    if (ruleCount === 0) return;
    const reached = ruleCount - unreached.length;
    this.#io.out(`  COVERAGE: ${reached} of ${ruleCount} rules fire or record in a test\n`);
    for (const { file, line, group, rule } of unreached) {
      this.#io.out(
        `${file}:${line}: group ${JSON.stringify(group)}, ${JSON.stringify(rule)}: no test makes it fire or record\n`,
      );
    }
  }

  async #runTest(
    test: RuleTest,
    file: RuleTestFile,
    rulePaths: readonly string[],
  ): Promise<readonly string[]> {
    const { showsDiff, isDebug, delayedNameRemoval } = this.#options;
    const startedMs = performance.now();
    if (isDebug) this.#io.out(`DEBUG: Starting test ${test.title}\n`);
    let rules: RuleFile[];
    try {
      rules = await this.#readRules(rulePaths);
    } catch (problem) {
      if (!(problem instanceof Error) || problem instanceof InvariantError) throw problem;
      return [problem.message];
    }
    this.#coverage.expect(rules);
    const outcome = await runRuleTest(test, file, rules, {
      clockMs: () => performance.now(),
      yieldToLoop: () => yieldToLoop(),
      delayedNameRemoval,
      showsDiff,
      coverage: this.#coverage,
    });
    if (isDebug) {
      const { endMs, text } = await outcome.dump();
      this.#io.out(
        `DEBUG: Dump of all data (input_series and rules) at ${formatDurationMs(endMs)}:\n${text}\n` +
          `DEBUG: Finished test ${test.title} in ${formatDurationMs(Math.ceil(performance.now() - startedMs))}\n`,
      );
    }
    return outcome.failures;
  }

  async #rulePaths({ file, ruleFiles }: RuleTestFile): Promise<readonly string[]> {
    const paths = new Set<string>();
    for (const pattern of ruleFiles) {
      const path = besideFile(pattern, file);
      const matches = await filesMatching(path, this.#io);
      if (matches.length === 0) this.#io.err(`  WARNING: no file match pattern ${path}\n`);
      for (const match of matches) paths.add(match);
    }
    return [...paths];
  }

  async #readRules(paths: readonly string[]): Promise<RuleFile[]> {
    const files: RuleFile[] = [];
    for (const path of paths) {
      let file = this.#ruleFiles.get(path);
      if (file === undefined) {
        const { features, ignoreUnknownFields } = this.#options;
        const text = await readNamedFile(path, this.#io);
        file = parseRuleFile(text, { file: path, features, ignoreUnknownFields });
        this.#ruleFiles.set(path, file);
      }
      files.push(file);
    }
    return files;
  }

  /** As promtool does it: what is wrong goes to the standard error, and blank lines to the standard output. */
  #print(problems: readonly string[]): void {
    if (problems.length === 0) this.#io.out('  SUCCESS\n');
    else this.#io.err('  FAILED:\n');
    for (const problem of problems) {
      this.#io.err(`${problem}\n`);
      this.#io.out('\n');
    }
    this.#io.out('\n');
  }
}

function parseOptions(args: readonly string[]): {
  values: {
    run?: string[];
    diff?: boolean;
    debug?: boolean;
    junit?: string;
    'ignore-unknown-fields'?: boolean;
    'no-coverage'?: boolean;
    'enable-feature'?: string[];
  };
  positionals: string[];
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        run: { type: 'string', multiple: true },
        diff: { type: 'boolean' },
        debug: { type: 'boolean' },
        junit: { type: 'string' },
        'ignore-unknown-fields': { type: 'boolean' },
        'no-coverage': { type: 'boolean' },
        'enable-feature': { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Whether a test's name has a match of one of the patterns. */
function selection(patterns: readonly string[] | undefined): (name: string) => boolean {
  if (patterns === undefined) return () => true;
  const compiled = patterns.map((pattern) => {
    try {
      return compileLinearRegExp(`(?s:.*)(?:${pattern})(?s:.*)`);
    } catch (error) {
      throw new CommandUsageError(`--run: ${error instanceof Error ? error.message : ''}`);
    }
  });
  return (name) => compiled.some((pattern) => pattern.test(name));
}

function hasFailed({ tests, error }: ReportedFile): boolean {
  return error !== null || tests.some(({ failures }) => failures.length > 0);
}

async function writeReport(
  file: string,
  reports: readonly ReportedFile[],
  io: CommandIo,
): Promise<void> {
  try {
    await writeFile(absolute(file, io), junitReport(reports));
  } catch (error) {
    throw new CommandUsageError(`--junit: ${file} cannot be written: ${describeFileError(error)}`);
  }
}
