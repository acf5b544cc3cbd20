export { ConfigTextError, type ConfigProblem } from './config-text-error.ts';
export { parseYamlConfig, type ParseYamlOptions } from './parse-yaml-config.ts';
export { Secret, secretSchema } from './secret.ts';
export { yamlText } from './yaml-text.ts';
