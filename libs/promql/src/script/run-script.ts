import type { DurationExpr, Expr } from '../ast.ts';
import { dependsOnQuery } from '../execute/durations.ts';
import type { Plan } from '../execute/query-engine.ts';
import { QueryError } from '../execute/query-error.ts';
import type { MatrixResult, QueryResult, VectorResult } from '../execute/query-result.ts';
import { parseExpr } from '../parse/parse-expr.ts';
import { PromqlSyntaxError } from '../parse/promql-syntax-error.ts';
import { valueTypeOf } from '../parse/type-check.ts';
import { areClose, findDifference } from './compare-result.ts';
import { convertClassicHistograms } from './custom-bucket-conversion.ts';
import { MemorySeriesSource } from './memory-series-source.ts';
import type {
  AnnotationExpectation,
  EvalCommand,
  Expectation,
  LoadCommand,
  ScriptCommand,
} from './parse-script.ts';

/** What a script needs of an engine; `QueryEngine` has it. */
export interface ScriptEngine {
  prepare(expr: Expr, text?: string): Plan;
}

/** The outcome of one `eval`. */
export interface ScriptCase {
  /** The line of the `eval`, counted from 1. */
  readonly line: number;
  readonly query: string;
  /** What is wrong, or null where the case passed. */
  readonly failure: string | null;
}

const MINUTE_MS = 60_000;

/** Functions whose result can change with the time of evaluation even where every selector has its `@`. */
const TIME_DEPENDENT: ReadonlySet<string> = new Set([
  'time',
  'timestamp',
  'start',
  'end',
  'step',
  'range',
  'predict_linear',
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'hour',
  'minute',
  'month',
  'year',
]);

/**
 * Runs the commands of a script in order on a store of its own, and tells the outcome of each `eval` as it comes. A
 * wrong answer is an outcome and does not end the run.
 */
export async function* runScript(
  commands: readonly ScriptCommand[],
  engine: ScriptEngine,
): AsyncGenerator<ScriptCase, void, undefined> {
  const source = new MemorySeriesSource();
  for (const command of commands) {
    if (command.kind === 'clear') source.clear();
    else if (command.kind === 'load') load(command, source);
    else {
      const failure = await runEval(command, engine, source);
      yield { line: command.line, query: command.query, failure };
    }
  }
}

function load(command: LoadCommand, source: MemorySeriesSource): void {
  const { stepMs, series } = command;
  for (const { labels, values, startsMs } of series) {
    for (const [index, value] of values.entries()) {
      if (value.kind === 'none') continue;
      const timeMs = index * stepMs;
      const start = startsMs?.[index] ?? null;
      source.add(labels, timeMs, value, start === null ? 0 : timeMs + start);
    }
  }
  if (!command.convertsClassic) return;
  for (const { labels, index, histogram } of convertClassicHistograms(series)) {
    source.add(labels, index * stepMs, { kind: 'histogram', histogram });
  }
}

async function runEval(
  command: EvalCommand,
  engine: ScriptEngine,
  source: MemorySeriesSource,
): Promise<string | null> {
  const { query, range } = command;
  let expr: Expr;
  try {
    expr = parseExpr(query);
  } catch (error) {
    // Whatever is expected: `expect fail` is about evaluation.
    if (error instanceof PromqlSyntaxError) return `does not parse: ${error.message}`;
    throw error;
  }
  try {
    const plan = engine.prepare(expr, query);
    if (!command.isInstant) {
      return await runOne(command, () =>
        plan.range(range.startMs, range.endMs, range.stepMs, { source }),
      );
    }
    return await runInstant(command, engine, plan, source);
  } catch (error) {
    return checkFailure(command, error);
  }
}

