import { dirname, resolve } from 'node:path';
import {
  type AlertmanagerConfig,
  parseAlertmanagerConfig,
  redactAlertmanagerConfig,
} from '#libs/dispatch';
import { readTextFile, type RunOptions } from '#libs/platform';

/** What notifications are routed by. */
export interface LoadedAlertmanagerConfig {
  readonly config: AlertmanagerConfig;
  /** For others to see: without secrets. */
  readonly shownText: string;
  /** What relative paths in it are relative to. */
  readonly folder: string;
}

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
  return {
    config: parseAlertmanagerConfig(text, path ?? '(defaults)'),
    shownText: redactAlertmanagerConfig(text),
    folder: path === null ? process.cwd() : dirname(path),
  };
}
