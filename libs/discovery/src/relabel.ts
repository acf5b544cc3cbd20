import { createHash } from 'node:crypto';
import { isValidUtf8Name, Labels } from '#libs/labels';
import type { RelabelRule } from './relabel-config.ts';

/**
 * Applies the rules in turn.
 * @returns the labels that come out, or null as soon as a rule drops the whole set
 */
export function relabel(labels: Labels, rules: readonly RelabelRule[]): Labels | null {
  if (rules.length === 0) return labels;
  const set = new Map<string, string>(labels);
  for (const rule of rules) if (!applyRule(set, rule)) return null;
  return Labels.fromPairs(set);
}

/** What one rule made of the labels. */
export interface RelabelStep {
  readonly rule: RelabelRule;
  /** The labels after the rule, or null where it dropped them. */
  readonly result: Labels | null;
}

/** The same as {@link relabel}, told rule by rule, up to the one that drops the set. */
export function explainRelabel(labels: Labels, rules: readonly RelabelRule[]): RelabelStep[] {
  const set = new Map<string, string>(labels);
  const steps: RelabelStep[] = [];
  for (const rule of rules) {
    const isKept = applyRule(set, rule);
    steps.push({ rule, result: isKept ? Labels.fromPairs(set) : null });
    if (!isKept) break;
  }
  return steps;
}

/** Changes `set` in place. @returns false when the rule drops the set */
function applyRule(set: Map<string, string>, rule: RelabelRule): boolean {
  const { targetLabel, regex } = rule;
  const source = joinSources(set, rule);
  switch (rule.action) {
    case 'keep':
      return regex.test(source);
    case 'drop':
      return !regex.test(source);
    case 'keepequal':
      return (set.get(targetLabel) ?? '') === source;
    case 'dropequal':
      return (set.get(targetLabel) ?? '') !== source;
    case 'replace':
      replaceTarget(set, rule, source);
      return true;
    case 'lowercase':
      setLabel(
        set,
        targetLabel,
        mapCharacters(source, (c) => c.toLowerCase()),
      );
      return true;
    case 'uppercase':
      setLabel(
        set,
        targetLabel,
        mapCharacters(source, (c) => c.toUpperCase()),
      );
      return true;
    case 'hashmod':
      setLabel(set, targetLabel, String(hash64(source) % rule.modulus));
      return true;
    case 'labelmap':
      // Labels added on the way are not mapped again.
      for (const [name, value] of Array.from(set)) {
        const mapped = regex.expand(name, rule.replacement);
        if (mapped !== null) setLabel(set, mapped, value);
      }
      return true;
    case 'labeldrop':
      for (const name of set.keys()) if (regex.test(name)) set.delete(name);
      return true;
    case 'labelkeep':
      for (const name of set.keys()) if (!regex.test(name)) set.delete(name);
      return true;
  }
}

function joinSources(set: ReadonlyMap<string, string>, rule: RelabelRule): string {
  let joined = '';
  for (let i = 0; i < rule.sourceLabels.length; i++) {
    if (i > 0) joined += rule.separator;
    joined += set.get(rule.sourceLabels[i]!) ?? '';
  }
  return joined;
}

function replaceTarget(set: Map<string, string>, rule: RelabelRule, source: string): void {
  const { regex, targetLabel, replacement } = rule;
  const target = regex.expand(source, targetLabel);
  if (target === null || !isValidUtf8Name(target)) return;
  setLabel(set, target, regex.expand(source, replacement) ?? '');
}

function setLabel(set: Map<string, string>, name: string, value: string): void {
  if (value === '') set.delete(name);
  else set.set(name, value);
}

/** The last 8 bytes of the MD5 sum as a big-endian number, which is Prometheus's `hashmod`. */
function hash64(text: string): bigint {
  return createHash('md5').update(text).digest().readBigUInt64BE(8);
}

/** Go maps each character by itself: what would become several (`ß` to `SS`) stays. */
function mapCharacters(text: string, map: (character: string) => string): string {
  let mapped = '';
  for (const character of text) {
    const other = map(character);
    const isOne = other.length === 1 || (other.length === 2 && other.codePointAt(0)! > 0xffff);
    mapped += isOne ? other : character;
  }
  return mapped;
}
