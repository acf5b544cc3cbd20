import { ConfigTextError, parseYamlConfig } from '#libs/yaml-config';
import type { AlertmanagerConfig } from './alertmanager-config.ts';
import { rawConfigSchema } from './alertmanager-schema.ts';
import { buildAlertmanagerConfig } from './build-alertmanager-config.ts';
import { checkAlertmanagerConfig } from './check-alertmanager-config.ts';
import { explainUnsupportedKeys } from './unsupported-keys.ts';

const checkedSchema = rawConfigSchema.superRefine(checkAlertmanagerConfig);

/**
 * Reads the text of an `alertmanager.yml`. What Alertmanager can do and this version cannot is refused like a mistake,
 * so that nobody waits for a message that will never come.
 * @param file the name that messages show
 * @throws ConfigTextError naming the line of every problem
 */
export function parseAlertmanagerConfig(text: string, file: string): AlertmanagerConfig {
  try {
    return buildAlertmanagerConfig(parseYamlConfig(text, checkedSchema, { file }));
  } catch (error) {
    throw error instanceof ConfigTextError ? explainUnsupportedKeys(error) : error;
  }
}
