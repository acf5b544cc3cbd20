import { Labels } from '#libs/labels';
import { type Expr, printExpr } from '#libs/promql';
import {
  type EvaluatedVector,
  EvaluationError,
  type Evaluator,
  type PreparedExpression,
} from './ports.ts';

/** An HTTP API that answers queries as Prometheus's does. */
export interface QueryApi {
  /**
   * Asks `/api/v1/query`.
   * @param parameters of the form
   * @returns the answer whatever its status, its text bounded
   * @throws an Error whose message is for the rule's `lastError`, where there is no answer
   */
  query(
    parameters: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly text: string }>;
}

/**
 * Evaluates rules over a Prometheus-compatible HTTP API, such as that of Prometheus, Thanos, Mimir or VictoriaMetrics; Loki's
 * answers in the same form.
 */
export class ApiEvaluator implements Evaluator {
  readonly #api: QueryApi;
  readonly #asWritten: boolean;

  /** @param asWritten whether expressions are sent as they are written, for an API whose language is not PromQL */
  constructor(api: QueryApi, { asWritten = false }: { readonly asWritten?: boolean } = {}) {
    this.#api = api;
    this.#asWritten = asWritten;
  }

  prepare(expr: Expr, text: string): PreparedExpression {
    const query = this.#asWritten ? text : printExpr(expr);
    return { evaluate: (timeMs) => this.query(query, timeMs) };
  }

  share(): null {
    return null;
  }

  async query(text: string, timeMs: number): Promise<EvaluatedVector> {
    let answer: { readonly status: number; readonly text: string };
    try {
      answer = await this.#api.query({ query: text, time: (timeMs / 1_000).toFixed(3) });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new EvaluationError(error.message, { cause: error });
    }
    return readAnswer(answer.status, answer.text);
  }
}

/**
 * Reads the answer to an instant query.
 * @throws EvaluationError
 */
function readAnswer(status: number, text: string): EvaluatedVector {
  const json = parseJson(text);
  if (!isRecord(json) || (json['status'] !== 'success' && json['status'] !== 'error')) {
    throw new EvaluationError(
      `the datasource answers with status ${status} and not as Prometheus does: ${shown(text)}`,
    );
  }
  if (json['status'] === 'error') {
    const { errorType, error } = json;
    throw new EvaluationError(
      `the datasource answers ${shown(String(errorType))}: ${shown(String(error))}`,
    );
  }
  const { data } = json;
  const result = isRecord(data) ? data['result'] : null;
  const resultType = isRecord(data) ? data['resultType'] : null;
  if (resultType === 'scalar') {
    return {
      labels: [Labels.EMPTY],
      values: new Float64Array([readValue(result)]),
      histograms: null,
    };
  }
  if (resultType !== 'vector' || !Array.isArray(result)) {
    throw new EvaluationError('rule result is not a vector or scalar');
  }
  const labels: Labels[] = [];
  const values = new Float64Array(result.length);
  for (const element of result as unknown[]) {
    if (!isRecord(element)) throw malformed('an element is no object');
    if (element['value'] === undefined && element['histogram'] !== undefined) {
      throw new EvaluationError(
        'the datasource answers with native histograms, whose buckets its API gives in part only; ask for histogram_quantile, histogram_sum or histogram_count of them',
      );
    }
    values[labels.length] = readValue(element['value']);
    labels.push(readLabels(element['metric']));
  }
  return { labels, values, histograms: null };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readValue(pair: unknown): number {
  const text: unknown = Array.isArray(pair) ? pair[1] : null;
  if (typeof text !== 'string') throw malformed('a value is no text');
  switch (text) {
    case '+Inf':
      return Infinity;
    case '-Inf':
      return -Infinity;
    case 'NaN':
      return NaN;
  }
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw malformed(`${shown(text)} is no number`);
  return value;
}

function readLabels(metric: unknown): Labels {
  if (!isRecord(metric)) throw malformed('"metric" is no object');
  const pairs: [string, string][] = [];
  for (const [name, value] of Object.entries(metric)) {
    if (typeof value !== 'string') throw malformed(`label ${shown(name)} is no text`);
    pairs.push([name, value]);
  }
  return Labels.fromPairs(pairs);
}

function malformed(what: string): EvaluationError {
  return new EvaluationError(`the datasource's answer cannot be read: ${what}`);
}

/** A bounded part of what came from outside, on one line. */
function shown(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
