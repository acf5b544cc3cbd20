import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { relabel, relabelConfigSchema, type RelabelRule } from '#libs/discovery';
import { Labels } from '#libs/labels';
import { ConfigTextError, parseYamlConfig } from '#libs/yaml-config';
import { z } from 'zod';
import { describeConformance } from '../support/conformance.ts';

interface RelabelRecord {
  readonly labels: Readonly<Record<string, string>>;
  readonly relabel_configs: string;
  readonly note?: string;
  readonly keep?: boolean;
  readonly result?: Readonly<Record<string, string>>;
  readonly error?: string;
}

const rulesSchema = z.strictObject({ rules: z.array(relabelConfigSchema).nullish() });

describeConformance(
  'relabelling as Prometheus recorded it',
  ['prometheus-config', 'relabel.ndjson'],
  (path) => {
    const records = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RelabelRecord);
    it.each(records.map((record, index) => [index + 1, record.note ?? '', record] as const))(
      'line %d %s',
      (_line, _note, record) => {
        expect(outcomeOf(record)).toEqual(
          record.error === undefined ? (record.keep === true ? record.result : null) : 'refused',
        );
      },
    );
  },
);

function outcomeOf(record: RelabelRecord): object | 'refused' | null {
  try {
    const result = relabel(Labels.fromRecord(record.labels), readRules(record.relabel_configs));
    return result === null ? null : { ...result.toRecord() };
  } catch (error) {
    if (error instanceof ConfigTextError) return 'refused';
    throw error;
  }
}

function readRules(yaml: string): readonly RelabelRule[] {
  const indented = `rules:\n${yaml.replaceAll(/^/gm, '  ')}\n`;
  return parseYamlConfig(indented, rulesSchema, { file: 'relabel.yml' }).rules ?? [];
}
