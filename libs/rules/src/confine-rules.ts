import { compareUtf8, formatDurationMs, Matcher } from '#libs/labels';
import { confineSelectors, type Expr, printExpr } from '#libs/promql';
import {
  type RuleConfig,
  type RuleFile,
  RuleFileError,
  type RuleGroupConfig,
  type RuleProblem,
} from './rule-file.ts';

/** What rules of somebody else may do. */
export interface RuleConfinement {
  /** A label that every result has, with this value; null for none. */
  readonly label: { readonly name: string; readonly value: string } | null;
  /** Whether expressions see only series with that label. */
  readonly confinesQueries: boolean;
  /** No group is evaluated more often. */
  readonly minIntervalMs: number;
  /** Most series or alerts that one rule may give. */
  readonly maxResults: number;
  /** Labels that a rule may set to these values only. */
  readonly allowedValues: ReadonlyMap<string, readonly string[]>;
  /** Labels that no rule may set. */
  readonly deniedLabels: ReadonlySet<string>;
}

/**
 * The file as it may be evaluated for somebody who may not do everything.
 * @throws RuleFileError naming each rule that wants more
 */
export function confineRuleFile(file: RuleFile, confinement: RuleConfinement): RuleFile {
  const problems: RuleProblem[] = [];
  const groups = file.groups.map((group) => confineGroup(group, confinement, problems));
  if (problems.length > 0) throw new RuleFileError(file.file, problems);
  return { ...file, groups };
}

function confineGroup(
  group: RuleGroupConfig,
  confinement: RuleConfinement,
  problems: RuleProblem[],
): RuleGroupConfig {
  const { minIntervalMs, maxResults } = confinement;
  const { name, line, intervalMs, limit } = group;
  if (intervalMs !== null && intervalMs < minIntervalMs) {
    const message = `an interval below ${formatDurationMs(minIntervalMs)}, which is the least allowed here`;
    problems.push({ line, group: name, rule: 0, ruleName: '', message });
  }
  const rules = group.rules.map((rule, index) => {
    const message = refusalOf(rule, confinement);
    if (message !== null) {
      problems.push({
        line: rule.line,
        group: name,
        rule: index + 1,
        ruleName: rule.name,
        message,
      });
    }
    return confineRule(rule, confinement);
  });
  return { ...group, limit: limit === 0 ? maxResults : Math.min(limit, maxResults), rules };
}

function refusalOf(rule: RuleConfig, confinement: RuleConfinement): string | null {
  const { deniedLabels, allowedValues, label, confinesQueries } = confinement;
  for (const [name, value] of rule.labels) {
    if (deniedLabels.has(name)) return `the label ${JSON.stringify(name)} may not be set here`;
    const allowed = allowedValues.get(name);
    if (allowed !== undefined && !allowed.includes(value)) {
      return `the label ${JSON.stringify(name)} may be ${allowed.join(', ')} here`;
    }
    if (name === label?.name && value !== label.value) {
      return `the label ${JSON.stringify(name)} is always ${JSON.stringify(label.value)} here`;
    }
  }
  if (!confinesQueries) return null;
  if (callsInfo(rule.expr)) return 'info() sees series of all namespaces and is not allowed here';
  const texts = [...rule.labels, ...(rule.kind === 'alerting' ? rule.annotations : [])].map(
    ([, text]) => text,
  );
  // A template could ask for any series.
  return texts.some((text) => text.includes('{{') && /\bquery\b/.test(text))
    ? 'templates may not query here'
    : null;
}

function confineRule(rule: RuleConfig, { label, confinesQueries }: RuleConfinement): RuleConfig {
  if (label === null) return rule;
  const labels = [
    ...rule.labels.filter(([name]) => name !== label.name),
    [label.name, label.value] as const,
  ].toSorted(([a], [b]) => compareUtf8(a, b));
  if (!confinesQueries) return { ...rule, labels };
  const expr = confineSelectors(rule.expr, new Matcher(label.name, '=', label.value));
  return { ...rule, labels, expr, exprText: printExpr(expr) };
}

function callsInfo(expr: Expr): boolean {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vector-selector':
    case 'matrix-selector':
      return false;
    case 'subquery':
    case 'paren':
      return callsInfo(expr.expr);
    case 'unary':
      return callsInfo(expr.operand);
    case 'binary':
      return callsInfo(expr.left) || callsInfo(expr.right);
    case 'aggregation':
      return callsInfo(expr.expr) || (expr.parameter !== null && callsInfo(expr.parameter));
    case 'call':
      return expr.functionName === 'info' || expr.args.some(callsInfo);
  }
}
