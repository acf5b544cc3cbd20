import { type Labels, METRIC_NAME } from '#libs/labels';
import type { AlertState } from './alert-state.ts';

/** The series a rule wrote in one round: they get stale markers once it writes them no more. */
export interface WrittenSeries {
  /** Those that are not among what the same rule wrote later. */
  missingFrom(next: WrittenSeries): Labels[];
}

/** No series. */
export const NOTHING_WRITTEN: WrittenSeries = { missingFrom: () => [] };

/** The series of a recording rule. */
export class RecordedSeries implements WrittenSeries {
  readonly #series: ReadonlyMap<string, Labels>;

  constructor(labels: readonly Labels[]) {
    this.#series = new Map(labels.map((each) => [each.key, each]));
  }

  missingFrom(next: WrittenSeries): Labels[] {
    const others = next instanceof RecordedSeries ? next.#series : null;
    const missing: Labels[] = [];
    for (const [key, labels] of this.#series) if (others?.has(key) !== true) missing.push(labels);
    return missing;
  }
}

/** What has to be known of an alert to know its series. */
export interface AlertWithState {
  readonly labels: Labels;
  readonly state: AlertState;
}

/**
 * The series of an alerting rule. It holds on to the alerts alone: the label sets of two series for each of 50,000 alerts
 * would take more memory than the alerts.
 */
export class AlertSeries implements WrittenSeries {
  readonly #alerts: ReadonlyMap<string, AlertWithState>;

  /** @param alerts of one round, by key; it must not change any more */
  constructor(alerts: ReadonlyMap<string, AlertWithState>) {
    this.#alerts = alerts;
  }

  missingFrom(next: WrittenSeries): Labels[] {
    const others = next instanceof AlertSeries ? next.#alerts : null;
    const missing: Labels[] = [];
    for (const [key, { labels, state }] of this.#alerts) {
      if (state.kind === 'inactive') continue;
      const now = others?.get(key)?.state.kind ?? 'inactive';
      if (now !== state.kind) missing.push(alertsSeriesOf(labels, state.kind));
      if (now === 'inactive') missing.push(forStateSeriesOf(labels));
    }
    return missing;
  }
}

/** The labels of an alert's `ALERTS` series. */
export function alertsSeriesOf(labels: Labels, kind: AlertState['kind']): Labels {
  return labels.with(METRIC_NAME, 'ALERTS').with('alertstate', kind);
}

/** The labels of an alert's `ALERTS_FOR_STATE` series. */
export function forStateSeriesOf(labels: Labels): Labels {
  return labels.with(METRIC_NAME, 'ALERTS_FOR_STATE');
}
