export { ConfigTextError, type ConfigProblem } from './config-text-error.ts';
export { parseYamlConfig, type ParseYamlOptions } from './parse-yaml-config.ts';
export { Secret, secretSchema } from './secret.ts';
export { yamlText } from './yaml-text.ts';
export {
  readYamlTree,
  type YamlEntry,
  type YamlListTree,
  type YamlMapTree,
  type YamlScalarTree,
  type YamlTree,
  type YamlTreeDocument,
} from './read-yaml-tree.ts';