/** An instant query in all the ways that have to give the same. */
async function runInstant(
  command: EvalCommand,
  engine: ScriptEngine,
  plan: Plan,
  source: MemorySeriesSource,
): Promise<string | null> {
  const timeMs = command.rangeVector?.endMs ?? command.range.endMs;
  const first = await runOne(command, () => plan.instant(timeMs, { source }));
  if (first !== null || command.failure !== null) return first;
  const asRange = await runAsRange(command, plan, timeMs, source);
  if (asRange !== null) return asRange;
  if (callsAny(plan.expr, TIME_DEPENDENT) || hasStartOrEnd(plan.expr)) return null;
  const pinned = engine.prepare(withTime(plan.expr, timeMs), command.query);
  for (const otherMs of otherTimes(timeMs)) {
    const difference =
      (await runOne(command, () => pinned.instant(otherMs, { source }))) ??
      (await runAsRange(command, pinned, otherMs, source));
    if (difference !== null)
      return `with @ ${timeMs / 1000}, at ${otherMs / 1000} s: ${difference}`;
  }
  return null;
}

function otherTimes(timeMs: number): readonly number[] {
  if (timeMs === 0) return [-1000, 0, 1000];
  return [-10 * timeMs, 0, Math.trunc(timeMs / 5), timeMs, 10 * timeMs];
}

async function runOne(
  command: EvalCommand,
  evaluate: () => Promise<QueryResult>,
): Promise<string | null> {
  let result: QueryResult;
  try {
    result = await evaluate();
  } catch (error) {
    return checkFailure(command, error);
  }
  if (command.failure !== null) return 'expected to fail, but it gave a result';
  return (
    checkAnnotations('warning', command.warnings, result.annotations.warnings) ??
    checkAnnotations('info', command.infos, result.annotations.infos) ??
    findDifference(command, result.value)
  );
}

/** The query as a range query of three steps, of which the middle one is the time of the instant query. */
async function runAsRange(
  command: EvalCommand,
  plan: Plan,
  timeMs: number,
  source: MemorySeriesSource,
): Promise<string | null> {
  const type = valueTypeOf(plan.expr);
  if (command.isOrdered || command.string !== null || command.rangeVector !== null) return null;
  if (type !== 'scalar' && type !== 'vector') return null;
  if (callsAny(plan.expr, RANGE_DEPENDENT) || dependsOnRange(plan.expr)) return null;
  const { value } = await plan.range(timeMs - MINUTE_MS, timeMs + MINUTE_MS, MINUTE_MS, { source });
  const difference =
    command.scalar === null
      ? findDifference(command, pointsAt(value, timeMs))
      : differenceOfScalar(command.scalar, pointsAt(value, timeMs));
  return difference === null ? null : `as a range query: ${difference}`;
}

const RANGE_DEPENDENT: ReadonlySet<string> = new Set(['start', 'end', 'range', 'step']);

function differenceOfScalar(expected: number, vector: VectorResult): string | null {
  const actual = vector.values[0];
  return actual !== undefined && areClose(expected, actual)
    ? null
    : `expected scalar ${expected}, got ${actual ?? 'nothing'}`;
}

/** What a matrix has at one time, as a vector. */
function pointsAt(matrix: MatrixResult, timeMs: number): VectorResult {
  const labels: VectorResult['labels'][number][] = [];
  const values: Float64Array[] = [];
  const histograms: NonNullable<VectorResult['histograms']>[number][] = [];
  for (const series of matrix.series) {
    const place = series.timesMs.indexOf(timeMs);
    if (place < 0) continue;
    labels.push(series.labels);
    values.push(series.values.subarray(place, place + 1));
    histograms.push(series.histograms?.[place] ?? null);
  }
  const column = new Float64Array(values.length);
  for (const [index, value] of values.entries()) column.set(value, index);
  return { kind: 'vector', timeMs, labels, values: column, histograms };
}

function checkFailure(command: EvalCommand, error: unknown): string | null {
  if (!(error instanceof QueryError)) throw error;
  if (command.failure === null) return `failed: ${error.message}`;
  if (matches(command.failure, error.message)) return null;
  return `expected to fail with ${describe(command.failure)}, but it failed with: ${error.message}`;
}

