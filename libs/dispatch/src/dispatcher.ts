import type { Labels } from '#libs/labels';
import { assert } from '#libs/invariant';
import { type Alert, type IncomingAlert, isResolved, mergeAlert, toAlert } from './alert.ts';
import { type AlertGroup, groupIdOf, isExpired, newGroup, nextBeat } from './alert-group.ts';
import {
  type AlertStatus,
  DEFAULT_DISPATCHER_OPTIONS,
  type Decision,
  type DispatchDrops,
  type DispatcherOptions,
  type SuppressionCounts,
} from './decision.ts';
import type { AlertmanagerConfig, Integration, Receiver } from './config/alertmanager-config.ts';
import { explainAlert, type Explanation } from './explain-alert.ts';
import { flushTarget } from './flush-target.ts';
import { GroupTable } from './group-table.ts';
import { Inhibitor } from './inhibitor.ts';
import { toKeyedChanges } from './keyed-changes.ts';
import { currentIntent, Ledger, type LedgerEntry, openAlerts } from './ledger.ts';
import { LoggedAlerts } from './logged-alerts.ts';
import type { GroupState } from './next-message.ts';
import type { Notification } from './notification.ts';
import {
  type DispatchRecord,
  type Intent,
  type KeyedChange,
  type NotificationOutcome,
  type NotificationTarget,
} from './notification-log.ts';
import { matchingRoutes } from './route-tree.ts';
import { SeverityOrder } from './severity-order.ts';
import { SilenceBook } from './silences/silence-book.ts';
import { mutesOf } from './time/mutes-of.ts';
import { toNotification } from './to-notification.ts';

/**
 * Decides which notifications are due. It is told of alerts and of the outcomes of deliveries, and asked what to do at
 * an instant; it does nothing by itself and reads no clock. The records it yields restore it after a restart.
 */
