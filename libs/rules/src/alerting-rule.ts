import { GoTime, graphLink } from '#libs/go-template';
import { Labels } from '#libs/labels';
import {
  type AlertState,
  type AlertTiming,
  NEVER_ACTIVE,
  nextAlertState,
  stateAfterOutage,
} from './alert-state.ts';
import { type Held, NoDataHolder } from './no-data.ts';
import {
  type AlertStateChange,
  type EvaluatedVector,
  EvaluationError,
  type OutgoingAlert,
  type PreparedExpression,
  type RuleSink,
  type StoredAlert,
} from './ports.ts';
import type { Round, RuleContext, RuleOutput } from './rule-context.ts';
import { type AlertingRuleConfig, shownExpression } from './rule-file.ts';
import { PairTemplates, Rendering } from './rule-label-templates.ts';
import { Turns } from './turns.ts';
import { alertsSeriesOf, forStateSeriesOf } from './written-series.ts';

/** An alert of a rule: firing, waiting for its `for`, or resolved a short while ago. */
export interface ActiveAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  /** The expression's value when it last held. */
  readonly value: number;
  readonly state: AlertState;
  /** When it was last handed on, or null. Not kept over a restart: telling a dispatcher twice is harmless. */
  readonly lastSentAtMs: number | null;
  /** Until when a restored alert that is not seen again is left as it was, or null once it was seen. */
  readonly settlesAtMs: number | null;
  /** Since when its data has been missing while the rule's `no_data` holds it, or null. */
  readonly noDataSinceMs: number | null;
}

/** What a round finds out of an alert. */
export type SeenAlert = Pick<ActiveAlert, 'labels' | 'annotations' | 'value'>;

/** What a round would make of a rule, before any of it is kept or told. */
export interface AlertingOutcome {
  readonly alerts: ReadonlyMap<string, ActiveAlert>;
  readonly changes: readonly AlertStateChange[];
  readonly output: RuleOutput;
}

const ALERT_NAME = 'alertname';
/** Handed on in one call. */
const ALERTS_AT_A_TIME = 500;
const RFC3339 = '2006-01-02T15:04:05Z07:00';
const NO_LABELS_KEY = Labels.EMPTY.key;

/** One alerting rule and its alerts. */
export class AlertingRule {
  readonly kind = 'alerting';
  readonly config: AlertingRuleConfig;
  /** The expression in Prometheus's normal form. */
  readonly query: string;
  readonly expression: PreparedExpression;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly #context: RuleContext;
  readonly #labelTemplates: PairTemplates;
  readonly #annotationTemplates: PairTemplates;
  readonly #timing: AlertTiming;
  readonly #noData: NoDataHolder;
  readonly #generatorUrl: string;
  #alerts: ReadonlyMap<string, ActiveAlert> = new Map();

  /** @throws TemplateParseError */
  constructor(config: AlertingRuleConfig, context: RuleContext) {
    this.config = config;
    this.#context = context;
    this.query = shownExpression(config);
    this.labels = Labels.fromPairs(config.labels);
    this.annotations = Labels.fromPairs(config.annotations);
    this.expression = context.source.evaluator.prepare(config.expr, config.exprText);
    this.#labelTemplates = new PairTemplates(config.name, config.labels, context);
    this.#annotationTemplates = new PairTemplates(config.name, config.annotations, context);
    this.#timing = { holdMs: config.holdMs, keepFiringMs: config.keepFiringMs };
    this.#noData = new NoDataHolder(config, context.source.evaluator);
    this.#generatorUrl = context.externalUrl.replace(/\/+$/, '') + graphLink(this.query, 1);
  }

  get name(): string {
    return this.config.name;
  }

  /** Where the rule writes. */
  get sink(): RuleSink {
    return this.#context.source.sink;
  }

  /** Every alert that is kept, resolved ones included. */
  get alerts(): ReadonlyMap<string, ActiveAlert> {
    return this.#alerts;
  }

  /** Firing before pending before inactive: the most that any alert of the rule is. */
  get state(): AlertState['kind'] {
    let state: AlertState['kind'] = 'inactive';
    for (const alert of this.#alerts.values()) {
      if (alert.state.kind === 'firing') return 'firing';
      if (alert.state.kind === 'pending') state = 'pending';
    }
    return state;
  }

