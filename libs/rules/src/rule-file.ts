import { type Expr, printExpr } from '#libs/promql';
import type { RuleExtensions } from './rule-extensions.ts';

/** A rule file that was accepted. */
export interface RuleFile {
  readonly file: string;
  /** Which datasource its rules are evaluated over; the embedded store where it is not given. */
  readonly datasource?: string;
  readonly groups: readonly RuleGroupConfig[];
  /** What a reader should know though the file is accepted, one sentence each with its line. */
  readonly warnings: readonly string[];
}

/** A group of rules, evaluated one after the other. */
export interface RuleGroupConfig {
  readonly file: string;
  readonly name: string;
  readonly line: number;
  /** Null for the default evaluation interval. */
  readonly intervalMs: number | null;
  /** How far in the past expressions are evaluated; null for the default. */
  readonly queryOffsetMs: number | null;
  /** Most series or alerts a rule of the group may give; 0 for no limit. */
  readonly limit: number;
  readonly rules: readonly RuleConfig[];
}

/** A language of expressions other than PromQL, which only the evaluator of a datasource understands. */
export interface OtherLanguage {
  readonly name: string;
  /** Why a text is no expression of a rule, or null. */
  check(text: string): string | null;
}

interface RuleBase {
  readonly name: string;
  readonly line: number;
  /** Where the expression is of another language, a number that nobody evaluates: it reads no series. */
  readonly expr: Expr;
  /** The other language's name; PromQL where it is not given. */
  readonly language?: string;
  /** The expression as written. */
  readonly exprText: string;
  /** The rule's labels over those of its group, names and values in turn, sorted by name. */
  readonly labels: readonly (readonly [string, string])[];
}

export interface AlertingRuleConfig extends RuleBase {
  readonly kind: 'alerting';
  /** `for`. */
  readonly holdMs: number;
  /** `keep_firing_for`. */
  readonly keepFiringMs: number;
  /** Those that go out with its alerts. */
  readonly annotations: readonly (readonly [string, string])[];
  /** What those that are for Binnacle say. */
  readonly extensions: RuleExtensions;
}

export interface RecordingRuleConfig extends RuleBase {
  readonly kind: 'recording';
}

export type RuleConfig = AlertingRuleConfig | RecordingRuleConfig;

/** The expression of a rule as it is shown: PromQL in Prometheus's normal form, another language as written. */
export function shownExpression({ expr, exprText, language }: RuleBase): string {
  return language === undefined ? printExpr(expr) : exprText;
}

/** One thing wrong with a rule file. */
export interface RuleProblem {
  /** 1-based, 0 where no line can be named. */
  readonly line: number;
  /** The group's name, or null outside one. */
  readonly group: string | null;
  /** The rule's place in its group counted from 1, or 0 for the group itself. */
  readonly rule: number;
  readonly ruleName: string;
  readonly message: string;
}

/** A rule file that is refused; the message has a line for each problem: `file:line: group, rule: message`. */
export class RuleFileError extends Error {
  override readonly name = 'RuleFileError';
  readonly file: string;
  readonly problems: readonly RuleProblem[];
  constructor(file: string, problems: readonly RuleProblem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join('\n'));
    this.file = file;
    this.problems = problems;
  }
}

function formatProblem(file: string, problem: RuleProblem): string {
  let text = problem.line > 0 ? `${file}:${problem.line}: ` : `${file}: `;
  if (problem.group !== null) {
    text += `group ${JSON.stringify(problem.group)}, `;
    if (problem.rule > 0) text += `rule ${problem.rule}, ${JSON.stringify(problem.ruleName)}: `;
    else text = `${text.slice(0, -2)}: `;
  }
  return text + problem.message;
}
