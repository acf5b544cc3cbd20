import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { ConfigTextError, parseYamlConfig } from '#libs/yaml-config';
import * as fc from 'fast-check';
import { z } from 'zod';
import { explainRelabel, relabel, relabelConfigSchema, type RelabelRule } from './index.ts';

const schema = z.strictObject({ rules: z.array(relabelConfigSchema) });

/** Rules in YAML's flow style, one a line. */
function rules(...lines: readonly string[]): readonly RelabelRule[] {
  const yaml = `rules:\n${lines.map((line) => `  - ${line}\n`).join('')}`;
  return parseYamlConfig(yaml, schema, { file: 'r.yml' }).rules;
}

function complaint(line: string): string {
  try {
    rules(line);
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('relabel', () => {
  it.each([
    ['{target_label: env, replacement: prod}', { a: 'x', env: 'prod' }],
    [
      '{source_labels: [a], target_label: b, regex: "(.)", replacement: "$1$1"}',
      { a: 'x', b: 'xx' },
    ],
    ['{source_labels: [a], target_label: a, regex: y}', { a: 'x' }],
    ['{target_label: a, replacement: ""}', {}],
    ['{source_labels: [a], target_label: a, action: UPPERCASE}', { a: 'X' }],
    ['{source_labels: [a], action: drop, regex: x}', null],
    ['{action: labelmap, regex: "(a)", replacement: "${1}b"}', { a: 'x', ab: 'x' }],
    ['{action: labeldrop, regex: "."}', {}],
  ])('%s', (line, expected) => {
    const result = relabel(Labels.fromRecord({ a: 'x' }), rules(line));
    expect(result === null ? null : { ...result.toRecord() }).toEqual(expected);
  });
  it('reads unquoted numbers and truth values as the text they are', () => {
    const [rule] = rules('{source_labels: [a], regex: true, target_label: b, replacement: 1.10}');
    expect(relabel(Labels.fromRecord({ a: 'true' }), [rule!])?.get('b')).toBe('1.10');
  });
  it('changes the case character by character, as Go does', () => {
    const upper = rules('{source_labels: [a], target_label: a, action: uppercase}');
    expect(relabel(Labels.fromRecord({ a: 'straße é' }), upper)?.get('a')).toBe('STRAßE É');
  });
  it('tells what each rule did', () => {
    const steps = explainRelabel(
      Labels.fromRecord({ a: 'x' }),
      rules(
        '{target_label: b, replacement: y}',
        '{source_labels: [b], regex: z, action: keep}',
        '{target_label: c, replacement: y}',
      ),
    );
    expect(steps.map(({ result }) => result?.toString() ?? 'dropped')).toEqual([
      '{a="x", b="y"}',
      'dropped',
    ]);
  });
  it('gives the same as its explanation, for any labels', () => {
    const many = rules(
      '{source_labels: [a, b], target_label: h, modulus: 7, action: hashmod}',
      '{action: labelmap, regex: "(.+)", replacement: "x_$1"}',
      '{source_labels: [a], regex: "(.*)q(.*)", target_label: "$1", replacement: "$2"}',
      '{action: labelkeep, regex: "x_.*|h"}',
    );
    const record = fc.dictionary(fc.string({ minLength: 1 }), fc.string());
    fc.assert(
      fc.property(record, (pairs) => {
        const labels = Labels.fromRecord(pairs);
        const last = explainRelabel(labels, many).at(-1)!.result;
        expect(relabel(labels, many)?.key).toBe(last?.key);
      }),
    );
  });
  it.each([
    [
      '{action: nosuch}',
      /r\.yml:2: rules\[0\]\.action: unknown relabel action; accepted are replace/,
    ],
    ['{action: replace}', /target_label: .*requires target_label/],
    ['{action: keep, regex: "("}', /rules\[0\]\.regex: /],
    ['{action: hashmod, target_label: x}', /modulus/],
    ['{action: labeldrop, regex: x, source_labels: [a]}', /takes only regex/],
    [
      '{action: keepequal, source_labels: [a], target_label: b, regex: x}',
      /takes only source_labels/,
    ],
    [
      '{action: lowercase, source_labels: [a], target_label: b, replacement: c}',
      /replacement: cannot be set/,
    ],
    ['{target_label: a, nosuch: 1}', /unknown key "nosuch"; accepted are action, modulus/],
  ])('refuses %s', (line, expected) => {
    expect(complaint(line)).toMatch(expected);
  });
});
