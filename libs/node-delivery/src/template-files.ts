import { glob, readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { TemplateParseError } from '#libs/go-template';
import { MessageTemplates } from '#libs/notify';
import { errorCode } from '#libs/node-files';
import { ConfigTextError } from '#libs/yaml-config';

/** More is a pattern that was not meant so. */
const MAX_FILES = 1_000;

/** The templates of a configuration. */
export interface LoadedTemplates {
  readonly templates: MessageTemplates;
  /** The files they came from. */
  readonly files: readonly string[];
}

/**
 * Reads the files that `templates:` names, in order, a later definition in place of an earlier one. A pattern that
 * finds nothing is no mistake, as with Alertmanager.
 * @param folder what patterns are relative to
 * @throws ConfigTextError naming the file, and its line where it does not parse
 */
export async function loadTemplates(
  patterns: readonly string[],
  folder: string,
): Promise<LoadedTemplates> {
  const files: string[] = [];
  for (const pattern of patterns) {
    const found: string[] = [];
    for await (const file of glob(pattern, { cwd: folder })) {
      found.push(resolve(folder, file));
      if (files.length + found.length > MAX_FILES) {
        throw refusal(pattern, 0, `finds more than ${MAX_FILES} files with templates`);
      }
    }
    files.push(...found.toSorted());
  }
  const texts: (readonly [string, string])[] = [];
  for (const file of new Set(files)) {
    const text = await readText(file);
    checkTemplate(file, text);
    texts.push([relative(folder, file), text]);
  }
  return { templates: MessageTemplates.create(texts), files };
}

function checkTemplate(file: string, text: string): void {
  try {
    MessageTemplates.create([[file, text]]);
  } catch (error) {
    if (!(error instanceof TemplateParseError)) throw error;
    throw refusal(file, error.line, error.reason);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw refusal(file, 0, `cannot be read: ${errorCode(error)}`);
  }
}

function refusal(file: string, line: number, message: string): ConfigTextError {
  return new ConfigTextError(file, [{ line, path: '', message }]);
}
