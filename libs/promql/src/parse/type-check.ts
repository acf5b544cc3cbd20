import { quoteLabelValue } from '#libs/labels';
import type {
  Aggregation,
  Binary,
  BinaryOperator,
  Call,
  Expr,
  Span,
  ValueType,
  VectorSelector,
} from '../ast.ts';
import { FUNCTION_SIGNATURES, type FunctionSignature } from './function-signatures.ts';
import { PromqlSyntaxError } from './promql-syntax-error.ts';

const COMPARISONS: ReadonlySet<BinaryOperator> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const SET_OPERATORS: ReadonlySet<BinaryOperator> = new Set(['and', 'or', 'unless']);

/** The types' names in messages and documentation. */
const DOCUMENTED: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  string: 'string',
  vector: 'instant vector',
  matrix: 'range vector',
  none: 'none',
};

/** What an expression that passed the checks evaluates to. */
export function valueTypeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'vector-selector':
    case 'aggregation':
      return 'vector';
    case 'matrix-selector':
    case 'subquery':
      return 'matrix';
    case 'unary':
      return valueTypeOf(expr.operand);
    case 'paren':
      return valueTypeOf(expr.expr);
    case 'binary':
      return valueTypeOf(expr.left) === 'scalar' && valueTypeOf(expr.right) === 'scalar'
        ? 'scalar'
        : 'vector';
    case 'call':
      return FUNCTION_SIGNATURES.get(expr.functionName)?.returnType ?? 'none';
  }
}

/**
 * Checks the types of an expression with Prometheus's rules and in its order, so that of several mistakes the same one
 * is named, and settles the matching of every binary operator: none unless both sides are vectors, many-to-many for the
 * set operators.
 * @param query the text the expression was parsed from, for the positions in messages
 * @throws PromqlSyntaxError
 */
export function checkTypes(query: string, expr: Expr): Expr {
  return new TypeChecker(query).check(expr).expr;
}

interface Typed<E extends Expr = Expr> {
  readonly expr: E;
  readonly type: ValueType;
}

class TypeChecker {
  readonly #query: string;

  constructor(query: string) {
    this.#query = query;
  }

