import { quoteLabelValue } from '#libs/labels';
import { parseExpr, QueryEngine, QueryError, type QueryValue } from '#libs/promql';
import type {
  BinaryExpr,
  Grouping,
  MetricExpr,
  RangeAggregation,
  RangeOperator,
  VectorAggregation,
} from '../ast.ts';
import { EvaluatedSource, LEAF_LABEL } from './evaluated-source.ts';
import { LogqlQueryError } from './logql-query-error.ts';
import type { EvaluatedSeries } from './evaluated-series.ts';
import { evaluateRange, promqlNumber, type Steps } from './range-evaluation.ts';
import type { QueryRun } from './scan.ts';

/** An aggregation over lines as it is evaluated: with the grouping of what stands around it where that comes to the same. */
interface Leaf {
  readonly aggregation: RangeAggregation;
  readonly grouping: Grouping | null;
}

/**
 * Evaluates a metric query: its aggregations over lines here, and what computes with their series as PromQL, whose
 * operators, aggregations and matching LogQL has by definition.
 * @throws LogqlQueryError
 */
export async function evaluateMetric(
  run: QueryRun,
  expr: MetricExpr,
  steps: Steps,
  isInstant: boolean,
): Promise<QueryValue> {
  const leaves: Leaf[] = [];
  const template = toPromql(expr, leaves);
  const evaluated: (readonly EvaluatedSeries[])[] = [];
  const texts: string[] = [];
  for (const { aggregation, grouping } of leaves) {
    const { series, promql } = await evaluateRange(run, aggregation, grouping, steps);
    const selector = `{${LEAF_LABEL}="${evaluated.length}"}`;
    texts.push(promql.replace('$', () => selector));
    evaluated.push(series);
  }
  const text = template.map((part) => (typeof part === 'string' ? part : texts[part]!)).join('');
  const engine = new QueryEngine({
    nowMs: () => run.nowMs,
    yieldToLoop: async () => {
      await run.pause();
    },
    source: new EvaluatedSource(evaluated),
    // Values stand at the steps themselves.
    lookbackMs: 1,
    maxSamples: run.limits.maxCells,
    timeoutMs: Number.MAX_SAFE_INTEGER,
  });
  try {
    const plan = engine.prepare(parseExpr(text), text);
    const options = run.signal === undefined ? {} : { signal: run.signal };
    const { startMs, stepMs, count } = steps;
    const result = isInstant
      ? await plan.instant(startMs, options)
      : await plan.range(startMs, startMs + (count - 1) * stepMs, stepMs, options);
    return result.value;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new LogqlQueryError(codeOf(error), error.message, { cause: error });
  }
}

function codeOf(error: QueryError): LogqlQueryError['code'] {
  switch (error.code) {
    case 'timeout':
      return 'timeout';
    case 'canceled':
      return 'canceled';
    case 'too_many_samples':
      return 'limit';
    case 'execution':
    case 'bad_data':
    case 'storage':
      return 'bad_query';
  }
}

/** Text of PromQL, and numbers where the leaf of that index goes. */
type Part = string | number;

function toPromql(expr: MetricExpr, leaves: Leaf[]): readonly Part[] {
  switch (expr.kind) {
    case 'number':
      return [promqlNumber(expr.value)];
    case 'vector':
      return [`vector(${promqlNumber(expr.value)})`];
    case 'range-aggregation':
      return [leaf(leaves, { aggregation: expr, grouping: expr.grouping })];
    case 'vector-aggregation':
      return aggregationParts(expr, leaves);
    case 'label-replace': {
      const { target, replacement, source, pattern } = expr;
      const texts = [target, replacement, source, pattern].map(quoteLabelValue).join(', ');
      return ['label_replace(', ...toPromql(expr.expr, leaves), `, ${texts})`];
    }
    case 'binary':
      return binaryParts(expr, leaves);
  }
}

function leaf(leaves: Leaf[], added: Leaf): number {
  leaves.push(added);
  return leaves.length - 1;
}

/** Aggregations over lines that may be grouped as the aggregation around them does, to the same end. */
const PUSHED: Readonly<Partial<Record<VectorAggregation['operator'], ReadonlySet<RangeOperator>>>> =
  {
    sum: new Set([
      'rate',
      'count_over_time',
      'bytes_rate',
      'bytes_over_time',
      'sum_over_time',
    ] as const),
    min: new Set(['min_over_time'] as const),
    max: new Set(['max_over_time'] as const),
  };

function aggregationParts(expr: VectorAggregation, leaves: Leaf[]): readonly Part[] {
  const { operator, parameter, grouping, expr: inner } = expr;
  if (operator === 'sort' || operator === 'sort_desc') {
    return [`${operator}(`, ...toPromql(inner, leaves), ')'];
  }
  const isPushed =
    inner.kind === 'range-aggregation' &&
    inner.grouping === null &&
    PUSHED[operator]?.has(inner.operator) === true;
  const parts = isPushed
    ? [leaf(leaves, { aggregation: inner, grouping: grouping ?? { isWithout: false, labels: [] } })]
    : toPromql(inner, leaves);
  const by =
    grouping === null
      ? ''
      : ` ${grouping.isWithout ? 'without' : 'by'} (${grouping.labels.join(', ')}) `;
  const head = parameter === null ? `${operator}${by}(` : `${operator}${by}(${parameter}, `;
  return [head, ...parts, ')'];
}

function binaryParts(expr: BinaryExpr, leaves: Leaf[]): readonly Part[] {
  const { operator, left, right, matching } = expr;
  const isComparison = /^[=!<>]/.test(operator);
  // PromQL compares two numbers only with `bool`; without it LogQL gives the same 0 or 1.
  const returnsBool = expr.returnsBool || (isComparison && isLiteral(left) && isLiteral(right));
  let middle = ` ${operator} ${returnsBool ? 'bool ' : ''}`;
  if (matching !== null) {
    middle += `${matching.isOn ? 'on' : 'ignoring'} (${matching.labels.join(', ')}) `;
    if (matching.group !== null) {
      middle += `group_${matching.group} (${matching.include.join(', ')}) `;
    }
  }
  return ['(', ...toPromql(left, leaves), `)${middle}(`, ...toPromql(right, leaves), ')'];
}

function isLiteral(expr: MetricExpr): boolean {
  if (expr.kind === 'number') return true;
  return expr.kind === 'binary' && isLiteral(expr.left) && isLiteral(expr.right);
}
