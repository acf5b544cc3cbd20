import { dirname, resolve } from 'node:path';
import {
  type AlertmanagerConfig,
  parseAlertmanagerConfig,
  redactAlertmanagerConfig,
} from '#libs/dispatch';
import { loadTemplates } from '#libs/node-delivery';
import type { MessageTemplates } from '#libs/notify';
import { readTextFile, type RunOptions } from '#libs/platform';

/** What notifications are routed by. */
export interface LoadedAlertmanagerConfig {
  readonly config: AlertmanagerConfig;
  /** For others to see: without secrets. */
  readonly shownText: string;
  /** What relative paths in it are relative to. */
  readonly folder: string;
  readonly templates: MessageTemplates;
  /** The files templates came from. */
  readonly templateFiles: readonly string[];
}

/** What was loaded at the start; a bad file ends the start, before anything listens. */
export const LOADED_ALERTMANAGER_CONFIG = Symbol('LoadedAlertmanagerConfig');

/** Without a file alerts are grouped and shown in the API, and nobody is told. */
const DEFAULT_TEXT = `route:
  receiver: default
  group_by: [alertname]
receivers:
  - name: default
`;

/** Where the file is, or null where there is none. */
export function alertmanagerConfigPath(
  file: string | undefined,
  options: RunOptions,
): string | null {
  if (file === undefined) return null;
  const folder = options.configFile === null ? process.cwd() : dirname(resolve(options.configFile));
  return resolve(folder, file);
}

/** @throws ConfigTextError for bad content, PlainError for a file that cannot be read */
export async function loadAlertmanagerConfig(
  path: string | null,
): Promise<LoadedAlertmanagerConfig> {
  const text = path === null ? DEFAULT_TEXT : await readTextFile(path);
  const config = parseAlertmanagerConfig(text, path ?? '(defaults)');
  const folder = path === null ? process.cwd() : dirname(path);
  const { templates, files } = await loadTemplates(config.templates, folder);
  return {
    config,
    shownText: redactAlertmanagerConfig(text),
    folder,
    templates,
    templateFiles: files,
  };
}
