import { patternCost, quoteLabelValue } from '#libs/labels';
import type {
  Aggregation,
  AggregationOperator,
  AtModifier,
  Binary,
  BinaryOperator,
  DurationExpr,
  Expr,
  MatrixSelector,
  Span,
  Subquery,
  VectorMatching,
  VectorSelector,
} from '../ast.ts';
import { DURATION_EXPECTED, DurationParser } from './duration-parser.ts';
import { FUNCTION_SIGNATURES } from './function-signatures.ts';
import { unquoteString } from './literals.ts';
import { takeNumberLiteral, takeSignedNumber } from './number-literal.ts';
import { takeGroupingLabels, takeRestOfSelector, takeVectorSelector } from './selector-parser.ts';
import { spanOf, TokenCursor } from './token-cursor.ts';
import { canBeMetricName, isAggregator, type Token, type TokenKind } from './tokens.ts';

/** Parts of the language that Prometheus has behind feature flags; all are on unless switched off. */
export interface PromqlFeatures {
  readonly experimentalFunctions: boolean;
  readonly durationExpressions: boolean;
  readonly extendedRangeSelectors: boolean;
  readonly fillModifiers: boolean;
}

/** How tightly the operators bind; the largest first. All but `^` group to the left. */
const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};
const POWER = 6;
/** Which argument of `label_replace` is a regular expression. */
const LABEL_REPLACE_PATTERN = 4;

const WITH_PARAMETER: ReadonlySet<AggregationOperator> = new Set([
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
]);

/**
 * A recursive-descent parser of Prometheus's grammar. It stops at the first error, which is the one Prometheus reports;
 * types are checked afterwards.
 */
export class Parser {
  readonly #cursor: TokenCursor;
  readonly #durations: DurationParser;
  readonly #features: PromqlFeatures;
  /** The height of the tree that was built last. */
  #height = 0;

  /** @throws PromqlSyntaxError */
  constructor(query: string, features: PromqlFeatures) {
    this.#features = features;
    this.#cursor = new TokenCursor(query);
    this.#durations = new DurationParser(this.#cursor, features.durationExpressions);
  }

