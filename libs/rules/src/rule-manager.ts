import { prometheusFunctions } from '#libs/go-template';
import { assert } from '#libs/invariant';
import { isDeepStrictEqual } from 'node:util';
import { groupKeyOf } from './group-schedule.ts';
import type { AlertStateChange, StoredAlerts } from './ports.ts';
import type { RuleContext, RuleSource } from './rule-context.ts';
import type { RuleFile, RuleGroupConfig } from './rule-file.ts';
import { staleBatchesOf } from './rule-batches.ts';
import { RuleGroup, type RuleEntry } from './rule-group.ts';
import { NOTHING_WRITTEN } from './written-series.ts';

/** What a manager works with; its evaluator and sink are those of the embedded store. */
export type RuleManagerOptions = Omit<RuleContext, 'templateFunctions' | 'source'> &
  Pick<RuleSource, 'evaluator' | 'sink'>;

/** What a configuration says around the rules. */
export interface RuleSurroundings extends Pick<
  RuleContext,
  'externalLabels' | 'externalUrl' | 'timing'
> {
  /** `query_offset` of groups over the embedded store that name none; 0 where it is not given. */
  readonly queryOffsetMs?: number;
  /** Other sources than the embedded store, by name. The same object means the same source, whose groups go on. */
  readonly datasources?: ReadonlyMap<string, RuleSource>;
}

/** What a load did. */
export interface LoadReport {
  readonly groups: number;
  readonly rules: number;
  /** Groups that go on untouched, with their schedule. */
  readonly kept: number;
  /** What could not be cleaned up of rules that are gone, one sentence each. */
  readonly problems: readonly string[];
}

/** All groups of an engine. Whoever owns the timers asks it for the groups and evaluates them when they are due. */
export class RuleManager {
  /** Of the embedded store. */
  #context: RuleContext;
  /** Of the datasources that were in use at the last load. */
  #contexts: ReadonlyMap<string, RuleContext> = new Map();
  #groups: readonly RuleGroup[] = [];
  #stored: StoredAlerts | null = null;

  constructor({ evaluator, sink, ...options }: RuleManagerOptions) {
    const source = { evaluator, sink, defaultQueryOffsetMs: 0, isWatched: true };
    this.#context = withFunctions({ ...options, source });
  }

  /** Sorted by file, then name. */
  get groups(): readonly RuleGroup[] {
    return this.#groups;
  }

  /** Reads what was kept of the alerts; the first {@link load} after it hands it to the rules. */
  async restore(): Promise<void> {
    this.#stored = await this.#context.stateStore.load();
  }

