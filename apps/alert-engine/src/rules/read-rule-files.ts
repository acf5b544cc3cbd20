import { glob } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PlainError, readTextFile } from '#libs/platform';
import { type OtherLanguage, parseRuleFile, type RuleFile } from '#libs/rules';
import type { EngineConfig } from '../config/engine-config.ts';
import { LOGQL } from './logql-rules.ts';

/**
 * Every rule file of a configuration: those over the embedded store, and those over each datasource.
 * @throws PlainError whose message has a line for each problem
 */
export async function readAllRuleFiles(
  config: Pick<EngineConfig, 'rule_files' | 'datasources'>,
  folder: string,
): Promise<RuleFile[]> {
  const files = await readRuleFiles({ patterns: config.rule_files, folder });
  for (const { name, type, ruleFiles } of config.datasources) {
    const language = type === 'prometheus' ? {} : { language: LOGQL };
    for (const file of await readRuleFiles({ patterns: ruleFiles, folder, ...language })) {
      files.push({ ...file, datasource: name });
    }
  }
  const seen = new Set<string>();
  for (const { file } of files) {
    if (seen.has(file)) {
      throw new PlainError(
        `${file} is listed twice: a rule file belongs to the embedded store (rule_files) or to one datasource`,
      );
    }
    seen.add(file);
  }
  return files;
}

/** Where globs begin and what they are. */
export interface RuleFilesOptions {
  readonly patterns: readonly string[];
  /** The folder that relative patterns start from. */
  readonly folder: string;
  /** What the rules' expressions are written in, other than PromQL. */
  readonly language?: OtherLanguage;
}

/**
 * The rule files that patterns name at present, as absolute paths, each once, sorted. A pattern without a wildcard is
 * there whether or not its file exists, so that a missing file is noticed.
 */
export async function findRuleFiles({ patterns, folder }: RuleFilesOptions): Promise<string[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const path = resolve(folder, pattern);
    if (!/[*?[\]{}]/.test(pattern)) files.add(path);
    else for await (const file of glob(path)) files.add(file);
  }
  return [...files].toSorted();
}

/**
 * Reads and checks every rule file; all that is wrong is told at once.
 * @throws PlainError whose message has a line for each problem, with file and line
 */
export async function readRuleFiles(options: RuleFilesOptions): Promise<RuleFile[]> {
  const files: RuleFile[] = [];
  const problems: string[] = [];
  const language = options.language === undefined ? {} : { language: options.language };
  for (const file of await findRuleFiles(options)) {
    try {
      files.push(parseRuleFile(await readTextFile(file), { file, ...language }));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (problems.length > 0) throw new PlainError(problems.join('\n'));
  return files;
}
