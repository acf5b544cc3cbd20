import { assert } from '#libs/invariant';
import type { Aggregation, Binary, Call, Expr, MatrixSelector, VectorSelector } from '../ast.ts';
import { RANGE_FUNCTIONS } from '../functions/range-functions.ts';
import { AggregationNode } from './aggregation-node.ts';
import { compileCall } from './compile-call.ts';
import type { Compiler } from './compiler.ts';
import type { SharablePart, SharingPlan } from './evaluation-cache.ts';
import { CountValuesNode, QuantileNode } from './distribution-node.ts';
import { NegationNode, ScalarVectorNode } from './element-nodes.ts';
import { arithmetic, compares, isComparison, isSetOperator, isTrim } from './operators.ts';
import { matrixSelectorNode, subqueryNode } from './range-reader.ts';
import { RankedAggregationNode } from './ranked-aggregation-node.ts';
import type { RowResolver } from './row-resolver.ts';
import { combinedScalar, constantNode, stringNode } from './scalar-nodes.ts';
import { SelectorNode } from './selector-node.ts';
import { SetOperatorNode } from './set-operator-node.ts';
import {
  type PlanNode,
  type RangeNode,
  type ScalarNode,
  type StringNode,
  VectorNode,
} from './vector-node.ts';
import { VectorScalarNode } from './vector-scalar-node.ts';
import { VectorVectorNode } from './vector-vector-node.ts';

/** Turns a checked expression into nodes that evaluate it. */
export class ExpressionCompiler implements Compiler, SharingPlan {
  readonly #resolverOf: (selector: VectorSelector) => RowResolver;
  readonly #nodesByKey = new Map<string, VectorNode[]>();
  readonly #parts = new Map<string, SharablePart>();
  /** In the order they were compiled, so that those of one part stand together. */
  readonly #selectors: VectorSelector[] = [];
  /** Whether what is being compiled is read for its counts and sums alone. */
  #wantsStatistics = false;

  constructor(resolverOf: (selector: VectorSelector) => RowResolver) {
    this.#resolverOf = resolverOf;
  }

  /** The parts whose value is an instant vector. */
  get sharableParts(): readonly SharablePart[] {
    return [...this.#parts.values()];
  }

  /** Every selector compiled so far. */
  get selectors(): readonly VectorSelector[] {
    return this.#selectors;
  }

  within<T>(wantsStatistics: boolean, compile: () => T): T {
    const outer = this.#wantsStatistics;
    this.#wantsStatistics = wantsStatistics;
    try {
      return compile();
    } finally {
      this.#wantsStatistics = outer;
    }
  }

  compile(expr: Expr): PlanNode {
    const from = this.#selectors.length;
    const node = this.#compileUnregistered(expr);
    if (node instanceof VectorNode) {
      this.#register(node);
      const { key } = node;
      if (!this.#parts.has(key)) this.#parts.set(key, { key, from, to: this.#selectors.length });
    }
    return node;
  }

  vector(expr: Expr): VectorNode {
    const node = this.compile(expr);
    if (node.kind === 'scalar') return new ScalarVectorNode(node, expr.span);
    assert(node.kind === 'vector', `expected an instant vector, not ${node.kind}`);
    return node;
  }

  scalar(expr: Expr): ScalarNode {
    const node = this.compile(expr);
    assert(node.kind === 'scalar', `expected a scalar, not ${node.kind}`);
    return node;
  }

  string(expr: Expr): StringNode {
    const node = this.compile(expr);
    assert(node.kind === 'string', `expected a string, not ${node.kind}`);
    return node;
  }

  range(expr: Expr): RangeNode {
    const node = this.compile(expr);
    assert(node.kind === 'matrix', `expected a range vector, not ${node.kind}`);
    return node;
  }

  resolverOf(selector: VectorSelector): RowResolver {
    this.#selectors.push(selector);
    return this.#resolverOf(selector);
  }

  matrixSelector(expr: MatrixSelector): RangeNode {
    return matrixSelectorNode(expr, this.resolverOf(expr.selector), this.#wantsStatistics);
  }

  #register(node: VectorNode): void {
    const same = this.#nodesByKey.get(node.key);
    if (same === undefined) {
      this.#nodesByKey.set(node.key, [node]);
      return;
    }
    if (same.includes(node)) return;
    same.push(node);
    for (const one of same) one.isRepeated = true;
  }

  #compileUnregistered(expr: Expr): PlanNode {
    switch (expr.kind) {
      case 'number':
        return constantNode(expr.value, expr.span);
      case 'string':
        return stringNode(expr.value, expr.span);
      case 'paren':
        return this.compile(expr.expr);
      case 'vector-selector':
        return new SelectorNode(
          expr,
          this.resolverOf(expr),
          this.#wantsStatistics ? 'value-with-resets' : 'value',
        );
      case 'matrix-selector':
        return this.matrixSelector(expr);
      case 'subquery':
        return subqueryNode(
          expr,
          this.within(false, () => this.vector(expr.expr)),
        );
      case 'unary': {
        const operand = this.compile(expr.operand);
        if (expr.operator === '+') return operand;
        if (operand.kind === 'scalar') {
          return combinedScalar('-', [operand], (value) => -value, expr.span);
        }
        assert(operand.kind === 'vector', 'unary minus on neither scalar nor vector');
        return new NegationNode(operand, expr.span);
      }
      case 'binary':
        return this.within(false, () => this.#compileBinary(expr));
      case 'aggregation':
        return this.#compileAggregation(expr);
      case 'call':
        return this.#compileCall(expr);
    }
  }

  #compileBinary(expr: Binary): PlanNode {
    const { operator } = expr;
    const left = this.compile(expr.left);
    const right = this.compile(expr.right);
    if (left.kind === 'scalar' && right.kind === 'scalar') {
      assert(!isSetOperator(operator) && !isTrim(operator), `${operator} between scalars`);
      const combine = isComparison(operator)
        ? (a: number, b: number) => Number(compares(operator, a, b))
        : (a: number, b: number) => arithmetic(operator, a, b);
      return combinedScalar(operator, [left, right], combine, expr.span);
    }
    if (left.kind === 'vector' && right.kind === 'scalar') {
      return new VectorScalarNode(expr, left, right, true);
    }
    if (left.kind === 'scalar' && right.kind === 'vector') {
      return new VectorScalarNode(expr, right, left, false);
    }
    assert(left.kind === 'vector' && right.kind === 'vector', `${operator} on wrong types`);
    return isSetOperator(operator)
      ? new SetOperatorNode(expr, left, right)
      : new VectorVectorNode(expr, left, right);
  }

  #compileAggregation(expr: Aggregation): PlanNode {
    const input = this.vector(expr.expr);
    const { operator } = expr;
    switch (operator) {
      case 'topk':
      case 'bottomk':
      case 'limitk':
      case 'limit_ratio':
        return new RankedAggregationNode(expr, this.scalar(expr.parameter!), input);
      case 'quantile':
        return new QuantileNode(expr, this.scalar(expr.parameter!), input);
      case 'count_values':
        return new CountValuesNode(expr, this.string(expr.parameter!), input);
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
      case 'group':
      case 'count':
      case 'stddev':
      case 'stdvar':
        return new AggregationNode(expr, operator, input);
    }
  }

  #compileCall(expr: Call): PlanNode {
    return compileCall(expr, this, RANGE_FUNCTIONS);
  }
}
