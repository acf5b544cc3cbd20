import { Labels } from '#libs/labels';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  type Alert,
  type AlertmanagerConfig,
  type DispatchDrops,
  RECEIVER_BLOCKS,
  type SilenceState,
  type SuppressionCounts,
} from '#libs/dispatch';
import type { DeliveryFailure } from '#libs/notify';

/** The release of Alertmanager whose API and metrics these are; tools decide by it what they may ask for. */
export const ALERTMANAGER_VERSION = '0.33.1';

/** Alertmanager's words for why a notification failed. */
const REASONS: Readonly<Record<DeliveryFailure, string>> = {
  timeout: 'contextDeadlineExceeded',
  unreachable: 'other',
  tls: 'other',
  rate_limited: 'clientError',
  server_error: 'serverError',
  rejected: 'clientError',
  unauthorized: 'clientError',
  redirected: 'clientError',
  misconfigured: 'other',
  expired: 'contextDeadlineExceeded',
};

const INTEGRATIONS = ['email', ...RECEIVER_BLOCKS.map(({ kind }) => kind)];

/** What is counted at the moment somebody looks. */
export interface NotificationCounts {
  readonly groupCount: number;
  readonly owedCount: number;
  readonly alertLimit: number;
  readonly drops: Readonly<DispatchDrops>;
  readonly inhibitRuleCount: number;
  readonly suppressed: Readonly<SuppressionCounts>;
  countAlerts(): Readonly<Record<'active' | 'suppressed' | 'unprocessed', number>>;
  countSilences(): Readonly<Record<SilenceState, number>>;
}

