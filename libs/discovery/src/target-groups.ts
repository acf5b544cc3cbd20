import { isValidUtf8Name, Labels } from '#libs/labels';
import { parseYamlConfig, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import type { TargetGroup } from './scrape-config.ts';

const label = z.string().refine(isValidUtf8Name, { error: 'not a valid label name' });

const groupsSchema = z
  .array(
    z.strictObject({
      targets: z.array(yamlText().min(1)).max(100_000).default([]),
      labels: z.record(label, yamlText()).nullish(),
    }),
  )
  .max(100_000)
  .nullish();

/**
 * Reads a list of target groups as `file_sd_configs` and `http_sd_configs` have them, in JSON or YAML.
 * @param source what the groups are known by, such as a path; also what a complaint is about
 * @param meta labels that every group of the source gets, such as `__meta_filepath`
 * @throws ConfigTextError
 */
export function parseTargetGroups(
  text: string,
  source: string,
  meta: Readonly<Record<string, string>>,
): TargetGroup[] {
  const groups = parseYamlConfig(text, groupsSchema, { file: source }) ?? [];
  return groups.map((group, index) => ({
    source: `${source}:${index}`,
    targets: group.targets.map((address) => Labels.fromPairs([['__address__', address]])),
    labels: Labels.fromRecord({ ...group.labels, ...meta }),
  }));
}
