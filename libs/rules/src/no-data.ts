import { Labels } from '#libs/labels';
import type { AlertState } from './alert-state.ts';
import { DataWatch } from './data-watch.ts';
import type { Evaluator } from './ports.ts';
import type { Round } from './rule-context.ts';
import type { NoDataPolicy } from './rule-extensions.ts';
import type { AlertingRuleConfig } from './rule-file.ts';

/** What a round in which data may be missing makes of a rule's alerts. */
export interface Held {
  /** Alerts the round did not see and does not end, by their key: since when their data has been missing. */
  readonly sinceMs: ReadonlyMap<string, number>;
  /** Labels for an alert of the rule as a whole, whose data is missing altogether; null where it has none such. */
  readonly ofRule: Labels | null;
}

/** What has to be known of an alert to hold it. */
export interface HoldableAlert {
  readonly labels: Labels;
  readonly state: AlertState;
  readonly noDataSinceMs: number | null;
}

const NOTHING_HELD: Held = { sinceMs: new Map(), ofRule: null };

/** Holds the alerts of one rule whose data is missing, as its `no_data` says. */
export class NoDataHolder {
  readonly policy: NoDataPolicy;
  readonly #watch: DataWatch;
  /** Labels of alerts that did not come with a sample. */
  readonly #ownLabels: ReadonlySet<string>;

  constructor(config: AlertingRuleConfig, evaluator: Evaluator) {
    this.policy = config.extensions.noData;
    this.#watch = new DataWatch(config.expr, evaluator);
    this.#ownLabels = new Set(['alertname', ...config.labels.map(([name]) => name)]);
  }

  /**
   * @param alerts those of the round before
   * @param seen keys of the alerts this round saw
   * @throws EvaluationError
   */
  async look(
    alerts: ReadonlyMap<string, HoldableAlert>,
    seen: ReadonlyMap<string, unknown>,
    round: Round,
  ): Promise<Held> {
    const { kind, forMs } = this.policy;
    if (kind === 'resolve') return NOTHING_HELD;
    const nowMs = round.slotMs;
    const unseen = [...alerts].filter(([key, alert]) => {
      const endsAtMs = (alert.noDataSinceMs ?? nowMs) + (forMs ?? Infinity);
      return alert.state.kind !== 'inactive' && !seen.has(key) && nowMs < endsAtMs;
    });
    const asksForRule = kind === 'alert' && seen.size === 0;
    if (unseen.length === 0 && !asksForRule) return NOTHING_HELD;
    const oldestMs = unseen.reduce(
      (oldest, [, alert]) => Math.min(oldest, alert.noDataSinceMs ?? nowMs),
      nowMs,
    );
    const view = await this.#watch.look(round.evaluationMs, oldestMs);
    const sinceMs = new Map<string, number>();
    for (const [key, alert] of unseen) {
      const state = view.stateOf(alert.labels.without(this.#ownLabels));
      if (state === 'missing') sinceMs.set(key, alert.noDataSinceMs ?? nowMs);
    }
    const isRuleBlind =
      asksForRule && sinceMs.size === 0 && view.stateOf(Labels.EMPTY) === 'missing';
    return { sinceMs, ofRule: isRuleBlind ? Labels.fromPairs(view.askedLabels()) : null };
  }
}
