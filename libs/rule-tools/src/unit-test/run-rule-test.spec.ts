import { describe, expect, it } from '@jest/globals';
import { parseRuleFile } from '#libs/rules';
import { parseRuleTestFile } from './parse-rule-test-file.ts';
import { RuleCoverage } from './rule-coverage.ts';
import { runRuleTest, type RunRuleTestOptions } from './run-rule-test.ts';

const RULES = `
groups:
  - name: first
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.instance }} down, says {{ $externalLabels.site }}'}
      - alert: Never
        expr: up > 5
`;

/** Runs every test of a file over {@link RULES} and gives the failures of all. */
async function run(
  tests: string,
  options: Partial<RunRuleTestOptions> & { rules?: string; head?: string } = {},
): Promise<string[]> {
  const { rules = RULES, head = '', ...rest } = options;
  const file = parseRuleTestFile(`${head}\ntests:\n${tests}`, 'test.yml');
  const ruleFile = parseRuleFile(rules, { file: 'rules.yml' });
  const failures: string[] = [];
  for (const test of file.tests) {
    const outcome = await runRuleTest(test, file, [ruleFile], {
      clockMs: () => 0,
      yieldToLoop: () => Promise.resolve(),
      ...rest,
    });
    failures.push(...outcome.failures);
  }
  return failures;
}

const DOWN = `
  - interval: 1m
    external_labels: {site: here}
    input_series: [{series: 'up{job="a",instance="i"}', values: '1 0x20'}]
`;

/** An expectation of 3 of a series with one value. */
const sampleOf = (value: string): string => `
  - input_series: [{series: m, values: '${value}'}]
    promql_expr_test: [{expr: m, eval_time: 0, exp_samples: [{labels: m, value: 3}]}]
`;

const downUntil = (time: string): string =>
  `${DOWN}    promql_expr_test: [{expr: vector(1), eval_time: ${time}, exp_samples: [{value: 1}]}]`;

const DOWN_ALERT =
  "{exp_labels: {severity: page, job: a, instance: i}, exp_annotations: {summary: 'i down, says here'}}";

