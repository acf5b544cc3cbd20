import { readFile } from 'node:fs/promises';
import { errorCode } from '#libs/node-files';
import { parseYamlConfig } from '#libs/yaml-config';
import type { z } from 'zod';
import { PlainError } from './plain-error.ts';

/**
 * Reads a service's configuration file against its schema, with `${NAME}` replaced from the environment. Without a file
 * the defaults of the schema are the configuration.
 * @throws ConfigTextError for bad content, PlainError for a file that cannot be read
 */
export async function readConfigFile<Schema extends z.ZodType>(
  file: string | null,
  schema: Schema,
  env: Readonly<Record<string, string | undefined>>,
): Promise<z.output<Schema>> {
  if (file === null) return parseYamlConfig('', schema, { file: '(defaults)' });
  return parseYamlConfig(await readTextFile(file), schema, { file, env });
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
