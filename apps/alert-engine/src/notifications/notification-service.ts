import { performance } from 'node:perf_hooks';
import {
  type Alert,
  type AlertGroup,
  type AlertmanagerConfig,
  type AlertSink,
  type AlertStatus,
  DEFAULT_DISPATCHER_OPTIONS,
  type DispatchDrops,
  Dispatcher,
  type Explanation,
  type IncomingAlert,
  type Integration,
  isResolved,
  type KeyedChange,
  type Notification,
  type NotificationLog,
  readDispatchRecords,
  SilenceKeeper,
  type SilenceState,
  silenceState,
  type SuppressionCounts,
} from '#libs/dispatch';
import type { Labels } from '#libs/labels';
import {
  deliver,
  type DeliveryContext,
  DeliveryError,
  type DeliveryPorts,
  DeliveryQueue,
  DEFAULT_RETRY_POLICY,
  type EndedDelivery,
} from '#libs/notify';
import { type AppLogger, describeError, withSpan } from '#libs/platform';
import { AlertmanagerApiError } from './alertmanager-api-error.ts';
import type { EvidenceCollector } from './evidence/evidence-collector.ts';
import { NotificationHistory, toHistoryEntry } from './notification-history.ts';
import type { NotificationMetrics } from './notification-metrics.ts';
import type { NotificationsConfig } from './notifications-config.ts';
import { SilenceService } from './silence-service.ts';
import type { KeyedStore } from './state-area.ts';

const DAY_MS = 24 * 3_600_000;
/** Node's timers take no longer waits. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** After a failure of the log, before it is tried again. */
const LOG_RETRY_MS = 1_000;
/** How long messages on the wire may take once the engine stops; then they stay owed. */
const DRAIN_MS = 6_000;

export interface NotificationServiceOptions {
  readonly config: AlertmanagerConfig;
  readonly settings: NotificationsConfig;
  readonly log: NotificationLog;
  readonly silenceStore: KeyedStore;
  readonly historyStore: KeyedStore;
  readonly context: Omit<DeliveryContext, 'nowMs'>;
  /** The ways out; they depend on where the configuration lies. */
  readonly ports: DeliveryPorts;
  /** Default: none, messages are as they are. */
  readonly evidence?: EvidenceCollector;
  readonly metrics: NotificationMetrics;
  readonly logger: AppLogger;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** A fresh UUID each time. */
  readonly newId: () => string;
}

/** How a message fares that is owed. */
interface DeliveryProgress {
  readonly notification: Notification;
  attempts: number;
  lastError: string | null;
}

/** A message that is owed, as the API shows it. */
export interface OwedNotification {
  readonly id: string;
  readonly receiver: string;
  readonly integration: string;
  readonly index: number;
  readonly groupKey: string;
  readonly createdAt: string;
  readonly attempts: number;
  readonly lastError: string | null;
}

/**
 * The loop around the dispatcher and the delivery queue: it carries out their decisions, one turn at a time, and wakes up
 * when they ask for it. Within a turn the log is written before anything is sent.
 */
export class NotificationService implements AlertSink {
  readonly silences: SilenceService;
  readonly history: NotificationHistory;
  readonly #options: NotificationServiceOptions;
  readonly #dispatcher: Dispatcher;
  readonly #queue: DeliveryQueue;
  readonly #inFlight = new Set<Promise<void>>();
  /** What the log still misses, by key. */
  readonly #unwritten = new Map<string, string | null>();
  /** How messages that are owed fare, by id. */
  readonly #progress = new Map<string, DeliveryProgress>();
  /** Why the log could not be written the last time, or null if it could. */
  #logProblem: string | null = null;
  #integrations: ReadonlyMap<string, Integration>;
  #ports: DeliveryPorts;
  #context: Omit<DeliveryContext, 'nowMs'>;
  /** Alerts that came before the state was restored. */
  #early: (readonly [readonly IncomingAlert[], number])[] | null = [];
  #turn: Promise<void> | null = null;
  #isAskedAgain = false;
  #isStopping = false;
  #timer: NodeJS.Timeout | null = null;
  #config: AlertmanagerConfig;

