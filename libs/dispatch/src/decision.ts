import type { Notification } from './notification.ts';
import type { DispatchRecord } from './notification-log.ts';
import { DEFAULT_SEVERITY_ORDER, type SeverityOrderOptions } from './severity-order.ts';
import { DEFAULT_SILENCE_LIMITS, type SilenceLimits } from './silences/silence-book.ts';

export interface DispatcherOptions {
  /** Most alerts kept; further new ones are dropped and counted. */
  readonly maxAlerts: number;
  /** How long the end of an alert is tried to be told before it is given up. */
  readonly closingKeepMs: number;
  /** By which an alert that is more severe than what was told of its group is told at once; null for not. */
  readonly severity: SeverityOrderOptions | null;
  readonly silences: SilenceLimits;
}

export const DEFAULT_DISPATCHER_OPTIONS: DispatcherOptions = {
  maxAlerts: 100_000,
  closingKeepMs: 24 * 3_600_000,
  severity: DEFAULT_SEVERITY_ORDER,
  silences: DEFAULT_SILENCE_LIMITS,
};

/** What is to be done, in this order: put the records on disk, then withdraw, then send. */
export interface Decision {
  readonly records: readonly DispatchRecord[];
  /** Ids of messages handed out earlier that should not be sent any more. */
  readonly withdrawn: readonly string[];
  /** Each takes the place of any earlier message to the same integration about the same group. */
  readonly notifications: readonly Notification[];
  /** When to ask again, at the latest; null for not before something happens. */
  readonly wakeUpMs: number | null;
}

/** What was dropped since the start, by reason. */
export interface DispatchDrops {
  /** New alerts over the limit. */
  alerts: number;
  /** Ends that could not be told for so long that they were given up. */
  closings: number;
  /** Conversations with a receiver that the configuration no longer has. */
  targets: number;
}

/** How often an alert was not announced at a flush of its group, by what kept it; the words are Alertmanager's. */
export interface SuppressionCounts {
  silence: number;
  inhibition: number;
  mute_time_interval: number;
  active_time_interval: number;
}

/** Where an alert stands, as the API shows it. */
export interface AlertStatus {
  readonly state: 'active' | 'suppressed';
  readonly inhibitedBy: readonly string[];
  readonly silencedBy: readonly string[];
  /** Receivers the alert is routed to, in the order of the routes. */
  readonly receivers: readonly string[];
}
