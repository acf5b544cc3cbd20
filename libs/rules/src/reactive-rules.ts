import { type Matcher, matchesAll } from '#libs/labels';
import { selectorsOf } from '#libs/promql';
import type { SampleBatch } from '#libs/samples';
import type { AlertingRule } from './alerting-rule.ts';
import { ChangedValues } from './changed-values.ts';
import type { AlertingEntry, RuleGroup } from './rule-group.ts';

/** Signs of life: rules that read these are evaluated as soon as one of them changes, unless they say otherwise. */
const SIGNS_OF_LIFE: ReadonlySet<string> = new Set([
  'binnacle_pod_probe_mismatch',
  'binnacle_pod_probe_result',
  'kube_node_status_condition',
  'kube_pod_container_status_last_terminated_reason',
  'kube_pod_container_status_ready',
  'kube_pod_container_status_restarts_total',
  'kube_pod_container_status_terminated',
  'kube_pod_container_status_terminated_reason',
  'kube_pod_container_status_waiting',
  'kube_pod_container_status_waiting_reason',
  'kube_pod_init_container_status_restarts_total',
  'kube_pod_init_container_status_waiting_reason',
  'kube_pod_status_phase',
  'kube_pod_status_ready',
  'kube_pod_status_reason',
  'kube_pod_status_unschedulable',
  'probe_success',
  'prober_probe_total',
  'up',
]);

const NO_ENTRIES: ReadonlySet<AlertingEntry> = new Set();

/** A selector of a reactive rule. */
interface Reader {
  readonly group: RuleGroup;
  readonly entry: AlertingEntry;
  readonly matchers: readonly Matcher[];
}

/** The rules of a group whose data has changed. */
export interface Touched {
  readonly entries: Set<AlertingEntry>;
  /** The time of the newest sample among what changed, milliseconds. */
  newestMs: number;
}

/**
 * Tells which alerting rules to evaluate because of samples that came in: those with a selector that one of the series
 * matches, where its value is another than before. Selectors without a metric name are not looked at.
 */
export class ReactiveRules {
  readonly #changed: ChangedValues;
  #readers: ReadonlyMap<string, readonly Reader[]> = new Map();
  #entries: ReadonlyMap<RuleGroup, ReadonlySet<AlertingEntry>> = new Map();
  readonly #touched = new Map<RuleGroup, Touched>();

  constructor(changed = new ChangedValues()) {
    this.#changed = changed;
  }

  /** Takes the groups that are there from now on. */
  sync(groups: readonly RuleGroup[]): void {
    const readers = new Map<string, Reader[]>();
    const entries = new Map<RuleGroup, Set<AlertingEntry>>();
    for (const group of groups) {
      if (!group.canReact) continue;
      for (const entry of group.alertingEntries()) {
        for (const [name, matchers] of triggersOf(entry.rule)) {
          const ofGroup = entries.get(group);
          if (ofGroup === undefined) entries.set(group, new Set([entry]));
          else ofGroup.add(entry);
          const reader = { group, entry, matchers };
          const known = readers.get(name);
          if (known === undefined) readers.set(name, [reader]);
          else known.push(reader);
        }
      }
    }
    this.#readers = readers;
    this.#entries = entries;
    this.#touched.clear();
  }

  /** The rules of a group that are evaluated outside the interval. */
  entriesOf(group: RuleGroup): ReadonlySet<AlertingEntry> {
    return this.#entries.get(group) ?? NO_ENTRIES;
  }

  /** Whether any rule waits for anything. */
  get isIdle(): boolean {
    return this.#readers.size === 0;
  }

  /** @returns the groups that have rules to evaluate now */
  note(batch: SampleBatch): ReadonlySet<RuleGroup> {
    const groups = new Set<RuleGroup>();
    if (this.isIdle) return groups;
    for (let s = 0; s < batch.labels.length; s++) {
      const labels = batch.labels[s]!;
      const readers = this.#readers.get(labels.metricName);
      const last = batch.firstSample[s + 1]! - 1;
      if (readers === undefined || last < batch.firstSample[s]!) continue;
      if (!this.#changed.note(labels.key, batch.values[last]!)) continue;
      for (const { group, entry, matchers } of readers) {
        if (!matchesAll(labels, matchers)) continue;
        this.touch(group, [entry], batch.timesMs[last]!);
        groups.add(group);
      }
    }
    return groups;
  }

  /** Has rules evaluated at the next occasion. */
  touch(group: RuleGroup, entries: Iterable<AlertingEntry>, timeMs: number): void {
    let touched = this.#touched.get(group);
    if (touched === undefined) {
      this.#touched.set(group, (touched = { entries: new Set(), newestMs: timeMs }));
    }
    for (const entry of entries) touched.entries.add(entry);
    touched.newestMs = Math.max(touched.newestMs, timeMs);
  }

  /** Whether the group has rules to evaluate. */
  has(group: RuleGroup): boolean {
    return this.#touched.has(group);
  }

  /** The rules of the group to evaluate, which are taken to be evaluated from here on; null where there are none. */
  take(group: RuleGroup): Touched | null {
    const touched = this.#touched.get(group) ?? null;
    this.#touched.delete(group);
    return touched;
  }
}

/** Metric names and matchers of what a change of evaluates the rule; none for a rule that waits for its interval. */
function triggersOf(rule: AlertingRule): [string, readonly Matcher[]][] {
  const { isReactive } = rule.config.extensions;
  if (isReactive === false) return [];
  const triggers: [string, readonly Matcher[]][] = [];
  for (const { matchers } of selectorsOf(rule.config.expr)) {
    const name = matchers.find((matcher) => matcher.name === '__name__' && matcher.kind === '=');
    if (name === undefined || !(isReactive ?? SIGNS_OF_LIFE.has(name.value))) continue;
    triggers.push([name.value, matchers.filter((matcher) => matcher !== name)]);
  }
  return triggers;
}

/** Whether a change of its data evaluates the rule, in a group that can react. */
export function hasTriggers(rule: AlertingRule): boolean {
  return triggersOf(rule).length > 0;
}