  constructor(options: NotificationServiceOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#ports = options.ports;
    this.#context = options.context;
    const { severity_label: label, severities: values, silences } = options.settings;
    this.#dispatcher = new Dispatcher(options.config, {
      severity: values.length === 0 ? null : { label, values },
      silences: {
        maxSilences: silences.max_silences,
        maxSilenceBytes: silences.max_silence_size,
      },
    });
    this.silences = new SilenceService({
      ...options,
      book: this.#dispatcher.silences,
      keeper: new SilenceKeeper(
        this.#dispatcher.silences,
        this.#dispatcher,
        silences.retention_time,
      ),
      store: options.silenceStore,
      onChange: () => this.wake(),
    });
    this.#queue = new DeliveryQueue({
      retry: DEFAULT_RETRY_POLICY,
      concurrencyPerIntegration: 8,
      keepMs: DAY_MS,
      random: options.random,
    });
    const { retention_time: retentionMs, max_entries: maxEntries } = options.settings.history;
    this.history = new NotificationHistory({
      store: options.historyStore,
      retentionMs,
      maxEntries,
      onLost: (count) => options.metrics.historyLosses.inc(count),
    });
    this.#integrations = integrationsByKey(options.config);
  }

  get config(): AlertmanagerConfig {
    return this.#config;
  }

  get isRestored(): boolean {
    return this.#early === null;
  }

  /** @throws AlertmanagerApiError while what the process before knew is not known yet */
  checkRestored(): void {
    if (this.isRestored) return;
    throw AlertmanagerApiError.refused(
      503,
      'the state of alerts is not known yet; /readyz says why',
    );
  }

  get alertLimit(): number {
    return DEFAULT_DISPATCHER_OPTIONS.maxAlerts;
  }

  get drops(): Readonly<DispatchDrops> {
    return this.#dispatcher.drops;
  }

  get suppressed(): Readonly<SuppressionCounts> {
    return this.#dispatcher.suppressed;
  }

  get owedCount(): number {
    return this.#queue.size;
  }

  get groupCount(): number {
    return [...this.#dispatcher.groups()].length;
  }

  /** Restores what the process before knew, and begins. @throws whatever the log throws */
  async start(): Promise<void> {
    const { log, metrics, logger, nowMs } = this.#options;
    const [kept] = await Promise.all([log.load(), this.silences.restore(), this.history.restore()]);
    const { records, damagedCount } = readDispatchRecords(kept.values());
    metrics.damagedRecords.set(damagedCount);
    if (damagedCount > 0) {
      logger.error('part of the notification log cannot be read and is left out', { damagedCount });
    }
    this.#dispatcher.restore(records, nowMs());
    const early = this.#early ?? [];
    this.#early = null;
    for (const [alerts, atMs] of early) this.#dispatcher.accept(alerts, atMs);
    this.wake();
  }

  accept(alerts: readonly IncomingAlert[], nowMs: number): void {
    if (this.#early === null) {
      this.#dispatcher.accept(alerts, nowMs);
      this.wake();
    } else {
      this.#early.push([alerts, nowMs]);
    }
  }

  /** Goes on under another configuration. */
  reconfigure(
    config: AlertmanagerConfig,
    ports: DeliveryPorts,
    context: Omit<DeliveryContext, 'nowMs'>,
  ): void {
    this.#config = config;
    this.#ports = ports;
    this.#context = context;
    this.#integrations = integrationsByKey(config);
    this.#dispatcher.setConfig(config, this.#options.nowMs());
    if (this.isRestored) this.wake();
  }

  /** Alerts that fire, in no order. */
  firingAlerts(): readonly Alert[] {
    const nowMs = this.#options.nowMs();
    return [...this.#dispatcher.alerts()].filter((alert) => !isResolved(alert, nowMs));
  }

  groups(): readonly Readonly<AlertGroup>[] {
    return [...this.#dispatcher.groups()];
  }

  statusOf(alert: Alert): AlertStatus {
    return this.#dispatcher.statusOf(alert, this.#options.nowMs());
  }

  /** The alert with a fingerprint, or null for one that is not known. */
  alert(fingerprint: string): Alert | null {
    return this.#dispatcher.alert(fingerprint);
  }

  /** What becomes of an alert with these labels. */
  explain(labels: Labels, nowMs: number): Explanation {
    return this.#dispatcher.explain(labels, nowMs);
  }

  /** The ways out that are in use. */
  get delivery(): { readonly context: DeliveryContext; readonly ports: DeliveryPorts } {
    return { context: { ...this.#context, nowMs: this.#options.nowMs }, ports: this.#ports };
  }

  /** Messages that are on their way or wait to be sent. */
  owed(): OwedNotification[] {
    return [...this.#progress.values()].map(({ notification, attempts, lastError }) => ({
      id: notification.id,
      receiver: notification.integration.receiver,
      integration: notification.integration.kind,
      index: notification.integration.index,
      groupKey: notification.groupKey,
      createdAt: new Date(notification.createdAtMs).toISOString(),
      attempts,
      lastError,
    }));
  }

  mutesOf(group: Readonly<AlertGroup>): readonly string[] {
    return this.#dispatcher.mutesOf(group, this.#options.nowMs());
  }

  countAlerts(): { active: number; suppressed: number; unprocessed: number } {
    const counts = { active: 0, suppressed: 0, unprocessed: 0 };
    for (const alert of this.firingAlerts()) counts[this.statusOf(alert).state]++;
    return counts;
  }

  get inhibitRuleCount(): number {
    return this.#config.inhibitRules.length;
  }

  countSilences(): Record<SilenceState, number> {
    const counts = { active: 0, pending: 0, expired: 0 };
    const nowMs = this.#options.nowMs();
    for (const silence of this.silences.all()) counts[silenceState(silence, nowMs)]++;
    return counts;
  }

  /** Sees to it that what is due gets done, soon. Returns at once. */
  wake(): void {
    if (this.#isStopping || !this.isRestored) return;
    if (this.#turn !== null) {
      this.#isAskedAgain = true;
      return;
    }
    this.#turn = this.#takeTurns().finally(() => {
      this.#turn = null;
    });
  }

  /** Lets messages on the wire arrive, for a while, and writes down what became of them. The others stay owed. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn;
    if (this.#inFlight.size > 0) {
      let giveUp: NodeJS.Timeout | undefined;
      const tooLong = new Promise<void>((resolve) => {
        giveUp = setTimeout(resolve, DRAIN_MS);
      });
      await Promise.race([Promise.all(this.#inFlight), tooLong]);
      clearTimeout(giveUp);
    }
    await this.flush();
  }

  /** Writes down everything that is known; sends nothing. */
  async flush(): Promise<void> {
    if (!this.isRestored) return;
    for (const one of this.#queue.takeEnded()) this.#settle(one);
    this.#note(this.#dispatcher.keyedChanges(this.#dispatcher.takeRecords()));
    await this.#write();
    await this.history.flush();
  }

  async #takeTurns(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      // Coming back in a task of its own keeps a storm of small changes to one turn.
      await Promise.resolve();
      await this.#takeTurn();
    } while (this.#isAskedAgain && !this.#isStopping);
  }

  async #takeTurn(): Promise<void> {
    const nowMs = this.#options.nowMs();
    const silences = await this.silences.upkeep(nowMs);
    this.#dispatcher.accept(silences.notices, nowMs);
    const decision = this.#dispatcher.decide(nowMs);
    this.#note(this.#dispatcher.keyedChanges(decision.records));
    const isWritten = await this.#write();
    if (this.#isStopping) return;
    for (const id of decision.withdrawn) this.#queue.withdraw(id);
    for (const notification of decision.notifications) {
      this.#queue.add(notification, nowMs);
      this.#progress.set(notification.id, { notification, attempts: 0, lastError: null });
    }
    const plan = this.#queue.plan(this.#options.nowMs());
    for (const one of plan.ended) this.#settle(one);
    for (const { notification } of plan.attempts) this.#launch(notification);
    this.history.write();
    if (plan.ended.length > 0) this.#isAskedAgain = true;
    const retryMs = isWritten && silences.isWritten ? null : nowMs + LOG_RETRY_MS;
    this.#sleep([decision.wakeUpMs, plan.wakeUpMs, silences.wakeUpMs, retryMs]);
  }

  #note(changes: readonly KeyedChange[]): void {
    for (const { key, value } of changes) this.#unwritten.set(key, value);
  }

  /**
   * A log that cannot be written must not keep anybody uninformed: messages go out all the same, and what it misses is
   * written as soon as it can be.
   */
  async #write(): Promise<boolean> {
    const { log, metrics, logger } = this.#options;
    const changes = [...this.#unwritten].map(([key, value]) => ({ key, value }));
    if (changes.length === 0) return true;
    try {
      await log.apply(changes);
    } catch (error) {
      metrics.logFailures.inc();
      // It is tried every second; that it goes on is no news.
      const problem = describeError(error);
      if (problem !== this.#logProblem) {
        logger.error('the notification log cannot be written', { error: problem });
      }
      this.#logProblem = problem;
      return false;
    }
    if (this.#logProblem !== null) logger.info('the notification log is written again');
    this.#logProblem = null;
    for (const { key, value } of changes) {
      if (this.#unwritten.get(key) === value) this.#unwritten.delete(key);
    }
    return true;
  }

  #sleep(wakeUps: readonly (number | null)[]): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const times = wakeUps.filter((time) => time !== null);
    if (times.length === 0 || this.#isStopping) return;
    const waitMs = Math.min(...times) - this.#options.nowMs();
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(waitMs, 0), MAX_TIMER_MS));
  }

  #settle({ notification, outcome, error }: EndedDelivery): void {
    const { metrics, logger, nowMs } = this.#options;
    const { kind, receiver } = notification.integration;
    metrics.ended(kind, outcome, error?.code ?? null);
    if (error !== null) {
      logger.error('a notification was given up', {
        receiver,
        integration: kind,
        group: notification.groupKey,
        reason: error.code,
        error: error.message,
      });
    }
    const { attempts = 0, lastError = null } = this.#progress.get(notification.id) ?? {};
    this.#progress.delete(notification.id);
    this.history.add(
      toHistoryEntry(notification, {
        outcome,
        attempts,
        error: error?.message ?? lastError,
        isGivenUp: error !== null,
        atMs: nowMs(),
      }),
    );
    this.#dispatcher.settle(notification.id, outcome, nowMs());
  }

  #launch(notification: Notification): void {
    const attempt = this.#attempt(notification).then((error) => {
      this.#inFlight.delete(attempt);
      const progress = this.#progress.get(notification.id);
      if (progress !== undefined) {
        progress.attempts++;
        progress.lastError = error?.message ?? progress.lastError;
      }
      this.#queue.report(notification, error, this.#options.nowMs());
      this.wake();
    });
    this.#inFlight.add(attempt);
  }

  async #attempt(notification: Notification): Promise<DeliveryError | null> {
    const { metrics, logger, nowMs, evidence } = this.#options;
    const { integration: ref, groupKey, reason } = notification;
    const integration = this.#integrations.get(refKey(ref));
    if (integration === undefined) {
      return new DeliveryError('rejected', 'the receiver is not in the configuration any more');
    }
    const startMs = performance.now();
    const fields = { receiver: ref.receiver, integration: ref.kind, group: groupKey };
    let failure: DeliveryError | null = null;
    try {
      const attributes = { 'notification.receiver': ref.receiver, 'notification.kind': ref.kind };
      const report = await withSpan('notification.deliver', attributes, async () => {
        const sent = (await evidence?.add(notification)) ?? { notification, chart: null };
        const context = { ...this.#context, nowMs, chart: sent.chart };
        return deliver(sent.notification, integration, context, this.#ports);
      });
      if (report.chartError !== undefined) {
        metrics.evidenceGaps.inc({ reason: 'picture' });
        logger.warn('a message went out without its picture', {
          ...fields,
          error: report.chartError,
        });
      }
      for (const fault of report.templateFaults) {
        metrics.templateErrors.inc({ integration: ref.kind });
        logger.error('a template failed; the built-in text was sent', { ...fields, ...fault });
      }
      if (report.refusedAddressees.length > 0) {
        metrics.refusedAddressees.inc(report.refusedAddressees.length);
        logger.warn('a mail server refused some addressees', {
          ...fields,
          addressees: report.refusedAddressees,
        });
      }
      logger.info('notified', { ...fields, reason, alerts: notification.alerts.length });
    } catch (error) {
      failure = asDeliveryError(error);
      if (failure !== error) logger.error('a message could not be put together', error);
      const { code, message, isRetryable } = failure;
      logger.warn('not notified', { ...fields, reason: code, error: message, isRetryable });
    }
    metrics.attempted(ref.kind, (performance.now() - startMs) / 1_000, failure?.code ?? null);
    return failure;
  }
}

function refKey({ receiver, kind, index }: Notification['integration']): string {
  return JSON.stringify([receiver, kind, index]);
}

function integrationsByKey(config: AlertmanagerConfig): ReadonlyMap<string, Integration> {
  return new Map(
    config.receivers.flatMap(({ integrations }) =>
      integrations.map((integration) => [refKey(integration.ref), integration] as const),
    ),
  );
}

/** A fault of ours in one message must not end the process that all others depend on; it is tried again like any other. */
function asDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  return new DeliveryError('misconfigured', `a fault of ours: ${describeError(error)}`);
}
