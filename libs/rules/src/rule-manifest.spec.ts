import { describe, expect, it } from '@jest/globals';
import { parseRuleFile, type ParseRuleFileOptions } from './parse-rule-file.ts';
import { type RuleFile, RuleFileError } from './rule-file.ts';

const parse = (text: string, options: Partial<ParseRuleFileOptions> = {}): RuleFile =>
  parseRuleFile(text, { file: 'm.yml', ...options });

function problemsOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof RuleFileError) return error.message;
    throw error;
  }
  return 'accepted';
}

const inOneLine = (expr: string): string =>
  `kind: ConfigMap\nmetadata: {name: n}\ndata:\n  x: '{"groups": [{"name": "g", "rules": [{"record": "r", "expr": "${expr}"}]}]}'\n`;

/** `origin group line` of each group. */
const groupsOf = (file: RuleFile): string[] =>
  file.groups.map((group) => `${group.file} ${group.name} ${group.line}`);

const PROMETHEUS_RULE = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: one, namespace: ns}
spec:
  groups:
    - name: a
      partial_response_strategy: warn
      rules:
        - {alert: A, expr: up == 0}
`;

const CONFIG_MAP = `apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data:
  prometheus.yml: |
    global: {}
  more.rules: |
    # a comment

    groups:
      - name: a
        rules:
          - alert: B
            expr: EXPR
`;

describe('a PrometheusRule', () => {
  it('is read from its spec, under the name of its file', () => {
    expect(groupsOf(parse(PROMETHEUS_RULE))).toEqual(['m.yml a 6']);
  });

  it('may stand among other manifests; each has its groups to itself', () => {
    const file = parse(
      `${PROMETHEUS_RULE}---\napiVersion: apps/v1\nkind: Deployment\n---\n${PROMETHEUS_RULE.replace('one', 'other')}`,
    );
    expect(groupsOf(file)).toEqual(['m.yml#ns/one a 6', 'm.yml#ns/other a 19']);
    expect(file.warnings).toEqual([
      'm.yml:11: no rules are read from a Deployment, only from PrometheusRule and ConfigMap',
    ]);
  });

  it('may stand in a list', () => {
    const item = PROMETHEUS_RULE.trimEnd().replaceAll('\n', '\n    ');
    const file = parse(`apiVersion: v1\nkind: List\nitems:\n  - ${item}\n`);
    expect(groupsOf(file)).toEqual(['m.yml#ns/one a 9']);
  });

  it('is refused with the line of what is wrong', () => {
    expect(problemsOf(PROMETHEUS_RULE.replace('up == 0', 'up =='))).toMatch(
      /^m\.yml:9: group "a", rule 1, "A": could not parse expression/,
    );
    expect(problemsOf(PROMETHEUS_RULE.replace('groups:', 'group:'))).toBe(
      'm.yml:5: unknown field "group"; accepted are groups',
    );
  });
});

describe('a ConfigMap', () => {
  it('is read from those of its texts that have groups, with the lines of the manifest', () => {
    expect(groupsOf(parse(CONFIG_MAP.replace('EXPR', 'up')))).toEqual(['m.yml#more.rules a 11']);
    expect(problemsOf(CONFIG_MAP.replace('EXPR', 'up =='))).toMatch(
      /^m\.yml:14: group "a", rule 1, "B": could not parse expression/,
    );
    expect(problemsOf(CONFIG_MAP.replace('EXPR', '"up'))).toMatch(/^m\.yml:1\d: not YAML: /);
  });

  it('may have its texts on one line', () => {
    expect(groupsOf(parse(inOneLine('up')))).toEqual(['m.yml#x g 4']);
    expect(problemsOf(inOneLine('up=='))).toMatch(/^m\.yml:4: group "g"/);
  });

  it('shares the bounds of the file', () => {
    expect(() => parse(CONFIG_MAP.replace('EXPR', 'up'), { maxRules: 0 })).toThrow(
      /more than 0 rules in one file/,
    );
  });
});

describe('manifests without rules', () => {
  it.each([
    ['apiVersion: apps/v1\nkind: Deployment\n', 'm.yml:1: no rules in here; of manifests'],
    ['kind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n', 'm.yml:1: no rules in here'],
    ['apiVersion: v1\nkind: List\nitems: [7]\n', 'm.yml:3: expected a manifest'],
    ['apiVersion: v1\nkind: List\nitems: []\n', 'm.yml:1: no rules in here'],
  ])('are refused: %j', (text, message) => {
    expect(problemsOf(text)).toContain(message);
  });

  it('do not go down lists for ever', () => {
    const nested = '{apiVersion: v1, kind: List, items: ['.repeat(6) + ']}'.repeat(6);
    expect(problemsOf(nested)).toContain('expected a manifest');
  });
});
