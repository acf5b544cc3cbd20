import { DuplicateLabelError, formatDurationMs, Labels } from '#libs/labels';
import {
  compareLabels,
  NotationError,
  parseMetricSelector,
  parseValuesNotation,
  PromqlSyntaxError,
} from '#libs/promql';
import type { RuleFile, RuleGroup } from '#libs/rules';
import {
  describeAlerts,
  describeGoDuration,
  describeHistogram,
  describeSamples,
  indentRest,
} from './describe-outcome.ts';
import { diffJson } from './json-diff.ts';
import type { RuleCoverage } from './rule-coverage.ts';
import type {
  AlertTest,
  ComparableSample,
  ExpectedAlert,
  ExpectedSample,
  ExprTest,
  RuleTest,
  RuleTestFile,
} from './rule-test-file.ts';
import { Simulation, SimulationError, type SimulationOptions } from './simulation.ts';

export interface RunRuleTestOptions extends SimulationOptions {
  /** Whether alerts that differ are shown as a coloured difference. */
  readonly showsDiff?: boolean;
  /** Told what every round reached. */
  readonly coverage?: RuleCoverage;
  /** Most rounds of evaluation in one test; 1 million by default. */
  readonly maxRounds?: number;
}

export interface RuleTestOutcome {
  /** What is wrong, each over several lines in promtool's form; empty where the test passed. */
  readonly failures: readonly string[];
  /** Everything in the store at the end of the test, a line for each sample; nothing where it did not get there. */
  dump(): Promise<{ readonly endMs: number; readonly text: string }>;
}

const DEFAULT_MAX_ROUNDS = 1_000_000;
const ALERT_INDENT = ' '.repeat(12);

/**
 * Runs one test: evaluates the rules at each step from its start to its last `eval_time`, and compares. What is wrong with
 * rules, series and expressions is in the outcome.
 */
export async function runRuleTest(
  test: RuleTest,
  file: RuleTestFile,
  rules: readonly RuleFile[],
  options: RunRuleTestOptions,
): Promise<RuleTestOutcome> {
  let simulation: Simulation;
  try {
    simulation = new Simulation(test, file.evaluationIntervalMs, options);
  } catch (error) {
    if (error instanceof SimulationError) return failedEarly([error.message]);
    throw error;
  }
  const endMs = lastEvalTimeMs(test);
  const { maxRounds = DEFAULT_MAX_ROUNDS } = options;
  if (endMs / file.evaluationIntervalMs >= maxRounds) {
    return failedEarly([
      `${file.file}:${test.line}: the test takes more than ${maxRounds} evaluations to its last eval_time`,
    ]);
  }
  const groups = inEvaluationOrder(await simulation.load(rules), file.groupEvalOrder);
  const failures: string[] = [];
  const alertTests = test.alertTests.toSorted((a, b) => a.evalTimeMs - b.evalTimeMs);
  let nextAlertTest = 0;
  for (let atMs = 0; atMs <= endMs; atMs += file.evaluationIntervalMs) {
    const timeMs = test.startMs + atMs;
    simulation.feedUntil(timeMs);
    const errors = await evaluate(groups, timeMs);
    if (errors.length > 0) return failedEarly([...failures, ...errors]);
    options.coverage?.observe(groups);
    // An alert is what the last round before the moment left.
    for (; nextAlertTest < alertTests.length; nextAlertTest++) {
      const alertTest = alertTests[nextAlertTest]!;
      if (alertTest.evalTimeMs >= atMs + file.evaluationIntervalMs) break;
      failures.push(...checkAlerts(alertTest, test, groups, options.showsDiff === true));
    }
  }
  for (const exprTest of test.exprTests) {
    const failure = await checkExpression(exprTest, test, simulation, file.isFuzzy);
    if (failure !== null) failures.push(failure);
  }
  const dumpMs = (Math.floor(endMs / 1_000) + 1) * 1_000;
  return {
    failures,
    dump: async () => ({ endMs: dumpMs, text: await simulation.dump(test.startMs + dumpMs) }),
  };
}

function failedEarly(failures: readonly string[]): RuleTestOutcome {
  return { failures, dump: () => Promise.resolve({ endMs: 0, text: '' }) };
}

function lastEvalTimeMs({ alertTests, exprTests }: RuleTest): number {
  return [...alertTests, ...exprTests].reduce(
    (latest, { evalTimeMs }) => Math.max(latest, evalTimeMs),
    0,
  );
}

/** Groups that the order does not name come first, in the order of the files. */
function inEvaluationOrder(groups: readonly RuleGroup[], order: readonly string[]): RuleGroup[] {
  return groups.toSorted((a, b) => order.indexOf(a.config.name) - order.indexOf(b.config.name));
}

/** @returns an error for each rule that failed */
async function evaluate(groups: readonly RuleGroup[], timeMs: number): Promise<string[]> {
  const errors: string[] = [];
  for (const group of groups) {
    await group.evaluate(timeMs, timeMs);
    for (const { rule, health } of group.rules) {
      if (health.lastError === '') continue;
      const time = describeGoDuration(timeMs);
      errors.push(`    rule: ${rule.name}, time: ${time}, err: ${health.lastError}`);
    }
  }
  return errors;
}