export class Dispatcher {
  /** What holds alerts back. What is committed there counts from the next decision on. */
  readonly silences: SilenceBook;
  readonly #options: DispatcherOptions;
  readonly #ledger = new Ledger();
  readonly #alerts = new Map<string, Alert>();
  readonly #logged = new LoggedAlerts();
  readonly #groups = new GroupTable((group) => this.#forgetTargets(group));
  readonly #drops: DispatchDrops = { alerts: 0, closings: 0, targets: 0 };
  readonly #suppressed: SuppressionCounts = {
    silence: 0,
    inhibition: 0,
    mute_time_interval: 0,
    active_time_interval: 0,
  };
  #config: AlertmanagerConfig;
  #receivers: ReadonlyMap<string, Receiver>;
  #inhibitor: Inhibitor;
  #severity: SeverityOrder | null;
  /** Messages of the process before this one whose outcome is not known. */
  #owed: Intent[] = [];
  /** Changes not yet handed to the log. */
  #records: DispatchRecord[] = [];

  constructor(config: AlertmanagerConfig, given: Partial<DispatcherOptions> = {}) {
    const options = { ...DEFAULT_DISPATCHER_OPTIONS, ...given };
    this.#options = options;
    this.#config = config;
    this.#receivers = receiversByName(config);
    this.#inhibitor = new Inhibitor(config.inhibitRules);
    this.#severity = options.severity === null ? null : new SeverityOrder(options.severity);
    this.silences = new SilenceBook(options.silences);
  }

  get drops(): Readonly<DispatchDrops> {
    return this.#drops;
  }

  get suppressed(): Readonly<SuppressionCounts> {
    return this.#suppressed;
  }

  /** All alerts known, those that ended and are still to be told of included. */
  alerts(): IterableIterator<Alert> {
    return this.#alerts.values();
  }

  /** The alert with a fingerprint, or null for one that is not known. */
  alert(fingerprint: string): Alert | null {
    return this.#alerts.get(fingerprint) ?? null;
  }

  groups(): IterableIterator<Readonly<AlertGroup>> {
    return this.#groups.all();
  }

  /**
   * Takes up where another process stopped; before anything else is done. An alert that fired when the log ends is
   * given time to be heard of again: nothing is taken for resolved only because nobody could say otherwise.
   */
  restore(records: Iterable<DispatchRecord>, nowMs: number): void {
    assert(this.#alerts.size === 0, 'restore comes first');
    let lastSeenMs = Number.NEGATIVE_INFINITY;
    for (const record of records) {
      if (record.kind === 'alert') {
        this.#alerts.set(record.alert.fingerprint, record.alert);
        lastSeenMs = Math.max(lastSeenMs, record.alert.updatedAtMs);
      } else if (record.kind === 'alert-gone') {
        this.#alerts.delete(record.fingerprint);
      } else {
        this.#ledger.restore(record);
        if (record.kind !== 'forgotten') lastSeenMs = Math.max(lastSeenMs, timeOf(record));
      }
    }
    const graceMs = nowMs + this.#config.resolveTimeoutMs;
    for (const alert of this.#alerts.values()) {
      this.#logged.restore(alert);
      if (alert.endsAtMs > lastSeenMs && alert.endsAtMs < graceMs) {
        this.#alerts.set(alert.fingerprint, { ...alert, endsAtMs: graceMs, isTimeout: true });
      }
    }
    this.#rebuild(nowMs);
    for (const entry of this.#ledger.entries()) {
      const current = currentIntent(entry);
      if (current !== null) this.#owed.push(current.intent);
      for (const older of entry.pending) {
        if (older !== current) this.#ledger.markWithdrawn(older.intent);
      }
    }
  }

  /** Goes on under another configuration; alerts, groups that still exist and what was told are kept. */
  setConfig(config: AlertmanagerConfig, nowMs: number): void {
    this.#config = config;
    this.#receivers = receiversByName(config);
    this.#rebuild(nowMs);
  }

  /** Takes what sources say. Ask for a decision afterwards. */
  accept(incoming: readonly IncomingAlert[], nowMs: number): void {
    for (const one of incoming) this.#acceptOne(one, nowMs);
  }

  /** Takes the outcome of a delivery. Ask for a decision afterwards. */
  settle(id: string, outcome: NotificationOutcome, nowMs: number): void {
    const intent = this.#settleIntent(id, outcome, nowMs);
    if (intent === null) return;
    const { integration, groupKey } = intent.target;
    const group = this.#groups.get(groupIdOf(integration.receiver, groupKey));
    if (group !== null) this.#dropClosedMembers(group, this.#endedOf(group, nowMs), nowMs);
  }

  /** What is due at `nowMs`. */
  decide(nowMs: number): Decision {
    const notifications: Notification[] = [];
    const withdrawn: string[] = [];
    this.#handOutOwed(nowMs, notifications);
    let wakeUpMs: number | null = null;
    for (const group of this.#groups.all()) {
      if (group.nextFlushMs <= nowMs) this.#flush(group, nowMs, notifications, withdrawn);
      if (isExpired(group, nowMs)) {
        this.#groups.remove(group);
      } else if (wakeUpMs === null || group.nextFlushMs < wakeUpMs) {
        wakeUpMs = group.nextFlushMs;
      }
    }
    return { records: this.takeRecords(), withdrawn, notifications, wakeUpMs };
  }

  /** The changes since the last decision, for whoever only wants to write down what is known, as at the end. */
  takeRecords(): readonly DispatchRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /** The shortest list of records that gives the present state; it may take the place of the log so far. */
  *checkpoint(): IterableIterator<DispatchRecord> {
    for (const alert of this.#alerts.values()) yield { kind: 'alert', alert };
    yield* this.#ledger.checkpoint();
  }

  /**
   * The records of a decision as changes of a store of keys and values: a key for each alert and one for each target, so
   * that the store holds the present state and never grows beyond it. Ask at once, before anything else is told.
   */
  keyedChanges(records: readonly DispatchRecord[]): KeyedChange[] {
    return toKeyedChanges(records, this.#ledger);
  }

  /** Where an alert stands at `nowMs`. */
  statusOf(alert: Alert, nowMs: number): AlertStatus {
    const inhibitor = this.#inhibitor.inhibitorOf(alert.fingerprint, nowMs);
    const silences = this.silences.holding(alert.labels, nowMs);
    const isSuppressed = inhibitor !== null || silences.length > 0;
    const routes = matchingRoutes(this.#config.route, alert.labels);
    return {
      state: isSuppressed ? 'suppressed' : 'active',
      inhibitedBy: inhibitor === null ? [] : [inhibitor],
      silencedBy: silences.map((silence) => silence.id),
      receivers: [...new Set(routes.map((route) => route.receiver))],
    };
  }

  /** What becomes of an alert with these labels at `nowMs`, as alerts and groups are now. */
  explain(labels: Labels, nowMs: number): Explanation {
    const [config, alerts, groups] = [this.#config, this.#alerts, this.#groups];
    const [inhibitor, silences] = [this.#inhibitor, this.silences];
    return explainAlert(labels, { config, alerts, groups, inhibitor, silences }, nowMs);
  }

  /** The time intervals that keep a group quiet at `nowMs`, by name. */
  mutesOf(group: Readonly<AlertGroup>, nowMs: number): readonly string[] {
    return mutesOf(group.route, this.#config.timeIntervals, nowMs);
  }

  #settleIntent(id: string, outcome: NotificationOutcome, nowMs: number): Intent | null {
    const intent = this.#ledger.intent(id);
    const record = this.#ledger.settle(id, outcome, nowMs);
    if (record !== null) this.#records.push(record);
    return intent;
  }

  #acceptOne(incoming: IncomingAlert, nowMs: number): void {
    const update = toAlert(incoming, nowMs, this.#config.resolveTimeoutMs);
    const known = this.#alerts.get(update.fingerprint);
    if (known === undefined) {
      // The end of something nobody was told of is no news.
      if (isResolved(update, nowMs)) return;
      if (this.#alerts.size >= this.#options.maxAlerts) {
        this.#drops.alerts++;
        return;
      }
    }
    const alert = known === undefined ? update : mergeAlert(known, update);
    this.#alerts.set(alert.fingerprint, alert);
    this.#inhibitor.put(alert, known !== undefined);
    if (this.#logged.isNews(alert, known, this.#config.resolveTimeoutMs)) {
      this.#records.push({ kind: 'alert', alert });
    }
    // An alert that fires on is in its groups already; only one that ended may have left some.
    if (known !== undefined && !isResolved(known, nowMs)) return;
    for (const route of matchingRoutes(this.#config.route, alert.labels)) {
      const group = this.#groups.join(alert, route, nowMs);
      if (this.#isUrgent(alert, group, nowMs)) group.nextFlushMs = nowMs;
    }
  }

  /** Whether an alert is worse than all that people were last told of its group. */
  #isUrgent(alert: Alert, { toldRank }: AlertGroup, nowMs: number): boolean {
    const rank = this.#severity?.rankOf(alert.labels) ?? null;
    if (rank === null || toldRank === null || rank <= toldRank) return false;
    return !this.#isHeldBack(alert, nowMs);
  }

  /**
   * Messages of the process before go out once more just as they were, under the same id, so that a receiver that has
   * them already can tell. What has changed since is told at the group's next flush.
   */
  #handOutOwed(nowMs: number, out: Notification[]): void {
    for (const intent of this.#owed) {
      const isComplete = [...intent.firing, ...intent.resolved].every((fingerprint) =>
        this.#alerts.has(fingerprint),
      );
      const isInTime = nowMs - intent.atMs < this.#options.closingKeepMs;
      if (isComplete && isInTime) out.push(this.#toNotification(intent));
      else this.settle(intent.id, 'abandoned', nowMs);
    }
    this.#owed = [];
  }

  #flush(group: AlertGroup, nowMs: number, out: Notification[], withdrawn: string[]): void {
    group.nextFlushMs = nowMs + group.route.groupIntervalMs;
    // A group that is muted by the time of day stays as it is; what ends meanwhile is told afterwards.
    const [mute] = this.mutesOf(group, nowMs);
    if (mute !== undefined) {
      const isMute = group.route.muteTimeIntervals.includes(mute);
      const kind = isMute ? 'mute_time_interval' : 'active_time_interval';
      this.#suppressed[kind] += group.members.size;
      this.#dropClosedMembers(group, this.#endedOf(group, nowMs), nowMs);
      return;
    }
    group.hasFlushed = true;
    const receiver = this.#receivers.get(group.receiver);
    assert(receiver !== undefined, 'a checked configuration has every receiver it names');
    const state = this.#stateOf(group, nowMs);
    group.toldRank = state.rank;
    for (const integration of receiver.integrations) {
      this.#flushIntegration(group, integration, state, nowMs, out, withdrawn);
    }
    this.#dropClosedMembers(group, state.resolved, nowMs);
  }

  /** How the alerts of a group stand; `rank` is that of the most severe that may be announced. */
  #stateOf(group: AlertGroup, nowMs: number): GroupState & { readonly rank: number | null } {
    const firing: string[] = [];
    const held: string[] = [];
    const resolved: string[] = [];
    const severity = this.#severity;
    let rank: number | null = null;
    for (const [fingerprint, isDeparted] of group.members) {
      const alert = this.#alerts.get(fingerprint);
      assert(alert !== undefined, 'a group has only alerts that are known');
      if (isResolved(alert, nowMs)) {
        resolved.push(fingerprint);
      } else if (isDeparted || this.#isHeldBack(alert, nowMs)) {
        held.push(fingerprint);
        if (!isDeparted)
          this.#suppressed[this.#isInhibited(alert, nowMs) ? 'inhibition' : 'silence']++;
      } else {
        firing.push(fingerprint);
        if (severity !== null) rank = severity.worse(rank, alert.labels);
      }
    }
    return { firing, held, resolved, rank };
  }

  #endedOf(group: AlertGroup, nowMs: number): readonly string[] {
    const ended: string[] = [];
    for (const fingerprint of group.members.keys()) {
      if (isResolved(this.#alerts.get(fingerprint)!, nowMs)) ended.push(fingerprint);
    }
    return ended;
  }

  #isHeldBack(alert: Alert, nowMs: number): boolean {
    return this.#isInhibited(alert, nowMs) || this.silences.holdsBack(alert.labels, nowMs);
  }

  #isInhibited({ fingerprint }: Alert, nowMs: number): boolean {
    return this.#inhibitor.inhibitorOf(fingerprint, nowMs) !== null;
  }

  #flushIntegration(
    group: AlertGroup,
    integration: Integration,
    state: GroupState,
    nowMs: number,
    out: Notification[],
    withdrawn: string[],
  ): void {
    const oldestMs = nowMs - this.#options.closingKeepMs;
    const flush = flushTarget(
      this.#ledger,
      targetOf(group, integration),
      state,
      {
        sendsResolved: integration.sendsResolved,
        repeatIntervalMs: group.route.repeatIntervalMs,
        isGivenUp: (fingerprint) => {
          const alert = this.#alerts.get(fingerprint)!;
          return alert.endsAtMs < oldestMs && alert.updatedAtMs < oldestMs;
        },
      },
      nowMs,
    );
    this.#records.push(...flush.records);
    this.#drops.closings += flush.givenUpCount;
    if (flush.withdrawn !== null) withdrawn.push(flush.withdrawn);
    if (flush.intent !== null) out.push(this.#toNotification(flush.intent));
  }

  #toNotification(intent: Intent): Notification {
    const { integration, groupKey } = intent.target;
    const group = this.#groups.get(groupIdOf(integration.receiver, groupKey));
    return toNotification(intent, this.#alerts, group?.route.labels ?? new Map());
  }

  /** Members that ended leave the group as soon as everybody who was told of them knows; then they are forgotten. */
  #dropClosedMembers(group: AlertGroup, ended: readonly string[], nowMs: number): void {
    if (ended.length === 0) return;
    const receiver = this.#receivers.get(group.receiver);
    const open = (receiver?.integrations ?? []).map((integration) =>
      openAlerts(this.#ledger.get(targetOf(group, integration))),
    );
    for (const fingerprint of ended) {
      if (open.some((fingerprints) => fingerprints.has(fingerprint))) continue;
      if (this.#groups.removeMember(group, fingerprint)) this.#forgetAlert(fingerprint);
    }
    if (group.members.size === 0) group.emptySinceMs = nowMs;
  }

  #forgetAlert(fingerprint: string): void {
    const alert = this.#alerts.get(fingerprint);
    if (alert === undefined) return;
    this.#inhibitor.remove(alert);
    this.#alerts.delete(fingerprint);
    this.#logged.forget(fingerprint);
    this.#records.push({ kind: 'alert-gone', fingerprint });
  }

  #forgetTargets(group: AlertGroup): void {
    for (const integration of this.#receivers.get(group.receiver)?.integrations ?? []) {
      const entry = this.#ledger.get(targetOf(group, integration));
      if (entry !== null && openAlerts(entry).size === 0 && entry.pending.length === 0) {
        this.#records.push(this.#ledger.forget(entry));
      }
    }
  }

  /** Works the groups out anew from the alerts and from what receivers have been told. */
  #rebuild(nowMs: number): void {
    const before = this.#groups.clear();
    this.#inhibitor = new Inhibitor(this.#config.inhibitRules);
    for (const alert of this.#alerts.values()) {
      this.#inhibitor.put(alert);
      for (const route of matchingRoutes(this.#config.route, alert.labels)) {
        this.#groups.join(alert, route, nowMs);
      }
    }
    for (const entry of this.#ledger.entries()) this.#rejoinTold(entry, nowMs);
    for (const group of this.#groups.all()) {
      const known = before.get(group.id);
      if (known !== undefined) {
        group.hasFlushed = known.hasFlushed;
        group.toldRank = known.toldRank;
        group.nextFlushMs = known.hasFlushed
          ? Math.min(known.nextFlushMs, nowMs + group.route.groupIntervalMs)
          : known.nextFlushMs;
      }
    }
    for (const [fingerprint] of this.#alerts) {
      if (!this.#groups.holds(fingerprint)) this.#forgetAlert(fingerprint);
    }
  }

  /** Sees to it that alerts a receiver was told of stay in its group until it has been told of their end. */
  #rejoinTold(entry: LedgerEntry, nowMs: number): void {
    const { integration, groupKey, groupLabels } = entry.target;
    const receiver = this.#receivers.get(integration.receiver);
    const exists = receiver?.integrations.some(
      ({ ref }) => ref.kind === integration.kind && ref.index === integration.index,
    );
    if (exists !== true) {
      this.#drops.targets++;
      this.#records.push(this.#ledger.forget(entry));
      return;
    }
    const id = groupIdOf(integration.receiver, groupKey);
    const lost = [...entry.told].filter((fingerprint) => !this.#alerts.has(fingerprint));
    // Without its record nobody could say what it was that ended.
    if (lost.length > 0) this.#records.push(this.#ledger.retract(entry, new Set(lost), nowMs));
    const open = [...openAlerts(entry)].filter((fingerprint) => this.#alerts.has(fingerprint));
    let group = this.#groups.get(id);
    if (group === null) {
      // No route leads here any more; the group lives on until the last end is told, at the root's pace.
      const route = { ...this.#config.route, receiver: integration.receiver, routes: [] };
      group = newGroup(id, groupKey, route, groupLabels, nowMs);
      if (open.length === 0) group.emptySinceMs = nowMs;
      this.#groups.add(group);
    }
    for (const fingerprint of open) {
      if (!group.members.has(fingerprint)) this.#groups.addMember(group, fingerprint, true);
    }
    for (const fingerprint of open) {
      const { labels } = this.#alerts.get(fingerprint)!;
      group.toldRank = this.#severity?.worse(group.toldRank, labels) ?? null;
    }
    const lastMs = entry.pending.at(-1)?.intent.atMs ?? entry.toldAtMs ?? nowMs;
    const dueMs = nextBeat(lastMs, group.route, nowMs);
    group.nextFlushMs = group.hasFlushed ? Math.min(group.nextFlushMs, dueMs) : dueMs;
    group.hasFlushed = true;
  }
}

function targetOf(group: AlertGroup, integration: Integration): NotificationTarget {
  let target = group.targets.get(integration);
  if (target === undefined) {
    target = { integration: integration.ref, groupKey: group.key, groupLabels: group.labels };
    group.targets.set(integration, target);
  }
  return target;
}

function receiversByName(config: AlertmanagerConfig): ReadonlyMap<string, Receiver> {
  return new Map(config.receivers.map((receiver) => [receiver.name, receiver]));
}

function timeOf(record: Exclude<DispatchRecord, { kind: 'alert' | 'alert-gone' | 'forgotten' }>) {
  return record.kind === 'intent' ? record.intent.atMs : record.atMs;
}
