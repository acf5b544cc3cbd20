import { glob, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode } from '#libs/node-files';
import { type ConfigText, parseYamlConfig, parseYamlConfigs } from '#libs/yaml-config';
import type { z } from 'zod';
import { PlainError } from './plain-error.ts';
import type { RunOptions } from './run-options.ts';

/** The files of a configuration as they were named: see `RunOptions`. */
export type NamedConfigFiles = Pick<RunOptions, 'configFile' | 'moreConfigFiles'>;

/** What relative paths of a configuration are relative to. */
export function configFolder({ configFile }: NamedConfigFiles): string {
  return configFile === null ? process.cwd() : dirname(resolve(configFile));
}

/** A configuration of very many files is a wildcard that was not meant. */
const MAX_FILES = 100;

/**
 * The files that are named at present, in the order in which they are merged: as given, and those of one wildcard by their
 * names. A name without a wildcard is there whether or not its file exists, so that a missing file is noticed.
 */
export async function findConfigFiles(named: NamedConfigFiles): Promise<string[]> {
  const files = new Set<string>();
  const { configFile, moreConfigFiles = [] } = named;
  for (const name of configFile === null ? [] : [configFile, ...moreConfigFiles]) {
    if (!name.includes('*')) {
      files.add(name);
      continue;
    }
    const folder = dirname(name);
    const found: string[] = [];
    for await (const file of glob(basename(name), { cwd: folder })) found.push(file);
    for (const file of found.toSorted()) files.add(join(folder, file));
  }
  return [...files];
}

/**
 * Reads a service's configuration against its schema, from all its files, with `${NAME}` replaced from the environment.
 * Without a file the defaults of the schema are the configuration.
 * @throws ConfigTextError for bad content, PlainError for a file that cannot be read
 */
export async function readConfigFiles<Schema extends z.ZodType>(
  named: NamedConfigFiles,
  schema: Schema,
  env: Readonly<Record<string, string | undefined>>,
): Promise<z.output<Schema>> {
  const { configFile, moreConfigFiles = [] } = named;
  if (configFile === null) return parseYamlConfig('', schema, { file: '(defaults)' });
  const files = await findConfigFiles(named);
  if (files.length === 0 || files.length > MAX_FILES) {
    const names = [configFile, ...moreConfigFiles].join(', ');
    throw new PlainError(
      files.length === 0
        ? `no file is called ${names}.`
        : `${files.length} files are called ${names}; at most ${MAX_FILES} are read.`,
    );
  }
  const texts: ConfigText[] = [];
  for (const file of files) texts.push({ file, text: await readTextFile(file) });
  return parseYamlConfigs(texts, schema, { env });
}

/** A text file's content. @throws PlainError with a sentence that names the file */
export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder',
    };
    throw new PlainError(`cannot read ${file}: ${reasons[code] ?? code}.`, { cause: error });
  }
}
