import { parseArgs } from 'node:util';
import { DurationSyntaxError, parseDurationMs } from '#libs/labels';
import {
  findDuplicateRules,
  findMissingSummaries,
  findSelectors,
  findShortWindows,
  type LintFinding,
} from '#libs/rule-tools';
import { parseRuleFile, type RuleFile, RuleFileError } from '#libs/rules';
import { z } from 'zod';
import { firstMissing, readNamedFile, UnreadableFileError } from '../command-files.ts';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { askEngine, EngineRequestError } from '../engine-client.ts';
import { chooseFeatures } from './promql-features.ts';

/** promtool has the first of these; the others are ours. */
const LINTS = ['duplicate-rules', 'missing-summary', 'short-rate-window', 'unmatched-selector'];
const ALL_LINTS: ReadonlySet<string> = new Set(LINTS);
/** What promtool looks for unless told otherwise. */
const PROMTOOL_DEFAULT: ReadonlySet<string> = new Set(['duplicate-rules']);
const DEFAULT_SCRAPE_INTERVAL = '15s';
/** How far back a running engine is asked for series. */
const SELECTOR_WINDOW_MS = 3_600_000;
const STANDARD_INPUT = 'standard input';

/** `binnacle check rules [FILE…]`: promtool's check and lints, and some more. */
export const checkRulesCommand: Command = {
  name: 'check rules',
  usage: `[FILE…] [--lint all|none|${LINTS.join('|')}] [--lint-fatal] [--scrape-interval D] [--engine URL] [--ignore-unknown-fields] [--enable-feature NAMES]`,
  summary: 'check Prometheus rule files; without files, the standard input',
  async run(args, io) {
    const options = parseOptions(args);
    const missing = await firstMissing(options.files, io);
    if (missing !== null) {
      io.err(`binnacle: error: path '${missing}' does not exist, try --help\n`);
      return 1;
    }
    const check = new RuleCheck(options, io);
    if (options.files.length === 0) {
      if (io.readInput === undefined) throw new CommandUsageError('takes at least one file');
      check.look(STANDARD_INPUT, await io.readInput());
    }
    for (const file of options.files) await check.read(file);
    await check.askEngine();
    return check.verdict;
  },
};

interface CheckOptions {
  readonly files: readonly string[];
  readonly lints: ReadonlySet<string>;
  /** Lints whose findings make `--lint-fatal` fail: those asked for by name, or what promtool has by default. */
  readonly fatalLints: ReadonlySet<string>;
  readonly isLintFatal: boolean;
  readonly scrapeIntervalMs: number;
  readonly engineUrl: string | null;
  readonly ignoreUnknownFields: boolean;
  readonly enabledFeatures: readonly string[] | undefined;
}

class RuleCheck {
  readonly #options: CheckOptions;
  readonly #io: CommandIo;
  readonly #files: RuleFile[] = [];
  #hasErrors = false;
  #hasFatalFindings = false;

  constructor(options: CheckOptions, io: CommandIo) {
    this.#options = options;
    this.#io = io;
  }

