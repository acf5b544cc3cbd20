import { readPostgresTarget } from '#libs/node-state';
import { checkAccess, configFolder, PlainError, type RunOptions } from '#libs/platform';
import { type EngineConfig, type Environment, readEngineConfig } from './config/engine-config.ts';
import {
  alertmanagerConfigPath,
  loadAlertmanagerConfig,
} from './notifications/alertmanager-config-file.ts';
import { readAllRuleFiles } from './rules/read-rule-files.ts';

/**
 * Reads everything the engine would read at its start and runs nothing.
 * @returns a line that says what was found
 * @throws ConfigTextError, RuleFileError, PlainError for the first file with something wrong in it
 */
export async function checkConfig(options: RunOptions, env: Environment): Promise<string> {
  const { configFile, moreConfigFiles = [] } = options;
  const config = await readEngineConfig(options, env);
  await checkAccess(config, configFolder(options));
  await checkState(config, configFolder(options));
  const files = await readAllRuleFiles(config, configFolder(options));
  const rules = files.flatMap(({ groups }) => groups).flatMap((group) => group.rules);
  const path = alertmanagerConfigPath(config.alertmanager_config, options);
  const alerting = await loadAlertmanagerConfig(path);
  const receivers = alerting.config.receivers.length;
  const names = [configFile ?? '(defaults)', ...moreConfigFiles].join(', ');
  return `${names}: good; ${rules.length} rules in ${files.length} files, ${receivers} receivers`;
}

/** Reads the URL, the password and the certificates, and connects to nothing. */
async function checkState({ state }: EngineConfig, folder: string): Promise<void> {
  if (state.postgres === undefined) return;
  try {
    await readPostgresTarget(state.postgres, folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PlainError(`state: ${reason}.`, { cause: error });
  }
}
