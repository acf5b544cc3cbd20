import { prometheusFunctions } from '#libs/go-template';
import { isDeepStrictEqual } from 'node:util';
import { groupKeyOf } from './group-schedule.ts';
import type { AlertStateChange, StoredAlerts } from './ports.ts';
import type { RuleContext } from './rule-context.ts';
import type { RuleFile, RuleGroupConfig } from './rule-file.ts';
import { RuleGroup, type RuleEntry, staleBatchOf } from './rule-group.ts';

export type RuleManagerOptions = Omit<RuleContext, 'templateFunctions'>;

/** What alerts say about where they come from. */
export type RuleLinks = Pick<RuleContext, 'externalLabels' | 'externalUrl'>;

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
  #context: RuleContext;
  #groups: readonly RuleGroup[] = [];
  #stored: StoredAlerts | null = null;

  constructor(options: RuleManagerOptions) {
    this.#context = withFunctions(options);
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
   * @param links the external URL and labels from now on; with others than before, every group counts as changed
   * @throws TemplateParseError before anything has changed
   */
  async load(
    files: readonly RuleFile[],
    nowMs: number,
    links: RuleLinks = this.#context,
  ): Promise<LoadReport> {
    const context = this.#contextFor(links);
    const before = new Map(this.#groups.map((group) => [group.key, group]));
    const configs = files.flatMap((file) => file.groups);
    const groups = configs.map((config) => {
      const previous = before.get(groupKeyOf(config));
      return previous?.context === context && isSameGroup(previous.config, config)
        ? previous
        : new RuleGroup(config, context);
    });
    this.#context = context;
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

  #contextFor({ externalLabels, externalUrl }: RuleLinks): RuleContext {
    const isSame =
      externalUrl === this.#context.externalUrl &&
      externalLabels.equals(this.#context.externalLabels);
    return isSame
      ? this.#context
      : withFunctions({ ...this.#context, externalLabels, externalUrl });
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
    const markers = staleBatchOf(gone, nowMs);
    try {
      if (changes.length > 0) await this.#context.stateStore.save(changes);
      if (markers !== null) await this.#context.sink.append(markers);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    return problems;
  }

  /** Stops every group and waits for rounds under way. State stays on disk, and no series is marked stale. */
  async stop(): Promise<void> {
    for (const group of this.#groups) group.stop();
    await Promise.all(this.#groups.map((group) => group.idle()));
  }
}

function withFunctions(options: RuleManagerOptions): RuleContext {
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
