import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';

/** A unit-test file for rules, in the format of promtool. */
export interface RuleTestFile {
  readonly file: string;
  /** Paths and globs as written, relative to the file. */
  readonly ruleFiles: readonly string[];
  /** How often rules are evaluated. */
  readonly evaluationIntervalMs: number;
  /** Names of groups in the order in which they are evaluated; those not named come first. */
  readonly groupEvalOrder: readonly string[];
  /** Whether values may differ by the last bit. */
  readonly isFuzzy: boolean;
  readonly tests: readonly RuleTest[];
}

/** One test: some series, and what rules and expressions make of them. */
export interface RuleTest {
  /** Empty where the file gives none. */
  readonly name: string;
  /** What the test is called in reports: its name, or `unnamed#2`. */
  readonly title: string;
  readonly line: number;
  /** Time between two values of the input series. */
  readonly intervalMs: number;
  /** When the test begins; every other time in it is counted from here. */
  readonly startMs: number;
  readonly inputSeries: readonly InputSeries[];
  readonly alertTests: readonly AlertTest[];
  readonly exprTests: readonly ExprTest[];
  readonly externalLabels: Labels;
  readonly externalUrl: string;
}

export interface InputSeries {
  readonly line: number;
  readonly series: string;
  readonly values: string;
}

/** What an alerting rule is expected to have at a moment. */
export interface AlertTest {
  readonly line: number;
  readonly evalTimeMs: number;
  readonly alertName: string;
  /** The alerts that fire, all of them. */
  readonly firing: readonly ExpectedAlert[];
  /** The alerts that wait for their `for`, all of them; null where the test does not care (`exp_pending`, ours). */
  readonly pending: readonly ExpectedAlert[] | null;
}

/** Labels, `alertname` included, and annotations. */
export interface ExpectedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** What an expression is expected to give at a moment. */
export interface ExprTest {
  readonly line: number;
  readonly evalTimeMs: number;
  readonly expr: string;
  readonly samples: readonly ExpectedSample[];
}

export interface ExpectedSample {
  /** As written: `up{job="a"}`. */
  readonly series: string;
  readonly value: number;
  /** As written: `{{count:1 sum:2}}`; empty for a float. */
  readonly histogram: string;
}

/** A sample of a result, or one that was expected. */
export interface ComparableSample {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram: FloatHistogram | null;
}
