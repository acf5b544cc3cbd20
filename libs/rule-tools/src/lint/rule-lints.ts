import { compareUtf8, formatDurationMs } from '#libs/labels';
import { type MatrixSelector, printExpr, type VectorSelector } from '#libs/promql';
import type { RuleConfig, RuleFile, RuleGroupConfig } from '#libs/rules';
import { partsOf } from './expression-parts.ts';

/** Something about a rule that is probably not meant, though the rule works. */
export interface LintFinding {
  readonly file: string;
  readonly line: number;
  readonly group: string;
  /** The rule's place in its group, counted from 1. */
  readonly rule: number;
  readonly ruleName: string;
  readonly message: string;
}

/** Rules of one name and the same labels. */
export interface DuplicateRules {
  readonly name: string;
  /** Sorted by name. */
  readonly labels: readonly (readonly [string, string])[];
  /** Where they stand. */
  readonly lines: readonly number[];
}

/** Rules of a file that give series of the same names and labels, sorted by name. */
export function findDuplicateRules({ groups }: RuleFile): readonly DuplicateRules[] {
  const found = new Map<string, { rule: RuleConfig; lines: number[] }>();
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    const key = JSON.stringify([rule.name, rule.labels]);
    const known = found.get(key);
    if (known === undefined) found.set(key, { rule, lines: [rule.line] });
    else known.lines.push(rule.line);
  }
  return [...found.values()]
    .filter(({ lines }) => lines.length > 1)
    .map(({ rule: { name, labels }, lines }) => ({ name, labels, lines }))
    .toSorted((a, b) => compareUtf8(a.name, b.name));
}

/** Alerting rules whose alerts tell nobody what they are about. */
export function findMissingSummaries(file: RuleFile): readonly LintFinding[] {
  return findings(file, (rule) => {
    if (rule.kind !== 'alerting') return [];
    const summary = rule.annotations.find(([name]) => name === 'summary')?.[1] ?? '';
    return summary.trim() === '' ? ['the alert has no "summary" annotation'] : [];
  });
}

/** Functions that need several samples in their window. */
const WINDOWED: ReadonlySet<string> = new Set([
  'rate',
  'irate',
  'increase',
  'delta',
  'idelta',
  'deriv',
]);
/** With less, one failed scrape leaves a single sample in the window, and the result is empty. */
const INTERVALS_PER_WINDOW = 4;

/**
 * Windows of `rate` and its like that hold fewer than four scrapes. Windows of subqueries are let pass, and so are those
 * that a duration expression works out.
 */
export function findShortWindows(file: RuleFile, scrapeIntervalMs: number): readonly LintFinding[] {
  return findings(file, ({ expr }) => {
    const messages: string[] = [];
    for (const part of partsOf(expr, () => true)) {
      if (part.kind !== 'call' || !WINDOWED.has(part.functionName)) continue;
      for (const arg of part.args) {
        const windowMs = arg.kind === 'matrix-selector' ? plainRangeMs(arg) : null;
        if (windowMs === null || windowMs >= INTERVALS_PER_WINDOW * scrapeIntervalMs) continue;
        messages.push(
          `the window of ${printExpr(part)} is below ${formatDurationMs(INTERVALS_PER_WINDOW * scrapeIntervalMs)}, four scrape intervals of ${formatDurationMs(scrapeIntervalMs)}`,
        );
      }
    }
    return messages;
  });
}

function plainRangeMs({ range }: MatrixSelector): number | null {
  return range.kind === 'literal' ? range.seconds * 1_000 : null;
}

/** A selector of rules, and where it is used. */
export interface SelectorUse {
  /** Without `offset` and `@`, as the series API takes it. */
  readonly selector: string;
  readonly uses: readonly LintFinding[];
}

/**
 * The selectors of rules for which there should be series. Left out are those of metrics that the rules themselves record,
 * the series of alerts, and whatever stands in `absent`, which is there for what may be missing.
 */
export function findSelectors(files: readonly RuleFile[]): readonly SelectorUse[] {
  const own = new Set(['ALERTS', 'ALERTS_FOR_STATE']);
  for (const { groups } of files) {
    for (const { kind, name } of groups.flatMap(({ rules }) => rules)) {
      if (kind === 'recording') own.add(name);
    }
  }
  const uses = new Map<string, LintFinding[]>();
  for (const file of files) {
    for (const finding of findings(file, (rule) => selectorsOfRule(rule, own))) {
      const known = uses.get(finding.message);
      if (known === undefined) uses.set(finding.message, [finding]);
      else known.push(finding);
    }
  }
  return [...uses].map(([selector, places]) => ({
    selector,
    uses: places.map((place) => ({ ...place, message: `${selector} matches no series` })),
  }));
}

/** The selectors of one rule that read what other systems deliver, each once. */
export function selectorsOfRule(rule: RuleConfig, ownMetrics: ReadonlySet<string>): string[] {
  const selectors = new Set<string>();
  for (const part of partsOf(rule.expr, (expr) => !isAbsence(expr))) {
    if (part.kind !== 'vector-selector') continue;
    if (ownMetrics.has(nameOf(part))) continue;
    selectors.add(printExpr({ ...part, offset: null, at: null, extension: null }));
  }
  return [...selectors];
}

function isAbsence(expr: { readonly kind: string; readonly functionName?: string }): boolean {
  return expr.functionName === 'absent' || expr.functionName === 'absent_over_time';
}

function nameOf({ metricName, matchers }: VectorSelector): string {
  if (metricName !== '') return metricName;
  return matchers.find(({ name, kind }) => name === '__name__' && kind === '=')?.value ?? '';
}

function findings(
  file: RuleFile,
  look: (rule: RuleConfig, group: RuleGroupConfig) => readonly string[],
): LintFinding[] {
  return file.groups.flatMap((group) =>
    group.rules.flatMap((rule, i) =>
      look(rule, group).map((message) => ({
        file: file.file,
        line: rule.line,
        group: group.name,
        rule: i + 1,
        ruleName: rule.name,
        message,
      })),
    ),
  );
}