  check(expr: Expr, isLabelSelector = false): Typed {
    switch (expr.kind) {
      case 'number':
        return { expr, type: 'scalar' };
      case 'string':
        return { expr, type: 'string' };
      case 'vector-selector':
        this.#checkSelector(expr, isLabelSelector);
        return { expr, type: 'vector' };
      case 'matrix-selector':
        this.#checkSelector(expr.selector, false);
        return { expr, type: 'matrix' };
      case 'paren': {
        const inner = this.check(expr.expr);
        return { expr: { ...expr, expr: inner.expr }, type: inner.type };
      }
      case 'unary': {
        const operand = this.check(expr.operand);
        if (operand.type !== 'scalar' && operand.type !== 'vector') {
          this.#fail(
            `unary expression only allowed on expressions of type scalar or instant vector, got ${quoteLabelValue(DOCUMENTED[operand.type])}`,
            expr.span,
          );
        }
        return { expr: { ...expr, operand: operand.expr }, type: operand.type };
      }
      case 'subquery': {
        const inner = this.check(expr.expr);
        if (inner.type !== 'vector') {
          this.#fail(
            `subquery is only allowed on instant vector, got ${inner.type} instead`,
            expr.span,
          );
        }
        return { expr: { ...expr, expr: inner.expr }, type: 'matrix' };
      }
      case 'aggregation':
        return this.#checkAggregation(expr);
      case 'binary':
        return this.#checkBinary(expr);
      case 'call':
        return this.#checkCall(expr);
    }
  }

  #checkSelector(selector: VectorSelector, isLabelSelector: boolean): void {
    const { metricName, matchers, span } = selector;
    if (metricName !== '') {
      for (const matcher of matchers.slice(0, -1)) {
        if (matcher.name !== '__name__') continue;
        this.#fail(
          `metric name must not be set twice: ${quoteLabelValue(metricName)} or ${quoteLabelValue(matcher.value)}`,
          span,
        );
      }
      return;
    }
    if (isLabelSelector || matchers.some((matcher) => !matcher.matchesEmpty)) return;
    this.#fail('vector selector must contain at least one non-empty matcher', span);
  }

  #checkAggregation(aggregation: Aggregation): Typed {
    const { operator, parameter } = aggregation;
    const expr = this.#expectType(aggregation.expr, 'vector', 'aggregation expression');
    const type = operator === 'count_values' ? 'string' : 'scalar';
    const checked =
      parameter === null ? null : this.#expectType(parameter, type, 'aggregation parameter');
    return { expr: { ...aggregation, expr, parameter: checked }, type: 'vector' };
  }

  #expectType(expr: Expr, wanted: ValueType, context: string): Expr {
    const checked = this.check(expr);
    if (checked.type !== wanted) {
      this.#fail(
        `expected type ${DOCUMENTED[wanted]} in ${context}, got ${DOCUMENTED[checked.type]}`,
        expr.span,
      );
    }
    return checked.expr;
  }

  #checkBinary(binary: Binary): Typed {
    const { operator, returnsBool, span } = binary;
    const left = this.check(binary.left);
    const right = this.check(binary.right);
    const isSet = SET_OPERATORS.has(operator);
    const areScalars = left.type === 'scalar' && right.type === 'scalar';
    const areVectors = left.type === 'vector' && right.type === 'vector';
    if (returnsBool && !COMPARISONS.has(operator)) {
      this.#fail(
        'bool modifier can only be used on comparison operators',
        this.#operatorSpan(binary),
      );
    }
    if (COMPARISONS.has(operator) && !returnsBool && areScalars) {
      this.#fail('comparisons between scalars must use BOOL modifier', this.#operatorSpan(binary));
    }
    let { matching } = binary;
    if (matching?.isOn === true) {
      const included = new Set(matching.include);
      for (const label of matching.labels) {
        if (!included.has(label)) continue;
        this.#fail(
          `label ${quoteLabelValue(label)} must not occur in ON and GROUP clause at once`,
          this.#operatorSpan(binary),
        );
      }
    }
    for (const [side, type] of [
      [binary.left, left.type],
      [binary.right, right.type],
    ] as const) {
      if (type === 'scalar' || type === 'vector') continue;
      this.#fail('binary expression must contain only scalar and instant vector types', side.span);
    }
    if (matching !== null) {
      const hasFill = matching.fillLeft !== null || matching.fillRight !== null;
      if (!areVectors) {
        if (matching.labels.length > 0) {
          this.#fail('vector matching only allowed between instant vectors', span);
        }
        if (hasFill) {
          this.#fail('filling in missing series only allowed between instant vectors', span);
        }
        matching = null;
      } else if (isSet) {
        if (matching.cardinality === 'many-to-one' || matching.cardinality === 'one-to-many') {
          this.#fail(`no grouping allowed for ${quoteLabelValue(operator)} operation`, span);
        }
        if (hasFill) this.#fail('filling in missing series not allowed for set operators', span);
        matching = { ...matching, cardinality: 'many-to-many' };
      }
    }
    if (isSet && !areVectors) {
      this.#fail(
        `set operator ${quoteLabelValue(operator)} not allowed in binary scalar expression`,
        span,
      );
    }
    return {
      expr: { ...binary, left: left.expr, right: right.expr, matching },
      type: areScalars ? 'scalar' : 'vector',
    };
  }

  /** From the end of the left side to the beginning of the right one, without the blanks. */
  #operatorSpan(binary: Binary): Span {
    let { end: start } = binary.left.span;
    let end = binary.right.span.start - 1;
    while (/[ \t\r\n]/.test(this.#query[start] ?? '')) start++;
    while (end > start && /[ \t\r\n]/.test(this.#query[end] ?? '')) end--;
    return { start, end: end + 1 };
  }

  #checkCall(call: Call): Typed {
    const signature = FUNCTION_SIGNATURES.get(call.functionName);
    if (signature === undefined) {
      this.#fail(`unknown function with name ${quoteLabelValue(call.functionName)}`, call.span);
    }
    this.#checkArgumentCount(call, signature);
    if (call.functionName === 'info' && call.args.length > 1) this.#checkInfoSelector(call);
    const args = call.args.map((arg, index) => {
      const wanted = signature.argTypes[Math.min(index, signature.argTypes.length - 1)]!;
      const checked = this.check(arg, call.functionName === 'info' && index === 1);
      if (checked.type !== wanted) {
        this.#fail(
          `expected type ${DOCUMENTED[wanted]} in call to function ${quoteLabelValue(call.functionName)}, got ${DOCUMENTED[checked.type]}`,
          arg.span,
        );
      }
      return checked.expr;
    });
    return { expr: { ...call, args }, type: signature.returnType };
  }

  #checkArgumentCount(call: Call, { argTypes, variadic }: FunctionSignature): void {
    const given = call.args.length;
    const name = quoteLabelValue(call.functionName);
    if (variadic === 0) {
      if (given === argTypes.length) return;
      this.#fail(
        `expected ${argTypes.length} argument(s) in call to ${name}, got ${given}`,
        call.span,
      );
    }
    const least = argTypes.length - 1;
    if (given < least) {
      this.#fail(
        `expected at least ${least} argument(s) in call to ${name}, got ${given}`,
        call.span,
      );
    }
    const most = least + variadic;
    if (variadic > 0 && given > most) {
      this.#fail(
        `expected at most ${most} argument(s) in call to ${name}, got ${given}`,
        call.span,
      );
    }
  }

  #checkInfoSelector(call: Call): void {
    const selector = call.args[1]!;
    const type = valueTypeOf(selector);
    if (type !== 'vector') {
      this.#fail(
        `expected type instant vector in call to function "info", got ${DOCUMENTED[type]}`,
        call.span,
      );
    }
    if (selector.kind !== 'vector-selector') {
      this.#fail('expected label selectors only', selector.span);
    }
    if (selector.metricName !== '') {
      this.#fail('expected label selectors only, got vector selector instead', selector.span);
    }
  }

  #fail(reason: string, span: Span): never {
    throw new PromqlSyntaxError(this.#query, reason, span);
  }
}
