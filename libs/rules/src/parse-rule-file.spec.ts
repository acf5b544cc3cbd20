import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseRuleFile } from './parse-rule-file.ts';
import { RuleFileError } from './rule-file.ts';

function messageFor(text: string, options: { maxRules?: number; maxLength?: number } = {}): string {
  try {
    parseRuleFile(text, { file: 'r.yml', ...options });
  } catch (error) {
    if (error instanceof RuleFileError) return error.message;
    throw error;
  }
  return 'accepted';
}

function rule(...lines: string[]): string {
  return ['groups:', '- name: g', '  rules:', ...lines.map((line) => `  ${line}`)].join('\n');
}

describe('parseRuleFile', () => {
  it('reads everything a group and a rule can say', () => {
    const { groups } = parseRuleFile(
      `groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 5
  labels: {team: a, severity: low}
  rules:
  - alert: A
    expr: up == 0
    for: 1m30s
    keep_firing_for: 2m
    labels: {severity: high, version: 1.10, on: yes}
    annotations: {summary: "x {{ $value }}"}
  - record: a:b
    expr: 1
`,
      { file: 'r.yml' },
    );
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({
      name: 'g',
      intervalMs: 30_000,
      queryOffsetMs: 60_000,
      limit: 5,
      rules: [
        {
          kind: 'alerting',
          name: 'A',
          line: 8,
          exprText: 'up == 0',
          holdMs: 90_000,
          keepFiringMs: 120_000,
          labels: [
            ['on', 'yes'],
            ['severity', 'high'],
            ['team', 'a'],
            ['version', '1.10'],
          ],
          annotations: [['summary', 'x {{ $value }}']],
        },
        { kind: 'recording', name: 'a:b', exprText: '1' },
      ],
    });
  });
  it.each([
    ['', 'accepted'],
    ['groups:', 'accepted'],
    ['groups: []\n---\nnonsense: [', 'accepted'],
    ['[]', 'r.yml:1: expected a map with the key "groups"'],
    ['group: []', 'r.yml:1: unknown field "group"; accepted are groups'],
    [
      rule('- alert: A', '  expr: up', '  fro: 5m'),
      'r.yml:6: group "g", rule 1, "A": unknown field "fro"; accepted are alert, annotations, expr, for, keep_firing_for, labels, record',
    ],
    [
      rule('- alert: A', '  expr: up{'),
      'r.yml:5: group "g", rule 1, "A": could not parse expression: 1:4: parse error: unexpected end of input inside braces',
    ],
    [
      rule('- alert: A', '  expr: up', '  for: 5'),
      /^r\.yml:6: group "g", rule 1, "A": field "for": not a valid duration string: "5"/,
    ],
    [
      rule('- alert: A', '  expr: up', '  annotations:', '    a: ok', '    b: "{{ $labels.x"'),
      'r.yml:8: group "g", rule 1, "A": annotation "b": template: __alert_A:1: unclosed action',
    ],
    [
      rule('- record: a', '  expr: up', '  for: 1m', '  annotations: {a: b}'),
      'r.yml:7: group "g", rule 1, "a": invalid field \'annotations\' in recording rule\nr.yml:6: group "g", rule 1, "a": invalid field \'for\' in recording rule',
    ],
    [rule('- alert: A', '  expr: [1]'), /^r\.yml:5: .*field "expr" takes a text/],
    [rule('- A'), 'r.yml:4: group "g", rule 1, "": a rule is a map with alert or record, and expr'],
    ['groups: [{name: a, limit: x}]', 'r.yml:1: group "a": field "limit" takes a whole number'],
    ['groups: [{name: a}, {name: a}]', 'r.yml:1: groupname: "a" is repeated in the same file'],
    ['a: &a [*a]', /alias/],
    ['groups: [', /^r\.yml:\d+: not YAML: /],
    ['kind: PrometheusRule\nspec: {groups: [{name: a}]}\nmetadata: {}', 'accepted'],
    ['kind: PrometheusRule\n', 'r.yml:1: a PrometheusRule needs a "spec" with "groups"'],
  ])('answers %j with %s', (text, expected) => {
    const message = messageFor(text);
    const isAsExpected =
      typeof expected === 'string' ? message === expected : expected.test(message);
    expect(isAsExpected ? '' : message).toBe('');
  });
  it('says that further documents are not read', () => {
    expect(parseRuleFile('groups: []\n---\ngroups: []', { file: 'r.yml' }).warnings).toEqual([
      'r.yml: only the first YAML document is read',
    ]);
  });
  it('bounds size and number of rules, aliases included', () => {
    expect(messageFor('#'.repeat(100), { maxLength: 99 })).toMatch(/at most 99/);
    const many = `a: &a [${'{record: b, expr: 1},'.repeat(100)}]\ngroups:\n${Array.from({ length: 100 }, (_, i) => `- {name: g${i}, rules: *a}`).join('\n')}`;
    expect(messageFor(many, { maxRules: 500 })).toMatch(/more than 500 rules in one file/);
  });
  it('reads or refuses any text, and reads a cut file as far as it is whole', () => {
    const whole = rule(
      '- alert: A',
      '  expr: up == 0',
      '  labels: {a: "b"}',
      '  annotations: {c: "{{ $value }}"}',
    );
    fc.assert(
      fc.property(fc.nat({ max: whole.length }), fc.string({ maxLength: 5 }), (cut, extra) => {
        expect(typeof messageFor(whole.slice(0, cut) + extra)).toBe('string');
      }),
      { numRuns: 300 },
    );
  });
});
