import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConfigProblem } from '#libs/yaml-config';

interface CheckedConfig {
  readonly text: string;
  /** A folder for a file to lie in meanwhile. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What a service says about a configuration text; a problem with a `file` is in one that the text names. */
export type ServiceCheck = (
  app: 'collector' | 'alert-engine',
  config: CheckedConfig,
) => Promise<readonly ConfigProblem[]>;

/** What a text takes from the environment, with something in the place of each. */
export function environmentOf(text: string): Record<string, string> {
  const names = [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, name]) => name!);
  return Object.fromEntries(names.map((name) => [name, 'x']));
}

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Asks the service itself, as `binnacle check` does. */
export const askService: ServiceCheck = async (app, { text, folder, env }) => {
  const scratch = await mkdtemp(join(folder, '.import-'));
  try {
    const file = join(scratch, 'config.yml');
    await writeFile(file, text);
    const { code, said } = await run(app, file, env);
    if (code === 0) return [];
    const problems = said
      .split('\n')
      .map((line) => line.replace(/^binnacle: /, ''))
      .filter((line) => line.startsWith(file))
      .map((line) => problemOf(line.slice(file.length)));
    if (problems.length > 0) return problems;
    const [, other] = /^(?:binnacle: )?(\/[^:\n]+): /.exec(said) ?? [];
    const message = said.trim();
    return [{ line: 0, path: '', message, ...(other !== undefined && { file: other }) }];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

function run(
  app: string,
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly said: string }> {
  const entry = fileURLToPath(new URL(`../../../${app}/src/main.js`, import.meta.url));
  const args = [entry, '--check', '--config', file];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    // What is set already stays what it is.
    env: { ...env, ...process.env },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < MAX_OUTPUT_BYTES) said += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}

/** @param rest of a line, from behind the file's name: `:3: key: message` */
function problemOf(rest: string): ConfigProblem {
  const [, line = '0', path = '', message = ''] =
    /^(?::(\d+))?: (?:([a-z_]+(?:\[\d+\]|\.[^\s:[\].]+)*): )?(.*)$/.exec(rest) ?? [];
  return { line: Number(line), path, message };
}