describe('a rule test', () => {
  it('passes where alerts and samples are as expected', async () => {
    const failures = await run(`${DOWN}
    alert_rule_test:
      - {alertname: Down, eval_time: 2m59s, exp_alerts: []}
      - {alertname: Down, eval_time: 3m, exp_alerts: [${DOWN_ALERT}]}
    promql_expr_test:
      - {expr: 'job:up:sum', eval_time: 30s, exp_samples: [{labels: 'job:up:sum{job="a"}', value: 1}]}
      - {expr: 'job:up:sum', eval_time: 1m, exp_samples: [{labels: 'job:up:sum{job="a"}', value: 0}]}
`);
    expect(failures).toEqual([]);
  });

  it('checks the alerts that wait where `exp_pending` is given', async () => {
    const failures = await run(`${DOWN}
    alert_rule_test:
      - {alertname: Down, eval_time: 1m, exp_pending: [${DOWN_ALERT}]}
      - {alertname: Down, eval_time: 2m}
      - {alertname: Down, eval_time: 2m, exp_pending: []}
      - {alertname: Down, eval_time: 3m, exp_alerts: [${DOWN_ALERT}], exp_pending: []}
`);
    expect(failures).toEqual([
      `    alertname: Down, time: 2m, pending
        exp:[], 
        got:[
            0:
              Labels:{alertname="Down", instance="i", job="a", severity="page"}
              Annotations:{summary="i down, says here"}
            ]`,
    ]);
  });

  it('shows a difference instead where that is asked for', async () => {
    const [failure] = await run(
      `${DOWN}
    alert_rule_test: [{alertname: Never, eval_time: 3m, exp_alerts: [{}]}]`,
      { showsDiff: true },
    );
    expect(failure).toContain('diff: [\n');
    expect(failure).toContain('\u001b[0;31m"alertname": "Never"\u001b[0m');
  });

  it('does not see samples that come after the last evaluation', async () => {
    const failures = await run(`
  - interval: 10s
    input_series: [{series: up, values: '1+1x100'}]
    promql_expr_test: [{expr: up, eval_time: 90s, exp_samples: [{labels: up, value: 7}]}]
`);
    expect(failures).toEqual([]);
  });

  it.each([
    ['another value', "{labels: 'm', value: 2}", 'exp: {__name__="m"} 2E+00'],
    ['another label', '{labels: \'m{a="b"}\', value: 1}', 'exp: {__name__="m", a="b"} 1E+00'],
    ['a histogram', "{labels: m, histogram: '{{count:1}}'}", 'exp: {__name__="m"} {{count:1}}'],
    ['not a number', '{labels: m, value: .nan}', 'exp: {__name__="m"} NaN'],
    ['a pattern', '{labels: \'m{a=~"b"}\', value: 1}', 'err: labels "m{a=~\\"b\\"}": labels are'],
    ['two values', "{labels: m, histogram: '1 2'}", 'expected 1 value, got 2'],
    ['a float', "{labels: m, histogram: '1'}", 'expected a histogram'],
  ])('fails where %s was expected', async (_, sample, message) => {
    const [failure] = await run(`
  - input_series: [{series: m, values: '1'}]
    promql_expr_test: [{expr: m, eval_time: 0, exp_samples: [${sample}]}]
`);
    expect(failure).toContain('    expr: "m", time: 0s,');
    expect(failure).toContain(message);
  });

  it('takes neighbouring doubles for the same where comparison is fuzzy', async () => {
    const head = 'fuzzy_compare: true';
    expect(await run(sampleOf('2.9999999999999996'), { head })).toEqual([]);
    expect(await run(sampleOf('3.0000000000000004'), { head })).toEqual([]);
    expect(await run(sampleOf('2.999999999999999'), { head })).toHaveLength(1);
    expect(await run(sampleOf('2.9999999999999996'))).toHaveLength(1);
  });

  it('evaluates groups in the order that is given, those that are not in it first', async () => {
    const rules = `
groups:
  - {name: b, rules: [{record: from_b, expr: from_a}]}
  - {name: a, rules: [{record: from_a, expr: from_c}]}
  - {name: c, rules: [{record: from_c, expr: 1}]}
`;
    const tests = `
  - promql_expr_test: [{expr: from_b, eval_time: 0, exp_samples: [{labels: from_b, value: 1}]}]
`;
    expect(await run(tests, { rules, head: 'group_eval_order: [a, b]' })).toEqual([]);
    expect(await run(tests, { rules, head: 'group_eval_order: [b, a]' })).toHaveLength(1);
  });

  it('sees native histograms that rules record', async () => {
    const failures = await run(
      `
  - input_series: [{series: 'h{a="1"}', values: '{{count:2 sum:3 buckets:[2]}}'}]
    promql_expr_test:
      - {expr: r, eval_time: 0, exp_samples: [{labels: r, histogram: '{{count:4 sum:6 buckets:[4]}}'}]}
`,
      { rules: "groups: [{name: g, rules: [{record: r, expr: '2 * sum(h)'}]}]" },
    );
    expect(failures).toEqual([]);
  });

  it('ends at the first rule that cannot be evaluated', async () => {
    const failures = await run(
      `
  - input_series: [{series: 'm{a="1"}', values: '_ 1'}, {series: 'm{a="2"}', values: '_ 1'}]
    promql_expr_test: [{expr: m, eval_time: 1h, exp_samples: []}]
`,
      { rules: 'groups: [{name: g, rules: [{record: r, expr: "sum without (a) (m) + on() m"}]}]' },
    );
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^ {4}rule: r, time: 1m0s, err: found duplicate series/);
  });

  it('tells an expression or a series that cannot be read', async () => {
    const failures = await run(`
  - promql_expr_test: [{expr: 'sum(', eval_time: 1m}]
  - input_series: [{series: 'm{', values: '1'}]
`);
    expect(failures[0]).toMatch(/^ {4}expr: "sum\(", time: 1m, err: .*parse error/);
    expect(failures[1]).toMatch(/^input series on line 5: /);
  });

  it('refuses more evaluations than anybody waits for', async () => {
    const failures = await run('  - promql_expr_test: [{expr: "1", eval_time: 290y}]');
    expect(failures).toEqual([
      'test.yml:3: the test takes more than 1000000 evaluations to its last eval_time',
    ]);
  });

  it('knows which rules no test reaches', async () => {
    const coverage = new RuleCoverage();
    coverage.expect([parseRuleFile(RULES, { file: 'rules.yml' })]);
    await run(downUntil('2m'), { coverage });
    expect(coverage.unreached.map(({ rule, line }) => `${line} ${rule}`)).toEqual([
      '7 Down',
      '12 Never',
    ]);
    await run(downUntil('3m'), { coverage });
    expect(coverage.unreached.map(({ rule }) => rule)).toEqual(['Never']);
    expect(coverage.ruleCount).toBe(3);
  });
});
