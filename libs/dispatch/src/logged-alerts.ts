import type { Alert } from './alert.ts';

/**
 * Knows which version of each alert is in the log. An alert is repeated every minute or so, with a later end and perhaps
 * another value in its annotations; only what a restart could not do without is logged: that it exists, when it started,
 * and roughly how long it is believed in.
 */
export class LoggedAlerts {
  readonly #endMs = new Map<string, number>();

  /** Notes what was found in the log at the start. */
  restore(alert: Alert): void {
    this.#endMs.set(alert.fingerprint, alert.endsAtMs);
  }

  forget(fingerprint: string): void {
    this.#endMs.delete(fingerprint);
  }

  /** Whether an alert has to be logged anew; if so it counts as logged. @param known what it was before */
  isNews(alert: Alert, known: Alert | undefined, resolveTimeoutMs: number): boolean {
    const loggedEndMs = this.#endMs.get(alert.fingerprint) ?? Number.NEGATIVE_INFINITY;
    const isNews =
      known === undefined ||
      known.startsAtMs !== alert.startsAtMs ||
      alert.endsAtMs < known.endsAtMs ||
      alert.endsAtMs < loggedEndMs ||
      alert.endsAtMs > loggedEndMs + resolveTimeoutMs;
    if (isNews) this.#endMs.set(alert.fingerprint, alert.endsAtMs);
    return isNews;
  }
}
