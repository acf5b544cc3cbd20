import { explainRelabel, type RelabelRule, type RelabelStep } from '#libs/discovery';
import type { Labels } from '#libs/labels';

/** What each rule made of the labels, up to the one that dropped them, in the form of Prometheus's `relabel_steps`. */
export function relabelSteps(labels: Labels, rules: readonly RelabelRule[]): object[] {
  return explainRelabel(labels, rules).map((step) => shownStep(step));
}

function shownStep({ rule, result }: RelabelStep): object {
  return {
    rule: shownRule(rule),
    output: result?.toRecord() ?? {},
    keep: result !== null && result.size > 0,
  };
}

/** As it would be written down, every default filled in. */
function shownRule(rule: RelabelRule): object {
  return {
    source_labels: rule.sourceLabels,
    separator: rule.separator,
    regex: rule.regex.pattern,
    ...(rule.action === 'hashmod' && { modulus: Number(rule.modulus) }),
    target_label: rule.targetLabel,
    replacement: rule.replacement,
    action: rule.action,
  };
}
