import type { Labels } from '#libs/labels';

/** Why a notification is due; the words are those of Alertmanager's `notification_reason`. */
export type NotificationReason =
  | 'first notification'
  | 'new alerts added'
  | 'some alerts resolved'
  | 'all alerts resolved'
  | 'repeat interval elapsed';

/** Says which way of which receiver a notification takes: `webhook` number 0 of the receiver `ops`. */
export interface IntegrationRef {
  readonly receiver: string;
  /** The kind as metrics name it: `webhook`, `email`. */
  readonly kind: string;
  /** Which of the receiver's integrations of that kind, from 0. */
  readonly index: number;
}

/** An alert within a notification, with the status it has there. */
export interface NotifiedAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: number;
  /** When it ended; null while it fires. */
  readonly endsAtMs: number | null;
  readonly generatorUrl: string;
  readonly fingerprint: string;
}

/** One message that is owed to one integration. */
export interface Notification {
  /**
   * The same for every attempt to deliver this message, also after a restart, and for no other message: receivers may
   * use it to drop doubles.
   */
  readonly id: string;
  readonly integration: IntegrationRef;
  /** Alertmanager's key of the group: `{}/{severity="x"}:{alertname="y"}`. */
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly reason: NotificationReason;
  /** `firing` as long as one of the alerts is. */
  readonly status: 'firing' | 'resolved';
  /** In Alertmanager's order: by `job`, `instance`, then the other labels. Never empty. */
  readonly alerts: readonly NotifiedAlert[];
  readonly createdAtMs: number;
  /** Templates of the labels of the route it took. Default: it has none. */
  readonly routeLabels?: ReadonlyMap<string, string>;
}

/** A string that two references share if and only if they name the same integration. */
export function integrationKey({ receiver, kind, index }: IntegrationRef): string {
  return `${kind}[${index}]/${receiver}`;
}
