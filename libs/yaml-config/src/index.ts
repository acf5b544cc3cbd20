export { byteSize, ByteSizeSyntaxError, parseByteSize } from './byte-size.ts';
export { ConfigTextError, type ConfigProblem } from './config-text-error.ts';
export { durationMs, positiveDurationMs } from './duration-schema.ts';
export { parsedText } from './parsed-text.ts';
export {
  type ConfigText,
  parseYamlConfig,
  parseYamlConfigs,
  type ParseYamlOptions,
} from './parse-yaml-config.ts';
export { Secret, secretSchema } from './secret.ts';
export { yamlText } from './yaml-text.ts';
export {
  readYamlTree,
  readYamlTrees,
  type ReadYamlTreeOptions,
  type YamlEntry,
  type YamlListTree,
  type YamlMapTree,
  type YamlScalarTree,
  type YamlTree,
  type YamlTreeDocument,
} from './read-yaml-tree.ts';