  get verdict(): ExitCode {
    if (this.#hasErrors) return 1;
    return this.#hasFatalFindings && this.#options.isLintFatal ? 3 : 0;
  }

  async read(file: string): Promise<void> {
    let text: string;
    try {
      text = await readNamedFile(file, this.#io);
    } catch (error) {
      if (!(error instanceof UnreadableFileError)) throw error;
      this.#fail(error.message);
      return;
    }
    this.look(file, text);
  }

  look(file: string, text: string): void {
    const { lints, enabledFeatures, ignoreUnknownFields } = this.#options;
    this.#io.out(`Checking ${file}\n`);
    let parsed: RuleFile;
    try {
      const { features } = chooseFeatures(enabledFeatures);
      parsed = parseRuleFile(text, { file, features, ignoreUnknownFields });
    } catch (error) {
      if (!(error instanceof RuleFileError)) throw error;
      this.#fail(error.message);
      return;
    }
    this.#files.push(parsed);
    for (const warning of parsed.warnings) this.#io.err(`  WARNING: ${warning}\n`);
    const duplicates = lints.has('duplicate-rules') ? describeDuplicates(parsed) : null;
    if (duplicates === null) {
      const count = parsed.groups.reduce((sum, { rules }) => sum + rules.length, 0);
      this.#io.out(`  SUCCESS: ${count} rules found\n`);
    } else {
      this.#io.err(`  FAILED:\n${duplicates}\n`);
      this.#found('duplicate-rules');
    }
    this.#warn('missing-summary', () => findMissingSummaries(parsed));
    this.#warn('short-rate-window', () => findShortWindows(parsed, this.#options.scrapeIntervalMs));
    this.#io.out('\n');
  }

  /** Asks a running engine which selectors match nothing. */
  async askEngine(): Promise<void> {
    const { engineUrl, lints } = this.#options;
    if (engineUrl === null || !lints.has('unmatched-selector')) return;
    const nowMs = Date.now();
    const unmatched: LintFinding[] = [];
    for (const { selector, uses } of findSelectors(this.#files)) {
      try {
        if (!(await hasSeries(engineUrl, selector, nowMs))) unmatched.push(...uses);
      } catch (error) {
        if (!(error instanceof EngineRequestError)) throw error;
        this.#fail(`${selector}: ${error.message}`);
        return;
      }
    }
    this.#warn('unmatched-selector', () => unmatched);
  }

  #fail(message: string): void {
    this.#io.err(`  FAILED:\n${message}\n`);
    this.#hasErrors = true;
  }

  #warn(lint: string, look: () => readonly LintFinding[]): void {
    if (!this.#options.lints.has(lint)) return;
    for (const { file, line, group, rule, ruleName, message } of look()) {
      this.#io.err(
        `  WARNING: ${file}:${line}: group ${JSON.stringify(group)}, rule ${rule}, ${JSON.stringify(ruleName)}: ${message} (${lint})\n`,
      );
      this.#found(lint);
    }
  }

  #found(lint: string): void {
    if (this.#options.fatalLints.has(lint)) this.#hasFatalFindings = true;
  }
}

/** In promtool's words, or null where there are none. */
function describeDuplicates(file: RuleFile): string | null {
  const duplicates = findDuplicateRules(file);
  if (duplicates.length === 0) return null;
  const blocks = duplicates.map(({ name, labels }) => {
    const lines = labels.map(([label, value]) => `\t${label}: ${value}\n`);
    return `Metric: ${name}\nLabel(s):\n${lines.join('')}`;
  });
  return `lint error ${duplicates.length} duplicate rule(s) found.\n${blocks.join('')}Might cause inconsistency while recording expressions`;
}

const seriesAnswer = z.object({ data: z.array(z.unknown()) });

/** @throws EngineRequestError */
async function hasSeries(engineUrl: string, selector: string, nowMs: number): Promise<boolean> {
  const answer = await askEngine(engineUrl, 'api/v1/series', {
    'match[]': selector,
    start: String((nowMs - SELECTOR_WINDOW_MS) / 1_000),
    end: String(nowMs / 1_000),
    limit: '1',
  });
  const parsed = seriesAnswer.safeParse(answer);
  if (!parsed.success) throw new EngineRequestError('the answer has no list of series');
  return parsed.data.data.length > 0;
}

function parseOptions(args: readonly string[]): CheckOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        lint: { type: 'string', multiple: true },
        'lint-fatal': { type: 'boolean' },
        'scrape-interval': { type: 'string', default: DEFAULT_SCRAPE_INTERVAL },
        engine: { type: 'string' },
        'ignore-unknown-fields': { type: 'boolean' },
        'enable-feature': { type: 'string', multiple: true },
      },
    });
    const { engine } = values;
    if (engine !== undefined && !URL.canParse(engine)) {
      throw new CommandUsageError('--engine takes a URL such as http://127.0.0.1:9370');
    }
    const lints = parseLints(values.lint);
    const enabledFeatures = values['enable-feature'];
    chooseFeatures(enabledFeatures);
    return {
      files: positionals,
      lints: lints ?? ALL_LINTS,
      fatalLints: lints ?? PROMTOOL_DEFAULT,
      isLintFatal: values['lint-fatal'] === true,
      scrapeIntervalMs: parseDurationMs(values['scrape-interval']),
      engineUrl: engine ?? null,
      ignoreUnknownFields: values['ignore-unknown-fields'] === true,
      enabledFeatures,
    };
  } catch (error) {
    if (error instanceof DurationSyntaxError) {
      throw new CommandUsageError(`--scrape-interval: ${error.message}`);
    }
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** @returns null where no lint was named */
function parseLints(flags: readonly string[] | undefined): ReadonlySet<string> | null {
  if (flags === undefined) return null;
  const names = flags.flatMap((flag) => flag.split(',')).filter((name) => name !== '');
  const unknown = names.find((name) => !ALL_LINTS.has(name) && name !== 'all' && name !== 'none');
  if (unknown !== undefined) {
    throw new CommandUsageError(
      `unknown lint ${unknown}; accepted are all, none, ${LINTS.join(', ')}`,
    );
  }
  if (names.includes('all')) return ALL_LINTS;
  return new Set(names.filter((name) => name !== 'none'));
}