function checkAlerts(
  alertTest: AlertTest,
  test: RuleTest,
  groups: readonly RuleGroup[],
  showsDiff: boolean,
): string[] {
  const { alertName, evalTimeMs } = alertTest;
  const named = test.name === '' ? '' : `    name: ${test.name},\n`;
  const failures: string[] = [];
  const compare = (
    state: 'firing' | 'pending',
    expectedAlerts: readonly ExpectedAlert[],
    extra: string,
  ): void => {
    const expected = expectedAlerts.toSorted(compareAlerts);
    const got = alertsOf(groups, alertName, state).toSorted(compareAlerts);
    if (areSameAlerts(expected, got)) return;
    const head = `${named}    alertname: ${alertName}, time: ${formatDurationMs(evalTimeMs)}, ${extra}`;
    if (showsDiff) {
      const difference = diffJson(toDiffable(expected), toDiffable(got));
      failures.push(`${head}\n        diff: ${indentRest(difference, ALERT_INDENT)}`);
    } else {
      const [exp, is] = [expected, got].map((alerts) =>
        indentRest(describeAlerts(alerts), ALERT_INDENT),
      );
      failures.push(`${head}\n        exp:${exp}, \n        got:${is}`);
    }
  };
  compare('firing', alertTest.firing, '');
  if (alertTest.pending !== null) compare('pending', alertTest.pending, 'pending');
  return failures;
}

function alertsOf(
  groups: readonly RuleGroup[],
  alertName: string,
  kind: 'firing' | 'pending',
): ExpectedAlert[] {
  const alerts: ExpectedAlert[] = [];
  for (const { rule } of groups.flatMap((group) => group.rules)) {
    if (rule.kind !== 'alerting' || rule.name !== alertName) continue;
    for (const { labels, annotations, state } of rule.alerts.values()) {
      if (state.kind === kind) alerts.push({ labels, annotations });
    }
  }
  return alerts;
}

function compareAlerts(a: ExpectedAlert, b: ExpectedAlert): number {
  return compareLabels(a.labels, b.labels) || compareLabels(a.annotations, b.annotations);
}

function areSameAlerts(a: readonly ExpectedAlert[], b: readonly ExpectedAlert[]): boolean {
  return a.length === b.length && a.every((alert, i) => compareAlerts(alert, b[i]!) === 0);
}

/** No alert is shown as an empty one. */
function toDiffable(alerts: readonly ExpectedAlert[]): Record<string, Record<string, string>>[] {
  const shown =
    alerts.length === 0 ? [{ labels: Labels.EMPTY, annotations: Labels.EMPTY }] : alerts;
  return shown.map(({ labels, annotations }) => ({
    Annotations: annotations.toRecord(),
    Labels: labels.toRecord(),
  }));
}

async function checkExpression(
  exprTest: ExprTest,
  test: RuleTest,
  simulation: Simulation,
  isFuzzy: boolean,
): Promise<string | null> {
  const { expr, evalTimeMs } = exprTest;
  const head = `    expr: ${JSON.stringify(expr)}, time: ${formatDurationMs(evalTimeMs)},`;
  let got: readonly ComparableSample[];
  let expected: readonly ComparableSample[];
  try {
    got = await simulation.query(expr, test.startMs + evalTimeMs);
    expected = exprTest.samples.map(toSample);
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    return `${head} err: ${error.message}`;
  }
  expected = expected.toSorted((a, b) => compareLabels(a.labels, b.labels));
  got = got.toSorted((a, b) => compareLabels(a.labels, b.labels));
  const isSame =
    expected.length === got.length &&
    expected.every((sample, i) => isSameSample(sample, got[i]!, isFuzzy));
  if (isSame) return null;
  return `${head}\n        exp: ${describeSamples(expected)}\n        got: ${describeSamples(got)}`;
}

/** @throws SimulationError */
function toSample({ series, value, histogram }: ExpectedSample): ComparableSample {
  try {
    const matchers = series === '' ? [] : parseMetricSelector(series);
    const wrong = matchers.find(({ kind }) => kind !== '=');
    if (wrong !== undefined) throw new NotationError('labels are set with "=" only');
    const labels = Labels.fromPairs(matchers.map(({ name, value: text }) => [name, text]));
    if (histogram === '') return { labels, value, histogram: null };
    const values = parseValuesNotation(histogram);
    const [only] = values;
    if (values.length !== 1 || only === undefined) {
      throw new NotationError(`expected 1 value, got ${values.length}`);
    }
    if (only.kind !== 'histogram') throw new NotationError(`expected a histogram: ${histogram}`);
    return { labels, value, histogram: only.histogram };
  } catch (error) {
    const isBadNotation =
      error instanceof NotationError ||
      error instanceof PromqlSyntaxError ||
      error instanceof DuplicateLabelError;
    if (!isBadNotation) throw error;
    throw new SimulationError(`labels ${JSON.stringify(series)}: ${error.message}`, {
      cause: error,
    });
  }
}

function isSameSample(a: ComparableSample, b: ComparableSample, isFuzzy: boolean): boolean {
  if (compareLabels(a.labels, b.labels) !== 0) return false;
  if (a.histogram !== null || b.histogram !== null) {
    return (
      a.histogram !== null &&
      b.histogram !== null &&
      describeHistogram(a.histogram) === describeHistogram(b.histogram)
    );
  }
  return isSameValue(a.value, b.value, isFuzzy);
}

const bits = new DataView(new ArrayBuffer(8));

/** As promtool: a NaN is like no other; fuzzily, neighbours among the doubles are the same. */
function isSameValue(a: number, b: number, isFuzzy: boolean): boolean {
  if (a === b || !isFuzzy) return a === b;
  if (Number.isNaN(a) || Number.isNaN(b)) return false;
  const distance = orderOf(a) - orderOf(b);
  return distance === 1n || distance === -1n;
}

/** A whole number that counts the doubles from zero. */
function orderOf(value: number): bigint {
  bits.setFloat64(0, Math.abs(value));
  const magnitude = bits.getBigUint64(0);
  return value < 0 ? -magnitude : magnitude;
}
