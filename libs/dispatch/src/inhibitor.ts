import { type Labels, matchesAll } from '#libs/labels';
import { type Alert, isResolved } from './alert.ts';
import type { InhibitRule } from './config/alertmanager-config.ts';

interface IndexedRule {
  readonly rule: InhibitRule;
  /** Alerts that match the source side, by the values of the labels that must be equal. */
  readonly sources: Map<string, Map<string, Alert>>;
}

/** Knows which alerts are held back because another one fires. It is told of every alert that comes, changes or goes. */
export class Inhibitor {
  readonly #rules: readonly IndexedRule[];

  constructor(rules: readonly InhibitRule[]) {
    this.#rules = rules.map((rule) => ({ rule, sources: new Map() }));
  }

  /** Takes a new alert or a new version of one. */
  put(alert: Alert): void {
    for (const { rule, sources } of this.#rules) {
      if (!matchesAll(alert.labels, rule.source)) continue;
      const key = equalKey(rule, alert.labels);
      const known = sources.get(key);
      if (known === undefined) sources.set(key, new Map([[alert.fingerprint, alert]]));
      else known.set(alert.fingerprint, alert);
    }
  }

  remove(alert: Alert): void {
    for (const { rule, sources } of this.#rules) {
      const key = equalKey(rule, alert.labels);
      const known = sources.get(key);
      if (known?.delete(alert.fingerprint) === true && known.size === 0) sources.delete(key);
    }
  }

  /** The fingerprint of an alert that holds back alerts with these labels, or null. */
  inhibitorOf(labels: Labels, nowMs: number): string | null {
    for (const { rule, sources } of this.#rules) {
      if (!matchesAll(labels, rule.target)) continue;
      const candidates = sources.get(equalKey(rule, labels));
      if (candidates === undefined) continue;
      // An alert on both sides of a rule is not held back by others of its kind, nor by itself.
      const isOnBothSides = matchesAll(labels, rule.source);
      for (const source of candidates.values()) {
        if (isResolved(source, nowMs)) continue;
        if (isOnBothSides && matchesAll(source.labels, rule.target)) continue;
        return source.fingerprint;
      }
    }
    return null;
  }
}

function equalKey(rule: InhibitRule, labels: Labels): string {
  let key = '';
  for (const name of rule.equal) {
    const value = labels.get(name);
    key += `${value.length}:${value}`;
  }
  return key;
}