  /**
   * Takes the place of the present rules. A group that has not changed goes on as it is; in one that has, rules with the
   * same name and labels keep their alerts. Series of rules that are gone get stale markers.
   * @param surroundings from now on; with others than before (datasources aside), every group counts as changed
   * @throws TemplateParseError before anything has changed
   * @throws InvariantError for a file of a datasource that is not there
   */
  async load(
    files: readonly RuleFile[],
    nowMs: number,
    surroundings: RuleSurroundings = this.#context,
  ): Promise<LoadReport> {
    const embedded = this.#contextFor(surroundings);
    const contexts = this.#contextsOf(surroundings.datasources ?? new Map(), embedded);
    const before = new Map(this.#groups.map((group) => [group.key, group]));
    const groups = files.flatMap(({ datasource, groups: configs }) => {
      const context = datasource === undefined ? embedded : contexts.get(datasource);
      assert(context !== undefined, 'a rule file of a datasource that is not there');
      return configs.map((config) => {
        const previous = before.get(groupKeyOf(config));
        return previous?.context === context && isSameGroup(previous.config, config)
          ? previous
          : new RuleGroup(config, context);
      });
    });
    this.#context = embedded;
    this.#contexts = contexts;
    const kept = new Set(groups.filter((group) => before.get(group.key) === group));
    const leaving = this.#groups.filter((group) => !kept.has(group));
    for (const group of leaving) group.stop();
    await Promise.all(leaving.map((group) => group.idle()));
    const gone: RuleEntry[] = [];
    const byKey = new Map(groups.map((group) => [group.key, group]));
    for (const group of leaving) {
      const successor = byKey.get(group.key);
      if (successor === undefined) gone.push(...group.rules);
      else gone.push(...successor.adopt(group));
    }
    const orphans: AlertStateChange[] = [];
    if (this.#stored !== null) {
      for (const group of groups) if (!kept.has(group)) group.restore(this.#stored, nowMs);
      orphans.push(...deletionsOfUnknown(this.#stored, groups));
      this.#stored = null;
    }
    this.#groups = groups.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    return {
      groups: groups.length,
      rules: groups.reduce((sum, group) => sum + group.rules.length, 0),
      kept: kept.size,
      problems: await this.#cleanUp(gone, orphans, nowMs),
    };
  }

  #contextsOf(
    datasources: ReadonlyMap<string, RuleSource>,
    embedded: RuleContext,
  ): ReadonlyMap<string, RuleContext> {
    const contexts = new Map<string, RuleContext>();
    for (const [name, source] of datasources) {
      const known = this.#contexts.get(name);
      const isSame = known?.source === source && embedded === this.#context;
      contexts.set(name, isSame ? known : { ...embedded, source });
    }
    return contexts;
  }

  #contextFor(surroundings: RuleSurroundings): RuleContext {
    const { externalLabels, externalUrl, timing, queryOffsetMs = 0 } = surroundings;
    const { source } = this.#context;
    const isSame =
      externalUrl === this.#context.externalUrl &&
      externalLabels.equals(this.#context.externalLabels) &&
      queryOffsetMs === source.defaultQueryOffsetMs &&
      isDeepStrictEqual(timing, this.#context.timing);
    if (isSame) return this.#context;
    return withFunctions({
      ...this.#context,
      source: { ...source, defaultQueryOffsetMs: queryOffsetMs },
      externalLabels,
      externalUrl,
      timing,
    });
  }

  async #cleanUp(
    gone: readonly RuleEntry[],
    orphans: readonly AlertStateChange[],
    nowMs: number,
  ): Promise<string[]> {
    const problems: string[] = [];
    const changes = [
      ...orphans,
      ...gone.flatMap(({ rule, key }) =>
        rule.kind === 'alerting'
          ? [...rule.alerts.keys()].map((alert) => ({ kind: 'delete' as const, rule: key, alert }))
          : [],
      ),
    ];
    const writes = [...Map.groupBy(gone, ({ rule }) => rule.sink)].map(async ([sink, entries]) => {
      const series = entries.flatMap(({ written }) => written.missingFrom(NOTHING_WRITTEN));
      for (const batch of staleBatchesOf(series, nowMs)) await sink.append(batch);
    });
    const saved = changes.length > 0 ? this.#context.stateStore.save(changes) : undefined;
    for (const outcome of await Promise.allSettled([saved, ...writes])) {
      if (outcome.status === 'fulfilled') continue;
      const reason: unknown = outcome.reason;
      problems.push(reason instanceof Error ? reason.message : String(reason));
    }
    return problems;
  }

  /** Stops every group and waits for rounds under way. State stays on disk, and no series is marked stale. */
  async stop(): Promise<void> {
    for (const group of this.#groups) group.stop();
    await Promise.all(this.#groups.map((group) => group.idle()));
  }
}

function withFunctions(options: Omit<RuleContext, 'templateFunctions'>): RuleContext {
  const { externalUrl } = options;
  return { ...options, templateFunctions: prometheusFunctions({ externalUrl }) };
}

/** Kept alerts of rules that are not there any more. */
function deletionsOfUnknown(
  stored: StoredAlerts,
  groups: readonly RuleGroup[],
): AlertStateChange[] {
  const known = new Set(groups.flatMap((group) => group.rules.map(({ key }) => key)));
  const deletions: AlertStateChange[] = [];
  for (const [rule, alerts] of stored.alerts) {
    if (known.has(rule)) continue;
    for (const alert of alerts.keys()) deletions.push({ kind: 'delete', rule, alert });
  }
  return deletions;
}

/** Whether two configurations of a group mean the same; where they stand in the file does not matter. */
function isSameGroup(a: RuleGroupConfig, b: RuleGroupConfig): boolean {
  return isDeepStrictEqual(essenceOf(a), essenceOf(b));
}

function essenceOf(group: RuleGroupConfig): unknown {
  const { intervalMs, queryOffsetMs, limit, rules } = group;
  const essences = rules.map(({ expr: _expr, line: _line, ...rule }) => rule);
  return { intervalMs, queryOffsetMs, limit, rules: essences };
}