  /** The whole text as one expression, its types not yet checked. */
  parseExpression(): Expr {
    if (this.#cursor.is('EOF')) {
      this.#cursor.fail('no expression found in input', { start: 0, end: 0 });
    }
    const expr = this.#expression(1);
    if (!this.#cursor.is('EOF')) this.#cursor.unexpected();
    return expr;
  }

  /** The whole text as one selector without modifiers. */
  parseSelector(): VectorSelector {
    const selector = takeVectorSelector(this.#cursor);
    if (!this.#cursor.is('EOF')) this.#cursor.unexpected();
    return selector;
  }

  /** Operators of at least the given precedence, by precedence climbing. */
  #expression(minimum: number): Expr {
    this.#cursor.enter();
    let left = this.#unary();
    let height = this.#height;
    for (;;) {
      const { kind } = this.#cursor.token;
      if (!isBinaryOperator(kind) || PRECEDENCE[kind] < minimum) break;
      left = this.#binary(left, kind);
      height = Math.max(height, this.#height) + 1;
      this.#cursor.checkHeight(height);
    }
    this.#height = height;
    this.#cursor.leave();
    return left;
  }

  #binary(left: Expr, operator: BinaryOperator): Binary {
    this.#cursor.take();
    const returnsBool = this.#cursor.takeIf('bool');
    const matching = this.#matching();
    const precedence = PRECEDENCE[operator];
    const right = this.#expression(precedence === POWER ? POWER : precedence + 1);
    const span = { start: left.span.start, end: right.span.end };
    const hasFill = matching.fillLeft !== null || matching.fillRight !== null;
    if (hasFill && !this.#features.fillModifiers) {
      this.#cursor.fail('binop fill modifiers are experimental and not enabled', span);
    }
    return { kind: 'binary', operator, left, right, returnsBool, matching, span };
  }

  #matching(): VectorMatching {
    let isOn = false;
    let labels: readonly string[] = [];
    let include: readonly string[] = [];
    let cardinality: VectorMatching['cardinality'] = 'one-to-one';
    if (this.#cursor.is('on') || this.#cursor.is('ignoring')) {
      isOn = this.#cursor.take().kind === 'on';
      labels = takeGroupingLabels(this.#cursor);
      if (this.#cursor.is('group_left') || this.#cursor.is('group_right')) {
        const isLeft = this.#cursor.take().kind === 'group_left';
        cardinality = isLeft ? 'many-to-one' : 'one-to-many';
        if (this.#cursor.is('(')) include = takeGroupingLabels(this.#cursor);
      }
    }
    return { cardinality, isOn, labels, include, ...this.#fills() };
  }

  #fills(): { fillLeft: number | null; fillRight: number | null } {
    if (this.#cursor.takeIf('fill')) {
      const both = this.#fillValue();
      return { fillLeft: both, fillRight: both };
    }
    let fillLeft = this.#cursor.takeIf('fill_left') ? this.#fillValue() : null;
    const fillRight = this.#cursor.takeIf('fill_right') ? this.#fillValue() : null;
    if (fillLeft === null && fillRight !== null && this.#cursor.takeIf('fill_left')) {
      fillLeft = this.#fillValue();
    }
    return { fillLeft, fillRight };
  }

  #fillValue(): number {
    this.#cursor.expect('(');
    const value = takeSignedNumber(this.#cursor);
    this.#cursor.expect(')');
    return value;
  }

  #unary(): Expr {
    const sign = this.#cursor.token;
    if (sign.kind !== '+' && sign.kind !== '-') return this.#postfix(this.#primary());
    this.#cursor.take();
    // A sign binds as tightly as `*`, so that `-2 ^ 2` is -4.
    const operand = this.#expression(POWER);
    const span = { start: sign.start, end: operand.span.end };
    if (operand.kind === 'number') {
      return { ...operand, value: sign.kind === '-' ? -operand.value : operand.value, span };
    }
    this.#height++;
    return { kind: 'unary', operator: sign.kind, operand, span };
  }

  #primary(): Expr {
    const { token } = this.#cursor;
    const { kind } = token;
    this.#height = 0;
    if (kind === 'NUMBER' || kind === 'DURATION') return takeNumberLiteral(this.#cursor);
    if (kind === 'STRING') {
      this.#cursor.take();
      return { kind: 'string', value: unquoteString(token.text), span: spanOf(token) };
    }
    if (kind === '(') {
      this.#cursor.take();
      const expr = this.#expression(1);
      this.#height++;
      const { end } = this.#cursor.expect(')');
      return { kind: 'paren', expr, span: { start: token.start, end } };
    }
    return canBeMetricName(kind) ? this.#nameOrCall() : takeVectorSelector(this.#cursor);
  }

  #nameOrCall(): Expr {
    const token = this.#cursor.take();
    const isBeforeCall = this.#cursor.is('(');
    if (isAggregator(token.kind)) {
      if (isBeforeCall || this.#cursor.is('by') || this.#cursor.is('without')) {
        return this.#aggregation(token, token.kind);
      }
    }
    if (isBeforeCall && canBeFunction(token)) return this.#call(token);
    return takeRestOfSelector(this.#cursor, token);
  }

  #aggregation(token: Token, operator: AggregationOperator): Aggregation {
    const outer = this.#cursor.enterContext('in aggregation');
    const before = this.#grouping();
    const args = this.#callBody();
    this.#cursor.leaveContext(outer);
    const grouping = before ?? this.#grouping();
    const span = { start: token.start, end: this.#cursor.lastEnd };
    if (args.length === 0) {
      this.#cursor.fail('no arguments for aggregate expression provided', span);
    }
    const isExperimental = operator === 'limitk' || operator === 'limit_ratio';
    if (isExperimental && !this.#features.experimentalFunctions) {
      this.#cursor.fail(
        `${operator}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
        span,
      );
    }
    const hasParameter = WITH_PARAMETER.has(operator);
    const expected = hasParameter ? 2 : 1;
    if (args.length !== expected) {
      this.#cursor.fail(
        `wrong number of arguments for aggregate expression provided, expected ${expected}, got ${args.length}`,
        span,
      );
    }
    return {
      kind: 'aggregation',
      operator,
      expr: args[expected - 1]!,
      parameter: hasParameter ? args[0]! : null,
      grouping: grouping?.labels ?? [],
      isWithout: grouping?.isWithout ?? false,
      span,
    };
  }

  #grouping(): { labels: readonly string[]; isWithout: boolean } | null {
    if (!this.#cursor.is('by') && !this.#cursor.is('without')) return null;
    const isWithout = this.#cursor.take().kind === 'without';
    return { labels: takeGroupingLabels(this.#cursor), isWithout };
  }

  #call(name: Token): Expr {
    const args = this.#callBody();
    const quoted = quoteLabelValue(name.text);
    const signature = FUNCTION_SIGNATURES.get(name.text);
    if (signature === undefined) {
      this.#cursor.fail(`unknown function with name ${quoted}`, spanOf(name));
    }
    if (signature.isExperimental && !this.#features.experimentalFunctions) {
      this.#cursor.fail(`function ${quoted} is not enabled`, spanOf(name));
    }
    const span = { start: name.start, end: this.#cursor.lastEnd };
    const pattern = name.text === 'label_replace' ? args[LABEL_REPLACE_PATTERN] : undefined;
    if (pattern?.kind === 'string') {
      this.#cursor.countPattern(pattern.value, span);
      this.#cursor.addPatternCost(pattern.value, patternCost(pattern.value), span);
    }
    return { kind: 'call', functionName: name.text, args, span };
  }

  #callBody(): Expr[] {
    this.#cursor.expect('(');
    const args: Expr[] = [];
    let height = 0;
    while (!this.#cursor.is(')')) {
      args.push(this.#expression(1));
      height = Math.max(height, this.#height);
      const comma = this.#cursor.token;
      if (!this.#cursor.takeIf(',')) break;
      if (this.#cursor.is(')')) {
        this.#cursor.fail('trailing commas not allowed in function call args', spanOf(comma));
      }
    }
    this.#cursor.expect(')');
    this.#height = height + 1;
    return args;
  }

  /** Ranges, subqueries, offsets, `@` and the selector modifiers, which may follow in any number and order. */
  #postfix(operand: Expr): Expr {
    let expr = operand;
    let height = this.#height;
    for (;;) {
      const { kind } = this.#cursor.token;
      if (kind === '[') {
        expr = this.#rangeOrSubquery(expr);
        height++;
        this.#cursor.checkHeight(height);
      } else if (kind === 'offset') {
        expr = this.#offset(expr);
      } else if (kind === '@') {
        expr = this.#at(expr);
      } else if (kind === 'anchored' || kind === 'smoothed') {
        expr = this.#extension(expr, kind);
      } else {
        this.#height = height;
        return expr;
      }
    }
  }

  #rangeOrSubquery(expr: Expr): MatrixSelector | Subquery {
    const bracket = this.#cursor.token;
    const range = this.#cursor.within(
      `in subquery or range selector, expected ${DURATION_EXPECTED}`,
      () => {
        this.#cursor.take();
        return this.#durations.takePositive();
      },
    );
    if (this.#cursor.is(']')) {
      const { end } = this.#cursor.take();
      return this.#matrixSelector(expr, range, { start: bracket.start, end });
    }
    this.#cursor.within('in subquery or range, expected ":" or "]"', () =>
      this.#cursor.expect(':'),
    );
    const step = this.#cursor.within(
      `in subquery selector, expected ${DURATION_EXPECTED.replace(', or', ',')}, or "]"`,
      () => (this.#cursor.is(']') ? null : this.#durations.takePositive()),
    );
    const { end } = this.#cursor.within('in subquery selector, expected "]"', () =>
      this.#cursor.expect(']'),
    );
    const span = { start: expr.span.start, end };
    return { kind: 'subquery', expr, range, step, offset: null, at: null, span };
  }

  #matrixSelector(expr: Expr, range: DurationExpr, brackets: Span): MatrixSelector {
    if (expr.kind !== 'vector-selector') {
      this.#cursor.fail('ranges only allowed for vector selectors', brackets);
    }
    if (expr.offset !== null) {
      this.#cursor.fail('no offset modifiers allowed before range', brackets);
    }
    if (expr.at !== null) this.#cursor.fail('no @ modifiers allowed before range', brackets);
    const span = { start: expr.span.start, end: brackets.end };
    return { kind: 'matrix-selector', selector: expr, range, span };
  }

  #offset(expr: Expr): Expr {
    const duration = this.#cursor.within(`in offset, expected ${DURATION_EXPECTED}`, () => {
      this.#cursor.take();
      return this.#durations.takeOffset();
    });
    const target = modifierTarget(expr);
    if (target === null) {
      this.#cursor.fail(
        'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
        expr.span,
      );
    }
    if (target.offset !== null) {
      this.#cursor.fail('offset may not be set multiple times', expr.span);
    }
    // An offset of nothing is no offset, and may be followed by a real one.
    const offset = duration.kind === 'literal' && duration.seconds === 0 ? null : duration;
    return withModifier(expr, { offset }, this.#cursor.lastEnd);
  }

  #at(expr: Expr): Expr {
    const at = this.#cursor.within('in @, expected timestamp', () => {
      this.#cursor.take();
      return this.#atModifier(expr);
    });
    const target = modifierTarget(expr);
    if (target === null) {
      this.#cursor.fail(
        '@ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
        expr.span,
      );
    }
    if (target.at !== null) {
      this.#cursor.fail('@ <timestamp> may not be set multiple times', expr.span);
    }
    return withModifier(expr, { at }, this.#cursor.lastEnd);
  }

  #atModifier(expr: Expr): AtModifier {
    const { kind } = this.#cursor.token;
    if (kind === 'start' || kind === 'end') {
      this.#cursor.take();
      this.#cursor.expect('(');
      this.#cursor.expect(')');
      return { kind };
    }
    const seconds = takeSignedNumber(this.#cursor);
    if (!Number.isFinite(seconds) || Math.abs(seconds) >= 2 ** 63) {
      const written = Number.isFinite(seconds) ? seconds.toFixed(6) : goInfinity(seconds);
      this.#cursor.fail(`timestamp out of bounds for @ modifier: ${written}`, expr.span);
    }
    return { kind: 'time', timeMs: roundHalfAway(seconds * 1000) };
  }

  #extension(expr: Expr, extension: 'anchored' | 'smoothed'): Expr {
    if (!this.#features.extendedRangeSelectors) {
      // Prometheus without the feature takes the word for a name, which cannot stand here.
      this.#cursor.fail(
        `unexpected identifier ${quoteLabelValue(extension)}`,
        spanOf(this.#cursor.token),
      );
    }
    this.#cursor.take();
    if (expr.kind === 'subquery') {
      this.#cursor.fail(`${extension} modifier is not supported for subqueries`, expr.span);
    }
    if (expr.kind !== 'vector-selector' && expr.kind !== 'matrix-selector') {
      this.#cursor.fail(`${extension} modifier not implemented`, expr.span);
    }
    const target = expr.kind === 'vector-selector' ? expr : expr.selector;
    if (target.extension !== null && target.extension !== extension) {
      this.#cursor.fail('anchored and smoothed modifiers cannot be used together', expr.span);
    }
    return withModifier(expr, { extension }, this.#cursor.lastEnd);
  }
}

function isBinaryOperator(kind: TokenKind): kind is BinaryOperator {
  return Object.hasOwn(PRECEDENCE, kind);
}

function canBeFunction(token: Token): boolean {
  if (token.kind === 'IDENTIFIER') return true;
  return ['start', 'end', 'step', 'range'].includes(token.kind);
}

/** What carries the offset and the time of an expression, or null where neither can stand. */
function modifierTarget(expr: Expr): VectorSelector | Subquery | null {
  if (expr.kind === 'matrix-selector') return expr.selector;
  return expr.kind === 'vector-selector' || expr.kind === 'subquery' ? expr : null;
}

type Modifier =
  | { readonly offset: DurationExpr | null }
  | { readonly at: AtModifier }
  | { readonly extension: 'anchored' | 'smoothed' };

function withModifier(expr: Expr, modifier: Modifier, end: number): Expr {
  const span = { start: expr.span.start, end };
  if (expr.kind === 'matrix-selector') {
    return { ...expr, selector: { ...expr.selector, ...modifier }, span };
  }
  return { ...expr, ...modifier, span };
}

/** As Go's `%f` writes what is not finite. */
function goInfinity(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function roundHalfAway(value: number): number {
  const rounded = Math.sign(value) * Math.round(Math.abs(value));
  return rounded === 0 ? 0 : rounded;
}
