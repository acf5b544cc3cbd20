import { describe, expect, it } from '@jest/globals';
import { parseRuleFile, type RuleFile } from '#libs/rules';
import {
  findDuplicateRules,
  findMissingSummaries,
  findSelectors,
  findShortWindows,
} from './rule-lints.ts';

function rules(...list: string[]): RuleFile {
  const text = `groups:\n- name: g\n  rules:\n${list.map((rule) => `  - ${rule}`).join('\n')}`;
  return parseRuleFile(text, { file: 'r.yml' });
}

describe('duplicate rules', () => {
  it('agree in name and labels', () => {
    const file = rules(
      '{record: b, expr: 1, labels: {x: y}}',
      '{record: a, expr: 1}',
      '{record: b, expr: 2, labels: {x: y}}',
      '{record: b, expr: 1, labels: {x: z}}',
      '{record: a, expr: 3}',
      '{record: a, expr: 4}',
    );
    expect(findDuplicateRules(file)).toEqual([
      { name: 'a', labels: [], lines: [5, 8, 9] },
      { name: 'b', labels: [['x', 'y']], lines: [4, 6] },
    ]);
  });
});

describe('a missing summary', () => {
  it('is one that is not there or empty, in alerts only', () => {
    const file = rules(
      '{alert: A, expr: 1, annotations: {summary: ok}}',
      '{alert: B, expr: 1, annotations: {description: d}}',
      '{alert: C, expr: 1, annotations: {summary: " "}}',
      '{record: d, expr: 1}',
    );
    const found = findMissingSummaries(file);
    expect(found.map(({ line, rule, ruleName }) => [line, rule, ruleName])).toEqual([
      [5, 2, 'B'],
      [6, 3, 'C'],
    ]);
  });
});

describe('a short window', () => {
  it.each([
    ['rate(x[59s])', 1],
    ['rate(x[1m])', 0],
    ['sum(increase(x[30s])) / sum(irate(x[45s]))', 2],
    ['sum_over_time(x[30s])', 0],
    ['rate(x[30s:5s])', 0],
    ['max_over_time(rate(x[30s])[1h:])', 1],
  ])('in %s is found %d times', (expr, count) => {
    const file = rules(`{record: r, expr: '${expr}'}`);
    expect(findShortWindows(file, 15_000)).toHaveLength(count);
  });

  it('is named with what would do', () => {
    const [finding] = findShortWindows(rules("{record: r, expr: 'rate(x[1m])'}"), 30_000);
    expect(finding!.message).toBe(
      'the window of rate(x[1m]) is below 2m, four scrape intervals of 30s',
    );
  });
});

describe('selectors for which there should be series', () => {
  it('are told once, with every place, without offset and @', () => {
    const file = rules(
      '{alert: A, expr: \'up{job="a"} == 0 and x offset 5m > 1\'}',
      '{alert: B, expr: \'sum(rate(up{job="a"}[5m] @ 100)) > 1\'}',
    );
    expect(findSelectors([file]).map(({ selector, uses }) => [selector, uses.length])).toEqual([
      ['up{job="a"}', 2],
      ['x', 1],
    ]);
  });

  it('are not those of metrics that rules record, of alerts, or of what may be absent', () => {
    const first = rules("{record: 'a:b', expr: in_a_file}");
    const second = rules(
      "{alert: A, expr: 'a:b > 1 and on() ALERTS == 1 or absent(gone) or absent_over_time(gone[5m])'}",
      '{alert: B, expr: \'{__name__="a:b"} > 1\'}',
    );
    expect(findSelectors([first, second]).map(({ selector }) => selector)).toEqual(['in_a_file']);
  });
});
