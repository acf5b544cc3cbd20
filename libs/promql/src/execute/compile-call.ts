import { assert } from '#libs/invariant';
import type { Call, Expr } from '../ast.ts';
import { FLOAT_FUNCTIONS } from '../functions/float-functions.ts';
import { HISTOGRAM_FUNCTIONS } from '../functions/histogram-functions.ts';
import { AbsentNode, AbsentOverTimeNode, labelsOfAbsent } from './absent-nodes.ts';
import type { Compiler } from './compiler.ts';
import {
  FloatFunctionNode,
  SampleTimeNode,
  ScalarVectorNode,
  StepTimeNode,
} from './element-nodes.ts';
import { HistogramFractionNode, HistogramQuantileNode } from './histogram-quantile-node.ts';
import { HistogramQuantilesNode } from './histogram-quantiles-node.ts';
import { HistogramFunctionNode } from './histogram-function-node.ts';
import { compileInfo } from './info-node.ts';
import { labelJoinNode, labelReplaceNode } from './label-nodes.ts';
import { QueryError } from './query-error.ts';
import { type RangeFunction, RangeFunctionNode } from './range-function-node.ts';
import {
  combinedScalar,
  constantNode,
  queryTimeNode,
  scalarOfVector,
  timeNode,
} from './scalar-nodes.ts';
import { SelectorNode } from './selector-node.ts';
import { SortNode } from './sort-nodes.ts';
import type { PlanNode, RangeNode, VectorNode } from './vector-node.ts';

/** Functions that look at nothing of a histogram but its count and its sum. */
const READS_STATISTICS: ReadonlySet<string> = new Set([
  'histogram_count',
  'histogram_sum',
  'histogram_avg',
]);

/** Turns a call into a node. @throws QueryError for arguments that can't be */
export function compileCall(
  expr: Call,
  compiler: Compiler,
  rangeFunctions: ReadonlyMap<string, RangeFunction>,
): PlanNode {
  const { functionName: name, args, span } = expr;
  const rangeFunction = rangeFunctions.get(name);
  if (rangeFunction !== undefined) return compileRangeCall(expr, compiler, rangeFunction);
  const floatFunction = FLOAT_FUNCTIONS.get(name);
  if (floatFunction !== undefined) {
    const [input, ...scalars] = args;
    // The date functions take the time of evaluation without an argument; `round` rounds to whole numbers.
    const vector =
      input === undefined ? new ScalarVectorNode(timeNode(span), span) : compiler.vector(input);
    const columns = scalars.map((scalar) => compiler.scalar(scalar));
    if (name === 'round' && columns.length === 0) columns.push(constantNode(1, span));
    return new FloatFunctionNode(name, vector, columns, floatFunction, span);
  }
  const histogramFunction = HISTOGRAM_FUNCTIONS.get(name);
  if (histogramFunction !== undefined) {
    const input = compiler.within(READS_STATISTICS.has(name), () => compiler.vector(args[0]!));
    return new HistogramFunctionNode(name, input, histogramFunction, span);
  }
  switch (name) {
    case 'time':
      return timeNode(span);
    case 'pi':
      return constantNode(Math.PI, span);
    case 'start':
      return queryTimeNode(name, ({ options }) => options.startMs / 1_000, span);
    case 'end':
      return queryTimeNode(name, ({ options }) => options.endMs / 1_000, span);
    case 'step':
      return queryTimeNode(name, ({ options }) => options.stepMs / 1_000, span);
    case 'range':
      return queryTimeNode(name, ({ options }) => (options.endMs - options.startMs) / 1_000, span);
    case 'min_of':
    case 'max_of': {
      const operands = args.map((argument) => compiler.scalar(argument));
      return combinedScalar(name, operands, name === 'min_of' ? Math.min : Math.max, span);
    }
    case 'vector':
      return new ScalarVectorNode(compiler.scalar(args[0]!), span);
    case 'scalar':
      return scalarOfVector(compiler.vector(args[0]!), span);
    case 'timestamp':
    case 'start_timestamp':
      return compileTimestamp(name, args[0]!, compiler, span);
    case 'absent': {
      const inner = withoutParens(args[0]!);
      const matchers = inner.kind === 'vector-selector' ? inner.matchers : [];
      return new AbsentNode(compiler.vector(inner), labelsOfAbsent(matchers), span);
    }
    case 'absent_over_time': {
      const inner = withoutParens(args[0]!);
      const matchers = inner.kind === 'matrix-selector' ? inner.selector.matchers : [];
      const range = compiler.range(inner);
      refuseExtension(name, range, []);
      return new AbsentOverTimeNode(range, labelsOfAbsent(matchers), span);
    }
    case 'sort':
    case 'sort_desc':
      return new SortNode(name, compiler.vector(args[0]!), null, span);
    case 'sort_by_label':
    case 'sort_by_label_desc': {
      const labels = args.slice(1).map((label) => compiler.string(label).value);
      return new SortNode(name, compiler.vector(args[0]!), labels, span);
    }
    case 'label_replace': {
      const text = (index: number): string => compiler.string(args[index]!).value;
      const strings = [text(1), text(2), text(3), text(4)] as const;
      return labelReplaceNode(compiler.vector(args[0]!), strings, span);
    }
    case 'label_join': {
      const [target = '', separator = '', ...sources] = args
        .slice(1)
        .map((argument) => compiler.string(argument).value);
      return labelJoinNode(compiler.vector(args[0]!), target, separator, sources, span);
    }
    case 'histogram_quantile':
      return new HistogramQuantileNode(compiler.scalar(args[0]!), compiler.vector(args[1]!), span);
    case 'histogram_quantiles':
      return new HistogramQuantilesNode(
        compiler.vector(args[0]!),
        compiler.string(args[1]!).value,
        args.slice(2).map((phi) => compiler.scalar(phi)),
        span,
      );
    case 'histogram_fraction':
      return new HistogramFractionNode(
        compiler.scalar(args[0]!),
        compiler.scalar(args[1]!),
        compiler.within(false, () => compiler.vector(args[2]!)),
        span,
      );
    case 'info':
      return compileInfo(expr, compiler);
    default:
      throw new QueryError('execution', `unknown function with name ${JSON.stringify(name)}`);
  }
}