function checkAnnotations(
  kind: string,
  expected: AnnotationExpectation,
  actual: readonly string[],
): string | null {
  if (expected.refusesAny && actual.length > 0) return `unexpected ${kind}: ${actual[0]}`;
  if (expected.allowsNone) return null;
  for (const one of expected.wanted) {
    if (actual.some((text) => matches(one, text))) continue;
    const got = actual.length === 0 ? 'there is none' : `got ${actual.join('; ')}`;
    return `expected ${kind} ${describe(one)}, but ${got}`;
  }
  for (const text of actual) {
    if (!expected.wanted.some((one) => matches(one, text))) return `unexpected ${kind}: ${text}`;
  }
  return null;
}

function matches(expectation: Expectation, text: string): boolean {
  switch (expectation.kind) {
    case 'any':
      return true;
    case 'text':
      return expectation.text === text;
    case 'pattern':
      return expectation.pattern.test(text);
  }
}

function describe(expectation: Expectation): string {
  switch (expectation.kind) {
    case 'any':
      return 'of any text';
    case 'text':
      return `"${expectation.text}"`;
    case 'pattern':
      return `matching ${expectation.source}`;
  }
}

/**
 * The expression with `@ timeMs` on every selector and subquery that has none; what is inside of a subquery is left alone,
 * as the subquery now has its time.
 */
function withTime(expr: Expr, timeMs: number): Expr {
  const at = { kind: 'time' as const, timeMs };
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr;
    case 'vector-selector':
      return { ...expr, at: expr.at ?? at };
    case 'matrix-selector':
      return { ...expr, selector: { ...expr.selector, at: expr.selector.at ?? at } };
    case 'subquery':
      return { ...expr, at: expr.at ?? at };
    case 'unary':
      return { ...expr, operand: withTime(expr.operand, timeMs) };
    case 'binary':
      return { ...expr, left: withTime(expr.left, timeMs), right: withTime(expr.right, timeMs) };
    case 'aggregation':
      return {
        ...expr,
        expr: withTime(expr.expr, timeMs),
        parameter: expr.parameter === null ? null : withTime(expr.parameter, timeMs),
      };
    case 'call':
      return { ...expr, args: expr.args.map((arg) => withTime(arg, timeMs)) };
    case 'paren':
      return { ...expr, expr: withTime(expr.expr, timeMs) };
  }
}

function callsAny(expr: Expr, names: ReadonlySet<string>): boolean {
  return someNode(expr, (node) => node.kind === 'call' && names.has(node.functionName));
}

/** Whether an `@` of the expression is the start or the end of the query. */
function hasStartOrEnd(expr: Expr): boolean {
  return someNode(expr, (node) => {
    const target = node.kind === 'matrix-selector' ? node.selector : node;
    if (target.kind !== 'vector-selector' && target.kind !== 'subquery') return false;
    return target.at !== null && target.at.kind !== 'time';
  });
}

/** Whether a duration or an `@` of the expression depends on the start, end or step of the query. */
function dependsOnRange(expr: Expr): boolean {
  if (hasStartOrEnd(expr)) return true;
  return someNode(expr, (node) => durationsOf(node).some(dependsOnQuery));
}

function durationsOf(node: Expr): readonly DurationExpr[] {
  if (node.kind === 'vector-selector') return node.offset === null ? [] : [node.offset];
  if (node.kind === 'matrix-selector') return [node.range, ...durationsOf(node.selector)];
  if (node.kind !== 'subquery') return [];
  return [node.range, node.step, node.offset].filter((one) => one !== null);
}

function someNode(expr: Expr, test: (node: Expr) => boolean): boolean {
  if (test(expr)) return true;
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vector-selector':
    case 'matrix-selector':
      return false;
    case 'unary':
      return someNode(expr.operand, test);
    case 'binary':
      return someNode(expr.left, test) || someNode(expr.right, test);
    case 'aggregation':
      return (
        someNode(expr.expr, test) || (expr.parameter !== null && someNode(expr.parameter, test))
      );
    case 'call':
      return expr.args.some((arg) => someNode(arg, test));
    case 'paren':
    case 'subquery':
      return someNode(expr.expr, test);
  }
}
