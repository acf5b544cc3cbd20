import { confineRuleFile, type RuleConfinement } from './confine-rules.ts';
import { parseRuleFile } from './parse-rule-file.ts';
import { type RuleFile, RuleFileError } from './rule-file.ts';

/** An object of Kubernetes that holds rules. */
export interface RuleObject {
  readonly kind: 'ConfigMap' | 'PrometheusRule';
  readonly namespace: string;
  readonly name: string;
  /** The texts in it that may be rule files, by what they are called. */
  readonly texts: readonly (readonly [key: string, text: string])[];
}

/** What one namespace may have. */
export interface RuleQuota {
  readonly groups: number;
  readonly rules: number;
}

/** What came of an object. */
export interface RuleObjectOutcome {
  readonly object: RuleObject;
  /** What is evaluated: of a refused object what an earlier version of it had, or nothing. */
  readonly files: readonly RuleFile[];
  /** Why it is not taken, a line for each problem; null where it is. */
  readonly refusal: string | null;
}

/** `ConfigMap/shop/rules` */
export function ruleObjectName({ kind, namespace, name }: RuleObject): string {
  return `${kind}/${namespace}/${name}`;
}

/** Reads the rules of one object; it is taken as a whole or not at all. */
export function readRuleObject(
  object: RuleObject,
  confinement: RuleConfinement,
): RuleObjectOutcome {
  const files: RuleFile[] = [];
  const problems: string[] = [];
  for (const [key, text] of object.texts) {
    const file = [ruleObjectName(object), ...(key === '' ? [] : [key])].join('/');
    try {
      files.push(confineRuleFile(parseRuleFile(text, { file }), confinement));
    } catch (error) {
      if (!(error instanceof RuleFileError)) throw error;
      problems.push(error.message);
    }
  }
  if (files.length === 0 && problems.length === 0) problems.push('no rules in here');
  if (problems.length > 0) return { object, files: [], refusal: problems.join('\n') };
  return { object, files, refusal: null };
}

/** Holds each namespace to its quota: of its objects, in the order of their names, those are taken that still fit. */
export function withinQuota(
  outcomes: readonly RuleObjectOutcome[],
  quota: RuleQuota,
): RuleObjectOutcome[] {
  const used = new Map<string, { groups: number; rules: number }>();
  const sorted = outcomes.toSorted((a, b) =>
    ruleObjectName(a.object) < ruleObjectName(b.object) ? -1 : 1,
  );
  return sorted.map((outcome) => {
    if (outcome.files.length === 0) return outcome;
    const { namespace } = outcome.object;
    const own = used.get(namespace) ?? { groups: 0, rules: 0 };
    const all = outcome.files.flatMap(({ groups }) => groups);
    const groups = own.groups + all.length;
    const rules = own.rules + all.reduce((sum, group) => sum + group.rules.length, 0);
    for (const [what, count, most] of [
      ['groups', groups, quota.groups],
      ['rules', rules, quota.rules],
    ] as const) {
      if (count <= most) continue;
      const refusal = `with it the namespace ${namespace} would have ${count} ${what}; allowed are ${most}`;
      return { object: outcome.object, files: [], refusal };
    }
    used.set(namespace, { groups, rules });
    return outcome;
  });
}