function withoutParens(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}

function compileTimestamp(
  name: 'timestamp' | 'start_timestamp',
  argument: Expr,
  compiler: Compiler,
  span: Call['span'],
): VectorNode {
  const inner = withoutParens(argument);
  if (inner.kind === 'vector-selector') {
    const aspect = name === 'timestamp' ? 'timestamp' : 'start-timestamp';
    return new SampleTimeNode(new SelectorNode(inner, compiler.resolverOf(inner), aspect), span);
  }
  if (name === 'timestamp') return new StepTimeNode(compiler.vector(argument), span);
  // What has been computed from samples has no start time; the expression is still evaluated for its errors.
  return new FloatFunctionNode(
    'clamp',
    compiler.vector(argument),
    [constantNode(1, span), constantNode(0, span)],
    (value) => value,
    span,
  );
}

function compileRangeCall(
  expr: Call,
  compiler: Compiler,
  rangeFunction: RangeFunction,
): VectorNode {
  const index = expr.args.findIndex((argument) => isRange(argument));
  assert(index !== -1, `${expr.functionName} without a range vector`);
  const range = compiler.range(expr.args[index]!);
  refuseExtension(expr.functionName, range, rangeFunction.extensions);
  const scalars = expr.args
    .filter((_, i) => i !== index)
    .map((argument) => compiler.scalar(argument));
  return new RangeFunctionNode(expr.functionName, range, scalars, rangeFunction, expr.span);
}

function isRange(expr: Expr): boolean {
  const inner = withoutParens(expr);
  return inner.kind === 'matrix-selector' || inner.kind === 'subquery';
}

const EXTENSION_USERS = {
  anchored: 'changes, delta, increase, rate, resets',
  smoothed: 'delta, increase, rate',
} as const;

/** @throws QueryError when the function can't read a window with the selector's modifier */
function refuseExtension(
  name: string,
  range: RangeNode,
  accepted: readonly ('anchored' | 'smoothed')[],
): void {
  const { extension } = range;
  if (extension === null || accepted.includes(extension)) return;
  throw new QueryError(
    'execution',
    `${extension} modifier can only be used with: ${EXTENSION_USERS[extension]} - not with ${name}`,
  );
}
