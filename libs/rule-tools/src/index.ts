export { junitReport, type ReportedFile, type ReportedTest } from './unit-test/junit-report.ts';
export { parseRuleTestFile } from './unit-test/parse-rule-test-file.ts';
export { type CoveredRule, RuleCoverage } from './unit-test/rule-coverage.ts';
export type {
  AlertTest,
  ExpectedAlert,
  ExpectedSample,
  ExprTest,
  InputSeries,
  RuleTest,
  RuleTestFile,
} from './unit-test/rule-test-file.ts';
export {
  type RuleTestOutcome,
  runRuleTest,
  type RunRuleTestOptions,
} from './unit-test/run-rule-test.ts';
export {
  type DuplicateRules,
  findDuplicateRules,
  findMissingSummaries,
  findSelectors,
  findShortWindows,
  type LintFinding,
  type SelectorUse,
} from './lint/rule-lints.ts';
export { type BacktestOptions, backtestRule, type RuleBacktest } from './backtest/backtest-rule.ts';
export type { FiringPeriod } from './backtest/firing-record.ts';
export { type RangeSeries, type RangeSource, RangeSourceError } from './backtest/range-source.ts';
