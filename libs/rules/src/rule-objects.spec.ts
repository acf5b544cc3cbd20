import { describe, expect, it } from '@jest/globals';
import {
  readRuleObject,
  type RuleConfinement,
  type RuleObject,
  type RuleObjectOutcome,
  withinQuota,
} from './index.ts';

const FREE: RuleConfinement = {
  label: null,
  confinesQueries: false,
  minIntervalMs: 0,
  maxResults: 1_000,
  allowedValues: new Map(),
  deniedLabels: new Set(),
};
const SHOP = { name: 'namespace', value: 'shop' };

function object(name: string, ...texts: readonly string[]): RuleObject {
  return {
    kind: 'ConfigMap',
    namespace: 'shop',
    name,
    texts: texts.map((text, i) => [`${i}.yml`, text]),
  };
}

function group(rule: string, more = ''): string {
  return `groups: [{name: a, ${more} rules: [${rule}]}]`;
}

function read(rule: string, confinement: Partial<RuleConfinement>, more = ''): RuleObjectOutcome {
  return readRuleObject(object('x', group(rule, more)), { ...FREE, ...confinement });
}

describe('the rules of an object', () => {
  it('are taken as a whole or not at all, and named by the object', () => {
    const good = group('{record: a, expr: up}');
    const both = readRuleObject(object('x', good, good), FREE);
    expect(both.files.map(({ file }) => file)).toEqual([
      'ConfigMap/shop/x/0.yml',
      'ConfigMap/shop/x/1.yml',
    ]);
    const refused = readRuleObject(object('x', good, group('{record: a, expr: sum(}')), FREE);
    expect(refused.files).toEqual([]);
    expect(refused.refusal).toMatch(/^ConfigMap\/shop\/x\/1\.yml:1: group "a", rule 1/);
    expect(readRuleObject(object('x'), FREE).refusal).toBe('no rules in here');
  });

  it.each([
    ['sum(rate(a[5m])) by (x)', 'sum by (x) (rate(a{namespace="shop"}[5m]))'],
    ['a{namespace="other"} > 1', 'a{namespace="other",namespace="shop"} > 1'],
    [
      'topk(scalar(k), -a) or (b and on(x) c offset 1m)',
      'topk(scalar(k{namespace="shop"}), -a{namespace="shop"}) or (b{namespace="shop"} and on (x) c{namespace="shop"} offset 1m)',
    ],
    ['max_over_time(sum(a)[1h:1m])', 'max_over_time(sum(a{namespace="shop"})[1h:1m])'],
    ['absent(a)', 'absent(a{namespace="shop"})'],
    ['1 + 2', '1 + 2'],
  ])('see only their own namespace: %s', (expr, confined) => {
    const rule = `{record: r, expr: '${expr}'}`;
    const { files, refusal } = read(rule, { label: SHOP, confinesQueries: true });
    expect(refusal).toBeNull();
    expect(files[0]?.groups[0]?.rules[0]).toMatchObject({
      exprText: confined,
      labels: [['namespace', 'shop']],
    });
  });

  it('may see everything and still be told apart by their label', () => {
    const { files } = read('{alert: A, expr: up == 0, labels: {z: y, a: b}}', { label: SHOP });
    expect(files[0]?.groups[0]?.rules[0]).toMatchObject({
      exprText: 'up == 0',
      labels: [
        ['a', 'b'],
        ['namespace', 'shop'],
        ['z', 'y'],
      ],
    });
  });

  it('give no more results than are allowed', () => {
    const limits = ['', 'limit: 3,', 'limit: 50,'].map(
      (more) => read('{record: a, expr: up}', { maxResults: 10 }, more).files[0]?.groups[0]?.limit,
    );
    expect(limits).toEqual([10, 3, 10]);
  });

  it.each<[string, string, Partial<RuleConfinement>, string?]>([
    ['an interval', '{record: a, expr: up}', { minIntervalMs: 30_000 }, 'interval: 1s,'],
    [
      'a value of a label',
      '{alert: A, expr: up, labels: {severity: critical}}',
      { allowedValues: new Map([['severity', ['info', 'warning']]]) },
    ],
    [
      'a template where only values are allowed',
      `{alert: A, expr: up, labels: {severity: '{{ $labels.x }}'}}`,
      { allowedValues: new Map([['severity', ['info']]]) },
    ],
    [
      'a label',
      '{alert: A, expr: up, labels: {receiver: platform}}',
      { deniedLabels: new Set(['receiver']) },
    ],
    [
      'the label of another namespace',
      '{alert: A, expr: up, labels: {namespace: other}}',
      { label: SHOP },
    ],
    ['info()', '{record: a, expr: info(up)}', { label: SHOP, confinesQueries: true }],
    [
      'a query in a template',
      `{alert: A, expr: up, annotations: {a: '{{ range query "up" }}x{{ end }}'}}`,
      { label: SHOP, confinesQueries: true },
    ],
  ])('are refused for %s', (_what, rule, confinement, more = '') => {
    const { files, refusal } = read(rule, confinement, more);
    expect(files).toEqual([]);
    expect(refusal).toContain('group "a"');
    expect(read(rule, {}, more).refusal).toBeNull();
  });
});

function outcome(name: string, namespace = 'shop', rules = 1): RuleObjectOutcome {
  const text = group(Array.from({ length: rules }, () => '{record: a, expr: up}').join());
  return readRuleObject({ ...object(name, text), namespace }, FREE);
}

function taken(outcomes: readonly RuleObjectOutcome[], groups: number, rules: number): string[] {
  return withinQuota(outcomes, { groups, rules })
    .filter(({ refusal }) => refusal === null)
    .map(({ object: { namespace, name } }) => `${namespace}/${name}`);
}

describe('the quota of a namespace', () => {
  it('takes objects by their names, and those that still fit', () => {
    const all = [outcome('c'), outcome('a'), outcome('b', 'shop', 9), outcome('x', 'other')];
    expect(taken(all, 10, 100)).toEqual(['other/x', 'shop/a', 'shop/b', 'shop/c']);
    expect(taken(all, 2, 100)).toEqual(['other/x', 'shop/a', 'shop/b']);
    expect(taken(all, 10, 5)).toEqual(['other/x', 'shop/a', 'shop/c']);
  });

  it('says what is too much', () => {
    const [refused] = withinQuota([outcome('a', 'shop', 3)], { groups: 1, rules: 2 });
    expect(refused?.refusal).toBe('with it the namespace shop would have 3 rules; allowed are 2');
  });
});
