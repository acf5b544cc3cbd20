import { describe, expect, it } from '@jest/globals';
import { parseRuleTestFile } from './parse-rule-test-file.ts';

const problemsOf = (text: string): string => {
  try {
    parseRuleTestFile(text, 't.yml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

describe('a unit-test file', () => {
  it('has promtool’s defaults', () => {
    const file = parseRuleTestFile('tests: [{}, {name: n, interval: 10s}]', 't.yml');
    expect(file.evaluationIntervalMs).toBe(60_000);
    expect(file.isFuzzy).toBe(false);
    expect(
      file.tests.map(({ title, intervalMs, startMs }) => ({ title, intervalMs, startMs })),
    ).toEqual([
      { title: 'unnamed#0', intervalMs: 60_000, startMs: 0 },
      { title: 'n', intervalMs: 10_000, startMs: 0 },
    ]);
  });

  it.each([
    ['1609459200', 1_609_459_200_000],
    ['1609459200.5', 1_609_459_200_500],
    ['"2024-01-01T00:00:00Z"', 1_704_067_200_000],
    ['2024-01-01T01:00:00+01:00', 1_704_067_200_000],
    ['"2023-12-31 19:30:00.25-04:30"', 1_704_067_200_250],
  ])('begins a test at %s', (text, startMs) => {
    const file = parseRuleTestFile(`tests: [{start_timestamp: ${text}}]`, 't.yml');
    expect(file.tests[0]!.startMs).toBe(startMs);
  });

  it.each([
    ['1', 1],
    ['1e3', 1_000],
    ['1_000', 1_000],
    ['0x10', 16],
    ['-.5', -0.5],
    ['.inf', Infinity],
    ['-Inf', -Infinity],
  ])('reads the value %s', (text, value) => {
    const file = parseRuleTestFile(
      `tests: [{promql_expr_test: [{exp_samples: [{value: ${text}}]}]}]`,
      't.yml',
    );
    expect(file.tests[0]!.exprTests[0]!.samples[0]!.value).toBe(value);
  });

  it('names the metric of an expected alert without being told', () => {
    const file = parseRuleTestFile(
      'tests: [{alert_rule_test: [{alertname: A, exp_alerts: [{}]}]}]',
      't',
    );
    const [alertTest] = file.tests[0]!.alertTests;
    expect(alertTest!.firing[0]!.labels.toRecord()).toEqual({ alertname: 'A' });
    expect(alertTest!.pending).toBeNull();
  });

  it('tells everything that is wrong, with lines', () => {
    const text = `
group_eval_order: [a, b, a]
fuzzy_compare: perhaps
bogus: 1
tests:
  - interval: 1 minute
    alert_rule_test:
      - exp_alerts: {}
    promql_expr_test:
      - exp_samples: [{value: many}]
    start_timestamp: yesterday
    more: 1
  - 7
`;
    const lines = problemsOf(text).split('\n').toSorted();
    const expected = [
      't.yml:10: field "value" takes a number',
      't.yml:11: field "start_timestamp" takes seconds since 1970 or a time such as',
      't.yml:12: unknown field "more"; accepted are alert_rule_test, ',
      't.yml:13: a test is a map of alert_rule_test, ',
      't.yml:2: group name repeated in evaluation order: a',
      't.yml:3: field "fuzzy_compare" takes true or false',
      't.yml:4: unknown field "bogus"; accepted are evaluation_interval, ',
      't.yml:6: field "interval": not a valid duration string',
      't.yml:8: an item under alert_rule_test misses required attribute alertname at eval_time 0s',
      't.yml:8: field "exp_alerts" takes a list',
    ];
    expect(lines).toEqual(expected.map((start) => expect.stringContaining(start)));
  });

  it.each(['2024-02-30T00:00:00Z', '2024-01-01T24:00:00Z', '2024-01-01', '1e300'])(
    'does not begin at %s',
    (text) => {
      expect(problemsOf(`tests: [{start_timestamp: '${text}'}]`)).toContain('takes seconds since');
    },
  );

  it('is refused where it is no map', () => {
    expect(problemsOf('[]')).toContain('t.yml:1: the file is a map of evaluation_interval');
  });
});
