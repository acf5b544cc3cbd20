import type { Notification, NotifiedAlert } from '#libs/dispatch';
import { Labels, quoteLabelValue } from '#libs/labels';
import { drawLineChart, type MessageChart } from '#libs/notify';
import { type MatrixSeries, parseExpr, type QueryEngine } from '#libs/promql';
import { expressionOf, type MeasuredExpression, measuredExpression } from './alert-expression.ts';

/** What the store knows about the alerts of a message. */
export interface Evidence {
  /** Further annotations, by the fingerprint of the alert. */
  readonly annotations: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly chart: MessageChart | null;
}

export interface EvidenceLimits {
  readonly timeoutMs: number;
  readonly maxSamples: number;
  readonly signal: AbortSignal;
}

/** Of a large group only the first are looked into. */
const MAX_ALERTS = 10;
/** More lines cannot be told apart. */
const MAX_LINES = 5;
const MINUTE_MS = 60_000;
const MIN_WINDOW_MS = 60 * MINUTE_MS;
const MAX_WINDOW_MS = 6 * 60 * MINUTE_MS;
const POINTS = 120;
const MIN_STEP_MS = 15_000;

/** Asks the store: how the values went, what they are now, and why containers ended. */
export class StoreEvidence {
  readonly #engine: QueryEngine;
  readonly #externalUrl: string;

  /** @param externalUrl by which alerts of our own rules are known */
  constructor(engine: QueryEngine, externalUrl: string) {
    this.#engine = engine;
    this.#externalUrl = externalUrl;
  }

  /** @throws QueryError, and whatever the store throws */
  async gather(
    notification: Notification,
    nowMs: number,
    limits: EvidenceLimits,
  ): Promise<Evidence> {
    const alerts = notification.alerts
      .toSorted((a, b) => Number(a.status === 'resolved') - Number(b.status === 'resolved'))
      .slice(0, MAX_ALERTS);
    const annotations = new Map<string, Record<string, string>>();
    const note = (alert: NotifiedAlert, name: string, text: string) => {
      annotations.set(alert.fingerprint, { ...annotations.get(alert.fingerprint), [name]: text });
    };
    const chart = await this.#measure(alerts, nowMs, limits, note);
    for (const alert of alerts) {
      if (alert.status === 'resolved') continue;
      const reason = await this.#lastTermination(alert.labels, nowMs, limits);
      if (reason !== '') note(alert, 'last_termination', reason);
    }
    return { annotations, chart };
  }

  async #measure(
    alerts: readonly NotifiedAlert[],
    nowMs: number,
    limits: EvidenceLimits,
    note: (alert: NotifiedAlert, name: string, text: string) => void,
  ): Promise<MessageChart | null> {
    const text = expressionOf(alerts[0]?.generatorUrl ?? '', this.#externalUrl);
    const expression = text === null ? null : measuredExpression(text);
    if (expression === null) return null;
    // Alerts of another rule in the same message have another expression.
    const same = alerts.filter((alert) => alert.generatorUrl === alerts[0]!.generatorUrl);
    const oldestMs = Math.min(...same.map((alert) => alert.startsAtMs));
    const windowMs = Math.min(Math.max(MIN_WINDOW_MS, (nowMs - oldestMs) * 1.5), MAX_WINDOW_MS);
    const stepMs = Math.max(MIN_STEP_MS, Math.ceil(windowMs / POINTS / 1_000) * 1_000);
    const startMs = nowMs - Math.floor(windowMs / stepMs) * stepMs;
    const plan = this.#engine.prepare(expression.measured);
    if (plan.valueType !== 'vector') return null;
    const { value } = await plan.range(startMs, nowMs, stepMs, limits);
    const found: MatrixSeries[] = [];
    for (const alert of same) {
      const series = value.series.find(({ labels }) => isOf(labels, alert.labels));
      if (series === undefined) continue;
      if (found.length < MAX_LINES) found.push(series);
      if (alert.status === 'resolved') continue;
      const last = series.values.at(-1);
      if (last !== undefined && series.timesMs.at(-1) === nowMs && series.histograms === null) {
        note(alert, 'value', String(Number(last.toPrecision(4))));
      }
      if (expression.comparison !== '') note(alert, 'threshold', expression.comparison);
    }
    return draw(found, expression, { startMs, endMs: nowMs, stepMs });
  }

  /** `OOMKilled`, or `api: Error, proxy: Completed` for a pod whose containers are not told apart. */
  async #lastTermination(labels: Labels, nowMs: number, limits: EvidenceLimits): Promise<string> {
    const pod = labels.get('pod');
    if (pod === '') return '';
    const matchers = ['namespace', 'pod', 'container', 'cluster']
      .filter((name) => labels.has(name))
      .map((name) => `${name}=${quoteLabelValue(labels.get(name))}`);
    const query = `kube_pod_container_status_last_terminated_reason{${matchers.join(',')}} == 1`;
    const { value } = await this.#engine.prepare(parseExpr(query)).instant(nowMs, limits);
    if (value.kind !== 'vector') return '';
    const reasons = value.labels.slice(0, MAX_ALERTS).map((each) => {
      const container = labels.has('container') ? '' : `${each.get('container')}: `;
      return container + each.get('reason');
    });
    return [...new Set(reasons)].join(', ');
  }
}

/** Whether a series is what an alert's rule saw: the alert has all of its labels. */
function isOf(series: Labels, alert: Labels): boolean {
  for (const [name, value] of series) {
    if (name !== '__name__' && alert.get(name) !== value) return false;
  }
  return true;
}

function draw(
  series: readonly MatrixSeries[],
  { threshold, comparison }: MeasuredExpression,
  span: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
): MessageChart | null {
  const png = drawLineChart({
    ...span,
    series: series.filter((one) => one.histograms === null),
    threshold,
  });
  if (png === null) return null;
  const minutes = Math.round((span.endMs - span.startMs) / MINUTE_MS);
  const limit = comparison === '' ? '' : `; dashed: ${comparison}`;
  return { png, description: `The values of the last ${minutes} minutes${limit}` };
}