  /** When the next alert fires or ends by the passing of time alone: the end of its `for` or `keep_firing_for`; or null. */
  nextDeadlineMs(): number | null {
    let nextMs = Infinity;
    for (const { state, noDataSinceMs } of this.#alerts.values()) {
      // What is held for want of data waits for data, not for time.
      if (noDataSinceMs !== null) continue;
      if (state.kind === 'pending') {
        nextMs = Math.min(nextMs, state.activeAtMs + this.#timing.holdMs);
      } else if (state.kind === 'firing' && state.missingSinceMs !== null) {
        nextMs = Math.min(nextMs, state.missingSinceMs + this.#timing.keepFiringMs);
      }
    }
    return nextMs === Infinity ? null : nextMs;
  }

  /** Goes on with the alerts of the rule this one takes the place of. */
  adopt(alerts: ReadonlyMap<string, ActiveAlert>): void {
    this.#alerts = alerts;
  }

  /** Goes on with alerts kept over a restart, after no evaluation since `downAtMs`. */
  restore(stored: ReadonlyMap<string, StoredAlert>, downAtMs: number, nowMs: number): void {
    const { timing } = this.#context;
    const alerts = new Map<string, ActiveAlert>();
    for (const [key, alert] of stored) {
      const state = stateAfterOutage(alert.state, downAtMs, nowMs, this.#timing, timing);
      if (state.kind === 'inactive' && state.resolvedAtMs === null) continue;
      alerts.set(key, {
        labels: Labels.fromSortedFlat(alert.labels),
        annotations: Labels.fromSortedFlat(alert.annotations),
        value: alert.value,
        state,
        lastSentAtMs: null,
        settlesAtMs: nowMs + timing.settleMs,
        noDataSinceMs: alert.noDataSinceMs,
      });
    }
    this.#alerts = alerts;
  }

  /**
   * Works out a round. Nothing changes until {@link commit}.
   * @param ruleKey identifies the rule in what is kept on disk
   * @throws EvaluationError
   */
  async evaluate(round: Round, ruleKey: string): Promise<AlertingOutcome> {
    const vector = await this.expression.evaluate(round.evaluationMs, round.shared);
    let seen = await this.#seenAlerts(vector, round);
    const held = await this.#noData.look(this.#alerts, seen, round);
    if (held.ofRule !== null) {
      const blind = { labels: [held.ofRule], values: new Float64Array([NaN]), histograms: null };
      seen = await this.#seenAlerts(blind, round);
    }
    const alerts = await this.#nextAlerts(seen, held, round.slotMs);
    let activeCount = 0;
    for (const { state } of alerts.values()) if (state.kind !== 'inactive') activeCount++;
    if (round.limit > 0 && activeCount > round.limit) {
      throw new AlertLimitError(round.limit, activeCount);
    }
    return {
      alerts,
      changes: await this.#changes(alerts, ruleKey),
      output: await alertSeries(alerts, activeCount, new Turns(this.#context)),
    };
  }

  /** Makes a round's outcome the rule's state, once it is safe on disk. */
  commit(outcome: AlertingOutcome): void {
    this.#alerts = outcome.alerts;
  }

  /** What passing the limit costs: Prometheus drops every alert of the rule. */
  dropAll(ruleKey: string): readonly AlertStateChange[] {
    const changes = [...this.#alerts.keys()].map((alert) => deletion(ruleKey, alert));
    this.#alerts = new Map();
    return changes;
  }

  /** Hands on the alerts that changed, and the others once in a resend delay, a bounded number at a time. */
  async announce(round: Round): Promise<void> {
    const { timing, externalLabels, alertSink } = this.#context;
    const nowMs = round.slotMs;
    const validForMs = 4 * Math.max(round.intervalMs, timing.resendDelayMs);
    const turns = new Turns(this.#context);
    let outgoing: OutgoingAlert[] = [];
    let alerts: Map<string, ActiveAlert> | null = null;
    for (const [key, alert] of this.#alerts) {
      if (!isDue(alert, nowMs, timing.resendDelayMs)) continue;
      alerts ??= new Map(this.#alerts);
      alerts.set(key, { ...alert, lastSentAtMs: nowMs });
      outgoing.push({
        labels: externalLabels.merge(alert.labels),
        annotations: this.#outgoingAnnotations(alert),
        startsAtMs: startOf(alert.state, nowMs),
        endsAtMs: endOf(alert.state) ?? nowMs + validForMs,
        generatorUrl: this.#generatorUrl,
      });
      if (outgoing.length < ALERTS_AT_A_TIME) continue;
      alertSink.accept(outgoing, nowMs);
      outgoing = [];
      if (turns.isOver(ALERTS_AT_A_TIME)) await turns.next();
    }
    if (alerts !== null) this.#alerts = alerts;
    if (outgoing.length > 0) alertSink.accept(outgoing, nowMs);
  }

  /** With `no_data: unknown`, whoever reads the alert is told that nothing is known any more. */
  #outgoingAnnotations({ annotations, noDataSinceMs }: ActiveAlert): Labels {
    if (noDataSinceMs === null || this.#noData.policy.kind !== 'unknown') return annotations;
    return annotations.with(
      'no_data',
      `no data since ${GoTime.fromMs(noDataSinceMs).format(RFC3339)}`,
    );
  }

  /** What the expression gave, as alerts by their labels. */
  async #seenAlerts(vector: EvaluatedVector, round: Round): Promise<Map<string, SeenAlert>> {
    const { clockMs, timing } = this.#context;
    const needsTemplates = !this.#labelTemplates.isPlain || !this.#annotationTemplates.isPlain;
    const deadlineMs = clockMs() + timing.templateTimeMs;
    const seen = new Map<string, SeenAlert>();
    const turns = new Turns(this.#context);
    for (let i = 0; i < vector.labels.length; i++) {
      if (turns.isOver()) await turns.next();
      const sample = { labels: vector.labels[i]!, value: vector.values[i]! };
      const rendering = needsTemplates
        ? new Rendering(this.#context, sample, round.evaluationMs, deadlineMs)
        : null;
      const own = await this.#labelTemplates.render(rendering);
      const labels = withPairs(sample.labels.withoutMetricName(), own).with(ALERT_NAME, this.name);
      const key = labels.key;
      if (seen.has(key)) {
        throw new EvaluationError(
          'vector contains metrics with the same labelset after applying alert labels',
        );
      }
      const annotations = Labels.fromPairs(await this.#annotationTemplates.render(rendering));
      const before = this.#alerts.get(key);
      seen.set(key, {
        // What is known already is not kept twice, and does not grow old anew each round.
        labels: before?.labels ?? labels,
        annotations:
          before?.annotations.equals(annotations) === true ? before.annotations : annotations,
        value: sample.value,
      });
    }
    return seen;
  }

  async #nextAlerts(
    seen: ReadonlyMap<string, SeenAlert>,
    held: Held,
    nowMs: number,
  ): Promise<Map<string, ActiveAlert>> {
    const { timing } = this.#context;
    const next = new Map<string, ActiveAlert>();
    const turns = new Turns(this.#context);
    for (const [key, alert] of this.#alerts) {
      if (turns.isOver()) await turns.next();
      const update = seen.get(key);
      if (update === undefined && alert.settlesAtMs !== null && nowMs < alert.settlesAtMs) {
        next.set(key, alert);
        continue;
      }
      if (update !== undefined && alert.state.kind === 'inactive') continue;
      const noDataSinceMs = held.sinceMs.get(key) ?? null;
      const state = this.#nextState(alert.state, update !== undefined, noDataSinceMs, nowMs);
      const isForgotten =
        state.kind === 'inactive' &&
        (state.resolvedAtMs === null || nowMs - state.resolvedAtMs > timing.resolvedRetentionMs);
      if (isForgotten) continue;
      next.set(key, {
        labels: alert.labels,
        annotations: update?.annotations ?? alert.annotations,
        value: update?.value ?? alert.value,
        state,
        lastSentAtMs: alert.lastSentAtMs,
        settlesAtMs: null,
        noDataSinceMs,
      });
    }
    for (const [key, alert] of seen) {
      if (turns.isOver()) await turns.next();
      if (next.has(key)) continue;
      const state = nextAlertState(NEVER_ACTIVE, true, nowMs, this.#timing);
      // One object literal with every field: 50,000 of these may be made in one round.
      next.set(key, {
        labels: alert.labels,
        annotations: alert.annotations,
        value: alert.value,
        state,
        lastSentAtMs: null,
        settlesAtMs: null,
        noDataSinceMs: null,
      });
    }
    return next;
  }

  #nextState(
    state: AlertState,
    isSeen: boolean,
    noDataSinceMs: number | null,
    nowMs: number,
  ): AlertState {
    if (noDataSinceMs === null) return nextAlertState(state, isSeen, nowMs, this.#timing);
    return this.#noData.policy.kind === 'alert'
      ? nextAlertState(state, true, nowMs, this.#timing)
      : state;
  }

  /** What of a round has to be on disk before it is told: every change of state. */
  async #changes(
    alerts: ReadonlyMap<string, ActiveAlert>,
    rule: string,
  ): Promise<AlertStateChange[]> {
    const changes: AlertStateChange[] = [];
    const turns = new Turns(this.#context);
    for (const [key, alert] of alerts) {
      if (turns.isOver()) await turns.next();
      const before = this.#alerts.get(key);
      if (before?.state === alert.state && before.noDataSinceMs === alert.noDataSinceMs) continue;
      changes.push({
        kind: 'put',
        rule,
        alert: key,
        stored: {
          labels: alert.labels.flat,
          annotations: alert.annotations.flat,
          value: alert.value,
          state: alert.state,
          noDataSinceMs: alert.noDataSinceMs,
        },
      });
    }
    for (const key of this.#alerts.keys()) if (!alerts.has(key)) changes.push(deletion(rule, key));
    return changes;
  }
}

/** More alerts than the group's limit allows. */
export class AlertLimitError extends EvaluationError {
  constructor(limit: number, count: number) {
    super(`exceeded limit of ${limit} with ${count} alerts`);
  }
}

function deletion(rule: string, alert: string): AlertStateChange {
  return { kind: 'delete', rule, alert };
}

function withPairs(labels: Labels, pairs: readonly (readonly [string, string])[]): Labels {
  let result = labels;
  // A label rendered to nothing takes the sample's own away.
  for (const [name, value] of pairs) result = result.with(name, value);
  return result.key === NO_LABELS_KEY ? Labels.EMPTY : result;
}

function isDue(alert: ActiveAlert, nowMs: number, resendDelayMs: number): boolean {
  const { state, lastSentAtMs } = alert;
  if (state.kind === 'pending') return false;
  if (lastSentAtMs === null) return true;
  if (state.kind === 'inactive' && state.resolvedAtMs! > lastSentAtMs) return true;
  return lastSentAtMs + resendDelayMs < nowMs;
}

function startOf(state: AlertState, nowMs: number): number {
  switch (state.kind) {
    case 'firing':
      return state.firedAtMs;
    case 'inactive':
      return state.firedAtMs ?? state.resolvedAtMs ?? nowMs;
    case 'pending':
      return nowMs;
  }
}

function endOf(state: AlertState): number | null {
  return state.kind === 'inactive' ? state.resolvedAtMs : null;
}

/** The `ALERTS` and `ALERTS_FOR_STATE` series of the active alerts. */
async function alertSeries(
  alerts: ReadonlyMap<string, ActiveAlert>,
  activeCount: number,
  turns: Turns,
): Promise<RuleOutput> {
  const labels: Labels[] = [];
  const values = new Float64Array(activeCount * 2);
  for (const { labels: own, state } of alerts.values()) {
    if (turns.isOver()) await turns.next();
    if (state.kind === 'inactive') continue;
    values[labels.length] = 1;
    labels.push(alertsSeriesOf(own, state.kind));
    values[labels.length] = Math.floor(state.activeAtMs / 1_000);
    labels.push(forStateSeriesOf(own));
  }
  return { labels, values, histograms: null };
}
