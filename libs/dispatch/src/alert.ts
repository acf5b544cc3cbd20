import type { Labels } from '#libs/labels';

/**
 * What a source says about one alert: a rule that fires or stopped firing, or a client of `POST /api/v2/alerts`.
 * Repeating it is normal and keeps an alert without an end alive.
 */
export interface IncomingAlert {
  /** What identifies the alert; never empty. */
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Milliseconds since the epoch; null means: since its end if there is one, else since now. */
  readonly startsAtMs: number | null;
  /**
   * When it ends or ended; in the past means resolved. Null means unknown: it counts as resolved when nothing is heard
   * of it for the configuration's `resolve_timeout`.
   */
  readonly endsAtMs: number | null;
  /** Where the alert comes from, as a link for people; may be empty. */
  readonly generatorUrl: string;
}

/** Takes alerts from rules and from the API. */
export interface AlertSink {
  /**
   * Takes alerts in the order of their arrival at `nowMs`. It returns at once; what follows from them (grouping,
   * notifications) happens later. Alerts over the limit of active alerts are dropped and counted by the sink.
   */
  accept(alerts: readonly IncomingAlert[], nowMs: number): void;
}

/** An alert as the dispatcher knows it. Immutable: an update is a new object. */
export interface Alert {
  readonly labels: Labels;
  /** `labels.fingerprint`, computed once. */
  readonly fingerprint: string;
  readonly annotations: Labels;
  readonly generatorUrl: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** Whether `endsAtMs` is only the moment at which we stop believing in it, and no source named it. */
  readonly isTimeout: boolean;
  readonly updatedAtMs: number;
}

/** Whether the alert has ended by `nowMs`. */
export function isResolved(alert: Alert, nowMs: number): boolean {
  return alert.endsAtMs <= nowMs;
}

/** The alert that a source's word stands for on its own. */
export function toAlert(incoming: IncomingAlert, nowMs: number, resolveTimeoutMs: number): Alert {
  const { labels, annotations, generatorUrl } = incoming;
  return {
    labels,
    fingerprint: labels.fingerprint,
    annotations,
    generatorUrl,
    startsAtMs: incoming.startsAtMs ?? incoming.endsAtMs ?? nowMs,
    endsAtMs: incoming.endsAtMs ?? nowMs + resolveTimeoutMs,
    isTimeout: incoming.endsAtMs === null,
    updatedAtMs: nowMs,
  };
}

/**
 * An update laid over what was known, as Alertmanager does it. If the two spans overlap they are one alert: it began
 * with the earlier start; an end that a source named outlives a later guess. If they don't, the alert has fired anew.
 */
export function mergeAlert(known: Alert, update: Alert): Alert {
  const overlaps =
    (update.endsAtMs > known.startsAtMs && update.endsAtMs < known.endsAtMs) ||
    (update.startsAtMs > known.startsAtMs && update.startsAtMs < known.endsAtMs);
  if (!overlaps) return update;
  const hasEnded = update.endsAtMs <= update.updatedAtMs;
  const hadEnded = known.endsAtMs <= update.updatedAtMs;
  const keepsKnownEnd =
    known.endsAtMs > update.endsAtMs && (hasEnded ? hadEnded : !known.isTimeout);
  return {
    ...update,
    // The same text, of which one copy is enough.
    fingerprint: known.fingerprint,
    startsAtMs: Math.min(known.startsAtMs, update.startsAtMs),
    endsAtMs: keepsKnownEnd ? known.endsAtMs : update.endsAtMs,
    isTimeout: keepsKnownEnd ? known.isTimeout : update.isTimeout,
  };
}
