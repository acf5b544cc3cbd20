import { type Labels, matchesAll } from '#libs/labels';
import { type Alert, isResolved } from './alert.ts';
import type { InhibitRule } from './config/alertmanager-config.ts';

interface Source {
  readonly alert: Alert;
  /** Whether it matches the rule's target side as well. */
  readonly isOnBothSides: boolean;
}

/** All alerts of a rule that have the same values of the labels that must be equal. */
interface Cell {
  readonly rule: InhibitRule;
  readonly key: string;
  /** Those that match the source side, by fingerprint. */
  readonly sources: Map<string, Source>;
  /** How many alerts, sources and targets, refer to it. */
  useCount: number;
}

/** Where an alert stands in the rules. It follows from its labels, so it is worked out once. */
interface Standing {
  readonly asSource: readonly { readonly cell: Cell; readonly isOnBothSides: boolean }[];
  readonly asTarget: readonly { readonly cell: Cell; readonly isOnBothSides: boolean }[];
}

const OUTSIDE: Standing = { asSource: [], asTarget: [] };

/** Knows which alerts are held back because another one fires. It is told of every alert that comes, changes or goes. */
export class Inhibitor {
  readonly #rules: readonly { readonly rule: InhibitRule; readonly cells: Map<string, Cell> }[];
  /** By fingerprint; alerts that no rule is about have no entry. */
  readonly #standings = new Map<string, Standing>();

  constructor(rules: readonly InhibitRule[]) {
    this.#rules = rules.map((rule) => ({ rule, cells: new Map() }));
  }

  /** Takes a new alert or, where it is known, a new version of it. */
  put(alert: Alert, isKnown = false): void {
    let standing = this.#standings.get(alert.fingerprint);
    if (standing === undefined) {
      if (isKnown) return;
      standing = this.#standingOf(alert.labels);
      if (standing === OUTSIDE) return;
      this.#standings.set(alert.fingerprint, standing);
      for (const { cell } of standing.asSource) cell.useCount++;
      for (const { cell } of standing.asTarget) cell.useCount++;
    }
    for (const { cell, isOnBothSides } of standing.asSource) {
      cell.sources.set(alert.fingerprint, { alert, isOnBothSides });
    }
  }

  remove(alert: Alert): void {
    const standing = this.#standings.get(alert.fingerprint);
    if (standing === undefined) return;
    this.#standings.delete(alert.fingerprint);
    for (const { cell } of standing.asSource) {
      cell.sources.delete(alert.fingerprint);
      this.#release(cell);
    }
    for (const { cell } of standing.asTarget) this.#release(cell);
  }

  /** The fingerprint of an alert that holds back an alert that was put here, or null. */
  inhibitorOf(fingerprint: string, nowMs: number): string | null {
    const standing = this.#standings.get(fingerprint);
    if (standing === undefined) return null;
    for (const { cell, isOnBothSides } of standing.asTarget) {
      const source = firstSource(cell, isOnBothSides, nowMs);
      if (source !== null) return source;
    }
    return null;
  }

  /** The fingerprint of an alert that would hold back alerts with these labels, or null. */
  inhibitorOfLabels(labels: Labels, nowMs: number): string | null {
    for (const { rule, cells } of this.#rules) {
      if (!matchesAll(labels, rule.target)) continue;
      const cell = cells.get(equalKey(rule, labels));
      const source =
        cell === undefined ? null : firstSource(cell, matchesAll(labels, rule.source), nowMs);
      if (source !== null) return source;
    }
    return null;
  }

  #standingOf(labels: Labels): Standing {
    const asSource: Standing['asSource'][number][] = [];
    const asTarget: Standing['asTarget'][number][] = [];
    for (const { rule, cells } of this.#rules) {
      const isSource = matchesAll(labels, rule.source);
      const isTarget = matchesAll(labels, rule.target);
      if (!isSource && !isTarget) continue;
      const key = equalKey(rule, labels);
      let cell = cells.get(key);
      if (cell === undefined) {
        cell = { rule, key, sources: new Map(), useCount: 0 };
        cells.set(key, cell);
      }
      const place = { cell, isOnBothSides: isSource && isTarget };
      if (isSource) asSource.push(place);
      if (isTarget) asTarget.push(place);
    }
    return asSource.length + asTarget.length === 0 ? OUTSIDE : { asSource, asTarget };
  }

  #release(cell: Cell): void {
    if (--cell.useCount > 0) return;
    this.#rules.find(({ rule }) => rule === cell.rule)?.cells.delete(cell.key);
  }
}

function firstSource({ sources }: Cell, isOnBothSides: boolean, nowMs: number): string | null {
  if (sources.size === 0) return null;
  for (const source of sources.values()) {
    if (isResolved(source.alert, nowMs)) continue;
    // An alert on both sides of a rule is not held back by others of its kind, nor by itself.
    if (isOnBothSides && source.isOnBothSides) continue;
    return source.alert.fingerprint;
  }
  return null;
}

function equalKey(rule: InhibitRule, labels: Labels): string {
  let key = '';
  for (const name of rule.equal) {
    const value = labels.get(name);
    key += `${value.length}:${value}`;
  }
  return key;
}