/** How notifications fare, under the names Alertmanager and, for its sending side, Prometheus have for it. */
export class NotificationMetrics {
  readonly received: Counter<'status' | 'version'>;
  readonly invalid: Counter<'version'>;
  readonly logFailures: Counter;
  readonly templateErrors: Counter<'integration'>;
  readonly refusedAddressees: Counter;
  readonly evidenceGaps: Counter<'reason'>;
  readonly damagedRecords: Gauge;
  readonly damagedSilences: Gauge;
  readonly silenceWriteFailures: Counter;
  readonly historyLosses: Counter;
  readonly #notifications: Counter<'integration'>;
  readonly #failed: Counter<'integration' | 'reason'>;
  readonly #requests: Counter<'integration'>;
  readonly #requestsFailed: Counter<'integration'>;
  readonly #latency: Histogram<'integration'>;
  readonly #timeToAcknowledge: Histogram;
  readonly #reloaded: Gauge;
  readonly #reloadedAt: Gauge;
  readonly #configHash: Gauge;
  readonly #receivers: Gauge;
  readonly #integrations: Gauge;
  readonly #ended: Counter<'outcome'>;
  readonly #ruleAlerts: Counter<'alertmanager'>;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const labelNames = ['integration'] as const;
    this.received = new Counter({
      name: 'alertmanager_alerts_received_total',
      help: 'The total number of received alerts.',
      labelNames: ['status', 'version'],
      registers,
    });
    this.invalid = new Counter({
      name: 'alertmanager_alerts_invalid_total',
      help: 'The total number of received alerts that were invalid.',
      labelNames: ['version'],
      registers,
    });
    this.#notifications = new Counter({
      name: 'alertmanager_notifications_total',
      help: 'The total number of attempted notifications.',
      labelNames,
      registers,
    });
    this.#failed = new Counter({
      name: 'alertmanager_notifications_failed_total',
      help: 'The total number of failed notifications.',
      labelNames: ['integration', 'reason'],
      registers,
    });
    this.#requests = new Counter({
      name: 'alertmanager_notification_requests_total',
      help: 'The total number of attempted notification requests.',
      labelNames,
      registers,
    });
    this.#requestsFailed = new Counter({
      name: 'alertmanager_notification_requests_failed_total',
      help: 'The total number of failed notification requests.',
      labelNames,
      registers,
    });
    this.#latency = new Histogram({
      name: 'alertmanager_notification_latency_seconds',
      help: 'The latency of notifications in seconds.',
      labelNames,
      buckets: [0.05, 0.25, 1, 5, 10, 15, 20],
      registers,
    });
    this.#timeToAcknowledge = new Histogram({
      name: 'binnacle_alert_time_to_acknowledge_seconds',
      help: 'From the start of an alert to the first acknowledgement or other silence that somebody made for it.',
      buckets: [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400],
      registers,
    });
    this.#reloaded = new Gauge({
      name: 'alertmanager_config_last_reload_successful',
      help: 'Whether the last configuration reload attempt was successful.',
      registers,
    });
    this.#reloadedAt = new Gauge({
      name: 'alertmanager_config_last_reload_success_timestamp_seconds',
      help: 'Timestamp of the last successful configuration reload.',
      registers,
    });
    this.#configHash = new Gauge({
      name: 'alertmanager_config_hash',
      help: 'A number that the configuration in force gives, another one after a change.',
      registers,
    });
    this.#receivers = new Gauge({
      name: 'alertmanager_receivers',
      help: 'Number of configured receivers.',
      registers,
    });
    this.#integrations = new Gauge({
      name: 'alertmanager_integrations',
      help: 'Number of configured integrations.',
      registers,
    });
    new Gauge({
      name: 'alertmanager_build_info',
      help: 'The release of Alertmanager whose API this is.',
      labelNames: ['version', 'revision', 'branch', 'goversion'],
      registers,
    }).set({ version: ALERTMANAGER_VERSION, revision: '', branch: 'binnacle', goversion: '' }, 1);
    this.logFailures = new Counter({
      name: 'binnacle_notification_log_failures_total',
      help: 'Times the notification log could not be written; what it missed is written later.',
      registers,
    });
    this.templateErrors = new Counter({
      name: 'binnacle_notification_template_errors_total',
      help: 'Templates of the configuration that failed; the built-in text was sent.',
      labelNames,
      registers,
    });
    this.evidenceGaps = new Counter({
      name: 'binnacle_notification_evidence_gaps_total',
      help: 'Messages without the evidence they were to have, by reason: busy, timeout, error, picture.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['busy', 'timeout', 'error', 'picture'])
      this.evidenceGaps.inc({ reason }, 0);
    this.refusedAddressees = new Counter({
      name: 'binnacle_notification_refused_addressees_total',
      help: 'Addressees a mail server refused while it took the message for others.',
      registers,
    });
    this.damagedRecords = new Gauge({
      name: 'binnacle_notification_log_damaged_records',
      help: 'Records of the notification log that could not be read at the start.',
      registers,
    });
    this.damagedSilences = new Gauge({
      name: 'binnacle_silences_damaged',
      help: 'Silences that could not be read at the start.',
      registers,
    });
    this.silenceWriteFailures = new Counter({
      name: 'binnacle_silence_write_failures_total',
      help: 'Changes of silences that were refused because they could not be written.',
      registers,
    });
    this.historyLosses = new Counter({
      name: 'binnacle_notification_history_losses_total',
      help: 'Entries of the history of notifications that could not be written.',
      registers,
    });
    this.#ended = new Counter({
      name: 'binnacle_notifications_ended_total',
      help: 'Notifications that are not owed any more.',
      labelNames: ['outcome'],
      registers,
    });
    this.#ruleAlerts = new Counter({
      name: 'prometheus_notifications_sent_total',
      help: 'Total number of alerts sent.',
      labelNames: ['alertmanager'],
      registers,
    });
    for (const integration of INTEGRATIONS) {
      this.#notifications.inc({ integration }, 0);
      this.#requests.inc({ integration }, 0);
      this.#requestsFailed.inc({ integration }, 0);
      for (const reason of new Set(Object.values(REASONS))) {
        this.#failed.inc({ integration, reason }, 0);
      }
    }
    for (const status of ['firing', 'resolved']) this.received.inc({ status, version: 'v2' }, 0);
    for (const outcome of ['delivered', 'replaced', 'failed']) this.#ended.inc({ outcome }, 0);
    this.#ruleAlerts.inc({ alertmanager: 'built-in' }, 0);
  }

  /** An alert is acknowledged for the first time. @param afterMs since it began */
  takenUp(afterMs: number): void {
    this.#timeToAcknowledge.observe(Math.max(0, afterMs) / 1000);
  }

  /** Counts what is asked of the service at the moment somebody looks. */
  watch(service: NotificationCounts): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, valueOf: () => number): void => {
      const metric: Gauge = new Gauge({
        name,
        help,
        registers,
        collect: () => {
          metric.set(valueOf());
        },
      });
    };
    const alerts = new Gauge({
      name: 'alertmanager_alerts',
      help: 'How many alerts by state.',
      labelNames: ['state'],
      registers,
      collect: () => {
        const counts = service.countAlerts();
        for (const [state, count] of Object.entries(counts)) alerts.set({ state }, count);
      },
    });
    gauge(
      'alertmanager_dispatcher_aggregation_groups',
      'Number of active aggregation groups',
      () => service.groupCount,
    );
    gauge(
      'alertmanager_inhibition_rules',
      'Number of configured inhibition rules.',
      () => service.inhibitRuleCount,
    );
    const silences = new Gauge({
      name: 'alertmanager_silences',
      help: 'How many silences by state.',
      labelNames: ['state'],
      registers,
      collect: () => {
        const counts = service.countSilences();
        for (const [state, count] of Object.entries(counts)) silences.set({ state }, count);
      },
    });
    gauge('alertmanager_cluster_enabled', 'Whether clustering is enabled or not.', () => 0);
    gauge('alertmanager_cluster_members', 'Number of members of the cluster, this one.', () => 1);
    gauge('alertmanager_cluster_failed_peers', 'Number of failed peers in the cluster.', () => 0);
    const suppressed = new Counter({
      name: 'alertmanager_notifications_suppressed_total',
      help: 'Times an alert was not announced at a flush of its group, by what kept it.',
      labelNames: ['reason'],
      registers,
      collect: () => {
        suppressed.reset();
        for (const [reason, count] of Object.entries(service.suppressed)) {
          suppressed.inc({ reason }, count);
        }
      },
    });
    gauge(
      'binnacle_notifications_owed',
      'Notifications that are on their way or wait to be sent.',
      () => service.owedCount,
    );
    // Kept elsewhere, and set when it is asked for.
    const drops = new Counter({
      name: 'binnacle_notification_drops_total',
      help: 'What was given up: new alerts over the limit, ends that no receiver took, receivers gone.',
      labelNames: ['reason'],
      registers,
      collect: () => {
        drops.reset();
        for (const [reason, count] of Object.entries(service.drops)) drops.inc({ reason }, count);
      },
    });
    // The sending side of Prometheus, whose dashboards and alerts ask for it. Here it is a function call.
    gauge(
      'prometheus_notifications_queue_length',
      'The number of alert notifications in the queue.',
      () => 0,
    );
    gauge(
      'prometheus_notifications_queue_capacity',
      'The capacity of the alert notifications queue.',
      () => service.alertLimit,
    );
    gauge(
      'prometheus_notifications_alertmanagers_discovered',
      'The number of alertmanagers discovered and active.',
      () => 1,
    );
    const dropped = new Counter({
      name: 'prometheus_notifications_dropped_total',
      help: 'Total number of alerts dropped because there were too many.',
      registers,
      collect: () => {
        dropped.reset();
        dropped.inc(service.drops.alerts);
      },
    });
  }

  acceptedFromRules(count: number): void {
    this.#ruleAlerts.inc({ alertmanager: 'built-in' }, count);
  }

  acceptedFromApi(alerts: readonly Pick<Alert, 'endsAtMs'>[], nowMs: number): void {
    for (const { endsAtMs } of alerts) {
      this.received.inc({ status: endsAtMs > nowMs ? 'firing' : 'resolved', version: 'v2' });
    }
  }

  attempted(integration: string, seconds: number, failure: DeliveryFailure | null): void {
    this.#requests.inc({ integration });
    this.#latency.observe({ integration }, seconds);
    if (failure !== null) this.#requestsFailed.inc({ integration });
  }

  /** @param failure why it was given up; null with `abandoned` when something newer took its place */
  ended(
    integration: string,
    outcome: 'delivered' | 'abandoned',
    failure: DeliveryFailure | null,
  ): void {
    if (outcome === 'delivered' || failure !== null) this.#notifications.inc({ integration });
    if (failure !== null) this.#failed.inc({ integration, reason: REASONS[failure] });
    const replaced = failure === null ? 'replaced' : 'failed';
    this.#ended.inc({ outcome: outcome === 'delivered' ? 'delivered' : replaced });
  }

  /** @param text the configuration without its secrets */
  configured(config: AlertmanagerConfig, text: string, nowMs: number): void {
    // As many bits as a number holds exactly.
    this.#configHash.set(parseInt(Labels.fromSortedFlat(['', text]).fingerprint.slice(0, 12), 16));
    this.#reloaded.set(1);
    this.#reloadedAt.set(nowMs / 1_000);
    this.#receivers.set(config.receivers.length);
    this.#integrations.set(config.receivers.flatMap((receiver) => receiver.integrations).length);
  }

  configurationRefused(): void {
    this.#reloaded.set(0);
  }
}
