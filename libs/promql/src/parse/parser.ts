import {
  DurationSyntaxError,
  isValidUtf8Name,
  Matcher,
  type MatcherKind,
  parseDurationMs,
  quoteLabelValue,
  RegExpSyntaxError,
} from '#libs/labels';
import type {
  Aggregation,
  AggregationOperator,
  AtModifier,
  BinaryOperator,
  DurationExpr,
  Expr,
  MatrixSelector,
  NumberLiteral,
  Span,
  Subquery,
  VectorMatching,
  VectorSelector,
} from '../ast.ts';
import { FUNCTION_SIGNATURES } from './function-signatures.ts';
import { Lexer } from './lexer.ts';
import { NumberSyntaxError, parseNumber, unquoteString } from './literals.ts';
import { PromqlSyntaxError } from './promql-syntax-error.ts';
import {
  AGGREGATORS,
  canBeLabelName,
  canBeMetricName,
  describeToken,
  type Token,
  type TokenKind,
} from './tokens.ts';

/** Parts of the language that Prometheus has behind feature flags; all are on unless switched off. */
export interface PromqlFeatures {
  readonly experimentalFunctions: boolean;
  readonly durationExpressions: boolean;
  readonly extendedRangeSelectors: boolean;
  readonly fillModifiers: boolean;
}

/** How deep a query may be nested; a chain such as `a + b + c` counts as well, as its tree leans to the left. */
export const MAX_QUERY_DEPTH = 1000;

/** How tightly the operators bind; the largest first. All but `^` group to the left. */
const PRECEDENCE: Partial<Record<TokenKind, number>> = {
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

const DURATION_EXPECTED = 'number, duration, step(), or range()';
const MAX_DURATION_SECONDS = 2 ** 63 / 1e9;
const PARAMETRIC: ReadonlySet<string> = new Set([
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
  readonly #query: string;
  readonly #lexer: Lexer;
  readonly #features: PromqlFeatures;
  #token: Token;
  #lastEnd = 0;
  /** What an unexpected token is said to be in: `in aggregation`, or nothing. */
  #context = '';
  #depth = 0;
  /** The height of the tree that was built last. */
  #height = 0;

  /** @throws PromqlSyntaxError */
  constructor(query: string, features: PromqlFeatures) {
    this.#query = query;
    this.#features = features;
    this.#lexer = new Lexer(query);
    this.#token = this.#lexer.next();
  }

  /** The whole text as one expression, its types not yet checked. */
  parseExpression(): Expr {
    if (this.#token.kind === 'EOF') {
      this.#fail('no expression found in input', { start: 0, end: 0 });
    }
    const expr = this.#expression(1);
    this.#expectEnd();
    return expr;
  }

  /** The whole text as one selector without modifiers. */
  parseSelector(): VectorSelector {
    if (!canBeMetricName(this.#token.kind) && this.#token.kind !== '{') this.#unexpected();
    const selector = this.#vectorSelector();
    this.#expectEnd();
    return selector;
  }

  /** Operators of at least the given precedence, by precedence climbing. */
  #expression(minimum: number): Expr {
    this.#enter();
    let left = this.#unary();
    let height = this.#height;
    for (;;) {
      const operator = this.#token;
      const precedence = PRECEDENCE[operator.kind];
      if (precedence === undefined || precedence < minimum) break;
      this.#advance();
      const { returnsBool, matching } = this.#binaryModifiers();
      const right = this.#expression(precedence === POWER ? POWER : precedence + 1);
      const hasFill = matching.fillLeft !== null || matching.fillRight !== null;
      const span = { start: left.span.start, end: right.span.end };
      if (hasFill && !this.#features.fillModifiers) {
        this.#fail('binop fill modifiers are experimental and not enabled', span);
      }
      left = {
        kind: 'binary',
        operator: operator.kind as BinaryOperator,
        left,
        right,
        returnsBool,
        matching,
        span,
      };
      height = Math.max(height, this.#height) + 1;
      this.#checkDepth(this.#depth + height);
    }
    this.#height = height;
    this.#depth--;
    return left;
  }

  #unary(): Expr {
    const sign = this.#token;
    if (sign.kind !== '+' && sign.kind !== '-') return this.#postfix(this.#primary());
    this.#advance();
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
    const token = this.#token;
    this.#height = 0;
    switch (token.kind) {
      case 'NUMBER':
      case 'DURATION':
        return this.#numberLiteral();
      case 'STRING':
        this.#advance();
        return { kind: 'string', value: unquoteString(token.text), span: spanOf(token) };
      case '(': {
        this.#advance();
        const expr = this.#expression(1);
        this.#height++;
        return { kind: 'paren', expr, span: { start: token.start, end: this.#expect(')').end } };
      }
      case '{':
        return this.#vectorSelector();
      default:
        if (!canBeMetricName(token.kind)) this.#unexpected();
        return this.#nameOrCall();
    }
  }

  #nameOrCall(): Expr {
    const token = this.#token;
    this.#advance();
    const following = this.#token.kind;
    if (
      AGGREGATORS.has(token.kind) &&
      (following === '(' || following === 'by' || following === 'without')
    ) {
      return this.#aggregation(token);
    }
    if (following === '(' && canBeFunction(token)) return this.#call(token);
    return this.#selectorAfterName(token);
  }

  #aggregation(operator: Token): Aggregation {
    const context = this.#context;
    this.#context = ' in aggregation';
    let modifier = this.#aggregationModifier();
    const args = this.#callBody();
    let end = this.#lastEnd;
    this.#context = context;
    if (modifier === null) {
      modifier = this.#aggregationModifier();
      end = this.#lastEnd;
    }
    const span = { start: operator.start, end };
    const name = operator.kind as AggregationOperator;
    if (args.length === 0) {
      this.#fail('no arguments for aggregate expression provided', span);
    }
    const hasParameter = PARAMETRIC.has(name);
    if (!this.#features.experimentalFunctions && (name === 'limitk' || name === 'limit_ratio')) {
      this.#fail(
        `${name}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
        span,
      );
    }
    const expected = hasParameter ? 2 : 1;
    if (args.length !== expected) {
      this.#fail(
        `wrong number of arguments for aggregate expression provided, expected ${expected}, got ${args.length}`,
        span,
      );
    }
    return {
      kind: 'aggregation',
      operator: name,
      expr: args[expected - 1]!,
      parameter: hasParameter ? args[0]! : null,
      grouping: modifier?.labels ?? [],
      isWithout: modifier?.isWithout ?? false,
      span,
    };
  }

  #aggregationModifier(): { labels: readonly string[]; isWithout: boolean } | null {
    const { kind } = this.#token;
    if (kind !== 'by' && kind !== 'without') return null;
    this.#advance();
    return { labels: this.#groupingLabels(), isWithout: kind === 'without' };
  }

  #call(name: Token): Expr {
    const args = this.#callBody();
    const signature = FUNCTION_SIGNATURES.get(name.text);
    if (signature === undefined) {
      this.#fail(`unknown function with name ${quoteLabelValue(name.text)}`, spanOf(name));
    }
    if (signature.isExperimental && !this.#features.experimentalFunctions) {
      this.#fail(`function ${quoteLabelValue(name.text)} is not enabled`, spanOf(name));
    }
    return {
      kind: 'call',
      functionName: name.text,
      args,
      span: { start: name.start, end: this.#lastEnd },
    };
  }

  #callBody(): Expr[] {
    this.#expect('(');
    const args: Expr[] = [];
    let height = 0;
    while (this.#token.kind !== ')') {
      args.push(this.#expression(1));
      height = Math.max(height, this.#height);
      const comma = this.#token;
      if (comma.kind !== ',') break;
      this.#advance();
      if ((this.#token.kind as TokenKind) === ')') {
        this.#fail('trailing commas not allowed in function call args', spanOf(comma));
      }
    }
    this.#expect(')');
    this.#height = height + 1;
    return args;
  }

  /** Ranges, subqueries, offsets, `@` and the selector modifiers, which may follow in any number and order. */
  #postfix(operand: Expr): Expr {
    let expr = operand;
    let height = this.#height;
    for (;;) {
      switch (this.#token.kind) {
        case '[':
          expr = this.#rangeOrSubquery(expr);
          height++;
          this.#checkDepth(this.#depth + height);
          break;
        case 'offset':
          expr = this.#offset(expr);
          break;
        case '@':
          expr = this.#at(expr);
          break;
        case 'anchored':
        case 'smoothed':
          expr = this.#extension(expr, this.#token.kind);
          break;
        default:
          this.#height = height;
          return expr;
      }
    }
  }

  #rangeOrSubquery(expr: Expr): MatrixSelector | Subquery {
    const bracket = this.#token;
    const context = this.#context;
    this.#context = ` in subquery or range selector, expected ${DURATION_EXPECTED}`;
    this.#advance();
    const range = this.#positiveDuration();
    const following = this.#token;
    if (following.kind === ']') {
      this.#context = context;
      this.#advance();
      return this.#matrixSelector(expr, range, { start: bracket.start, end: following.end });
    }
    this.#context = ' in subquery or range, expected ":" or "]"';
    if (following.kind !== ':') this.#unexpected();
    this.#context = ` in subquery selector, expected number, duration, step(), range(), or "]"`;
    this.#advance();
    let step: DurationExpr | null = null;
    if ((this.#token.kind as TokenKind) !== ']') {
      step = this.#positiveDuration();
      this.#context = ' in subquery selector, expected "]"';
    }
    const { end } = this.#expect(']');
    this.#context = context;
    const span = { start: expr.span.start, end };
    return { kind: 'subquery', expr, range, step, offset: null, at: null, span };
  }

  #matrixSelector(expr: Expr, range: DurationExpr, brackets: Span): MatrixSelector {
    if (expr.kind !== 'vector-selector') {
      this.#fail('ranges only allowed for vector selectors', brackets);
    }
    if (expr.offset !== null) this.#fail('no offset modifiers allowed before range', brackets);
    if (expr.at !== null) this.#fail('no @ modifiers allowed before range', brackets);
    const span = { start: expr.span.start, end: brackets.end };
    return { kind: 'matrix-selector', selector: expr, range, span };
  }

  #offset(expr: Expr): Expr {
    const context = this.#context;
    this.#context = ` in offset, expected ${DURATION_EXPECTED}`;
    this.#advance();
    const duration = this.#offsetDuration();
    this.#context = context;
    const target = modifierTarget(expr);
    if (target === null) {
      this.#fail(
        'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
        expr.span,
      );
    }
    if (target.offset !== null) this.#fail('offset may not be set multiple times', expr.span);
    // An offset of nothing is no offset, and may be followed by a real one.
    const offset = duration.kind === 'literal' && duration.seconds === 0 ? null : duration;
    return withModifier(expr, { offset }, this.#lastEnd);
  }

  #at(expr: Expr): Expr {
    const context = this.#context;
    this.#context = ' in @, expected timestamp';
    this.#advance();
    const at = this.#atModifier(expr);
    this.#context = context;
    const target = modifierTarget(expr);
    if (target === null) {
      this.#fail(
        '@ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
        expr.span,
      );
    }
    if (target.at !== null) this.#fail('@ <timestamp> may not be set multiple times', expr.span);
    return withModifier(expr, { at }, this.#lastEnd);
  }

  #atModifier(expr: Expr): AtModifier {
    const token = this.#token;
    if (token.kind === 'start' || token.kind === 'end') {
      this.#advance();
      this.#expect('(');
      this.#expect(')');
      return { kind: token.kind };
    }
    const isNegative = token.kind === '-';
    if (isNegative || token.kind === '+') this.#advance();
    const { kind } = this.#token;
    if (kind !== 'NUMBER' && kind !== 'DURATION') this.#unexpected();
    const magnitude = this.#numberLiteral().value;
    const seconds = isNegative ? -magnitude : magnitude;
    if (!Number.isFinite(seconds) || Math.abs(seconds) >= 2 ** 63) {
      const written = Number.isFinite(seconds) ? seconds.toFixed(6) : goInfinity(seconds);
      this.#fail(`timestamp out of bounds for @ modifier: ${written}`, expr.span);
    }
    return { kind: 'time', timeMs: roundHalfAway(seconds * 1000) };
  }

  #extension(expr: Expr, extension: 'anchored' | 'smoothed'): Expr {
    if (!this.#features.extendedRangeSelectors) this.#unexpectedWord(extension);
    this.#advance();
    if (expr.kind === 'subquery') {
      this.#fail(`${extension} modifier is not supported for subqueries`, expr.span);
    }
    if (expr.kind !== 'vector-selector' && expr.kind !== 'matrix-selector') {
      this.#fail(`${extension} modifier not implemented`, expr.span);
    }
    const target = expr.kind === 'vector-selector' ? expr : expr.selector;
    if (target.extension !== null && target.extension !== extension) {
      this.#fail('anchored and smoothed modifiers cannot be used together', expr.span);
    }
    return withModifier(expr, { extension }, this.#lastEnd);
  }

  /** Prometheus without the feature takes the word for a name, which cannot stand here. */
  #unexpectedWord(word: string): never {
    this.#fail(
      `unexpected identifier ${quoteLabelValue(word)}${this.#context}`,
      spanOf(this.#token),
    );
  }

  #vectorSelector(): VectorSelector {
    const token = this.#token;
    if (token.kind !== '{') this.#advance();
    return this.#selectorAfterName(token);
  }

  /** A selector whose name was just taken, or whose braces come next. */
  #selectorAfterName(name: Token): VectorSelector {
    const metricName = name.kind === '{' ? '' : name.text;
    const matchers = this.#token.kind === '{' ? this.#matchers() : [];
    const end = this.#token.kind === '{' ? name.end : this.#lastEnd;
    if (metricName !== '') matchers.push(new Matcher('__name__', '=', metricName));
    this.#height = 0;
    return {
      kind: 'vector-selector',
      metricName,
      matchers,
      offset: null,
      at: null,
      extension: null,
      span: { start: name.start, end },
    };
  }

  #matchers(): Matcher[] {
    const context = this.#context;
    this.#advance();
    const matchers: Matcher[] = [];
    while (this.#token.kind !== '}') {
      this.#context = ' in label matching, expected identifier or "}"';
      matchers.push(this.#matcher());
      this.#context = ' in label matching, expected "," or "}"';
      if ((this.#token.kind as TokenKind) === '}') break;
      this.#expect(',');
    }
    this.#context = context;
    this.#advance();
    return matchers;
  }

  #matcher(): Matcher {
    const label = this.#token;
    if (label.kind !== 'IDENTIFIER' && label.kind !== 'STRING') this.#unexpected();
    const name = label.kind === 'STRING' ? unquoteString(label.text) : label.text;
    this.#advance();
    const operator = this.#token;
    if (!isMatchOperator(operator.kind)) {
      if (label.kind === 'STRING') return new Matcher('__name__', '=', name);
      this.#context = ' in label matching, expected label matching operator';
      this.#unexpected();
    }
    this.#context = ' in label matching, expected string';
    this.#advance();
    const value = this.#token;
    if (value.kind !== 'STRING') this.#unexpected();
    try {
      const matcher = new Matcher(name, operator.kind, unquoteString(value.text));
      this.#advance();
      return matcher;
    } catch (error) {
      if (!(error instanceof RegExpSyntaxError)) throw error;
      return this.#fail(error.message, { start: label.start, end: value.end });
    }
  }

  #binaryModifiers(): { returnsBool: boolean; matching: VectorMatching } {
    const returnsBool = this.#token.kind === 'bool';
    if (returnsBool) this.#advance();
    let isOn = false;
    let labels: readonly string[] = [];
    let include: readonly string[] = [];
    let cardinality: VectorMatching['cardinality'] = 'one-to-one';
    const clause = this.#token.kind;
    if (clause === 'on' || clause === 'ignoring') {
      isOn = clause === 'on';
      this.#advance();
      labels = this.#groupingLabels();
      const group = this.#token.kind;
      if (group === 'group_left' || group === 'group_right') {
        cardinality = group === 'group_left' ? 'many-to-one' : 'one-to-many';
        this.#advance();
        if (this.#token.kind === '(') include = this.#groupingLabels();
      }
    }
    return { returnsBool, matching: { cardinality, isOn, labels, include, ...this.#fills() } };
  }

  #fills(): { fillLeft: number | null; fillRight: number | null } {
    let fillLeft: number | null = null;
    let fillRight: number | null = null;
    const first = this.#token.kind;
    if (first === 'fill') {
      fillLeft = this.#fillValue();
      fillRight = fillLeft;
    } else if (first === 'fill_left' || first === 'fill_right') {
      if (first === 'fill_left') fillLeft = this.#fillValue();
      else fillRight = this.#fillValue();
      const second = this.#token.kind;
      if (second === 'fill_left' && first === 'fill_right') fillLeft = this.#fillValue();
      else if (second === 'fill_right' && first === 'fill_left') fillRight = this.#fillValue();
    }
    return { fillLeft, fillRight };
  }

  #fillValue(): number {
    this.#advance();
    this.#expect('(');
    const isNegative = this.#token.kind === '-';
    if (isNegative || this.#token.kind === '+') this.#advance();
    const { kind } = this.#token;
    if (kind !== 'NUMBER' && kind !== 'DURATION') this.#unexpected();
    const magnitude = this.#numberLiteral().value;
    this.#expect(')');
    return isNegative ? -magnitude : magnitude;
  }

  #groupingLabels(): string[] {
    const context = this.#context;
    this.#context = ' in grouping opts, expected "("';
    this.#expect('(');
    const labels: string[] = [];
    while (this.#token.kind !== ')') {
      this.#context = ' in grouping opts, expected label';
      labels.push(this.#groupingLabel());
      this.#context = ' in grouping opts, expected "," or ")"';
      if ((this.#token.kind as TokenKind) === ')') break;
      this.#expect(',');
    }
    this.#context = context;
    this.#advance();
    return labels;
  }

  #groupingLabel(): string {
    const token = this.#token;
    if (token.kind === 'STRING') {
      const label = unquoteString(token.text);
      if (!isValidUtf8Name(label)) {
        this.#fail(`invalid label name ${quoteLabelValue(label)} in grouping`, spanOf(token));
      }
      this.#advance();
      return label;
    }
    if (!canBeLabelName(token.kind) || token.text.includes(':')) this.#unexpected();
    this.#advance();
    return token.text;
  }

  #positiveDuration(): DurationExpr {
    const duration = this.#duration(1);
    if (duration.kind === 'literal' && !(duration.seconds > 0)) {
      this.#fail('duration must be greater than 0', duration.span);
    }
    return duration;
  }

  #offsetDuration(): DurationExpr {
    return this.#signedDuration(() => this.#durationPrimary());
  }

  #signedDuration(operandOf: () => DurationExpr): DurationExpr {
    const sign = this.#token;
    if (sign.kind !== '+' && sign.kind !== '-') return this.#durationPrimary();
    this.#advance();
    const operand = operandOf();
    if (sign.kind === '+') return operand;
    const span = { start: sign.start, end: operand.span.end };
    if (operand.kind === 'literal') return { ...operand, seconds: -operand.seconds, span };
    return { kind: 'negate', operand, span };
  }

  #duration(minimum: number): DurationExpr {
    this.#enter();
    let left = this.#signedDuration(() => this.#duration(POWER));
    for (;;) {
      const operator = this.#token;
      const precedence = PRECEDENCE[operator.kind];
      if (precedence === undefined || precedence < Math.max(minimum, 4)) break;
      if (!isDurationOperator(operator.kind)) break;
      this.#advance();
      const right = this.#duration(precedence === POWER ? POWER : precedence + 1);
      this.#requireDurationExpressions(left.span);
      if (right.kind === 'literal' && right.seconds === 0) {
        if (operator.kind === '/') this.#fail('division by zero', spanOf(operator));
        if (operator.kind === '%') this.#fail('modulo by zero', spanOf(operator));
      }
      const span = { start: left.span.start, end: right.span.end };
      left = { kind: 'arithmetic', operator: operator.kind, left, right, span };
      // Counted until the query ends, so that long chains are bounded like deep nesting.
      this.#chainLength++;
      this.#checkDepth(this.#depth + this.#chainLength);
    }
    this.#depth--;
    return left;
  }
  #chainLength = 0;

  #durationPrimary(): DurationExpr {
    const token = this.#token;
    switch (token.kind) {
      case 'NUMBER':
      case 'DURATION': {
        const { value, isDuration, span } = this.#numberLiteral();
        if (Math.abs(value) > MAX_DURATION_SECONDS) this.#fail('duration out of range', span);
        return { kind: 'literal', seconds: value, isDuration, span };
      }
      case 'step':
      case 'range': {
        this.#advance();
        this.#expect('(');
        const { end } = this.#expect(')');
        const span = { start: token.start, end };
        this.#requireDurationExpressions(span);
        return { kind: token.kind, span };
      }
      case '(': {
        this.#advance();
        const operand = this.#duration(1);
        this.#requireDurationExpressions(operand.span);
        const span = { start: token.start, end: this.#expect(')').end };
        return { kind: 'paren', operand, span };
      }
      default:
        return this.#durationExtreme(token);
    }
  }

  #durationExtreme(token: Token): DurationExpr {
    const word = token.text.toLowerCase();
    if (word !== 'min_of' && word !== 'max_of') this.#unexpected();
    this.#advance();
    this.#expect('(');
    const left = this.#duration(1);
    this.#expect(',');
    const right = this.#duration(1);
    const span = { start: token.start, end: this.#expect(')').end };
    this.#requireDurationExpressions(span);
    return { kind: word === 'min_of' ? 'min' : 'max', left, right, span };
  }

  #requireDurationExpressions(span: Span): void {
    if (!this.#features.durationExpressions) {
      this.#fail('experimental duration expression is not enabled', span);
    }
  }

  #numberLiteral(): NumberLiteral {
    const token = this.#token;
    const isDuration = token.kind === 'DURATION';
    let value: number;
    try {
      value = isDuration ? parseDurationMs(token.text) / 1000 : parseNumber(token.text);
    } catch (error) {
      if (error instanceof DurationSyntaxError) {
        this.#fail(
          error.message.endsWith('out of range')
            ? 'duration out of range'
            : `not a valid duration string: ${quoteLabelValue(token.text)}`,
          spanOf(token),
        );
      }
      if (error instanceof NumberSyntaxError) this.#fail(error.message, spanOf(token));
      throw error;
    }
    this.#advance();
    return { kind: 'number', value, isDuration, span: spanOf(token) };
  }

  #enter(): void {
    this.#depth++;
    this.#checkDepth(this.#depth);
  }

  #checkDepth(depth: number): void {
    if (depth <= MAX_QUERY_DEPTH) return;
    this.#fail(
      `query is nested deeper than the ${MAX_QUERY_DEPTH} levels that are accepted`,
      spanOf(this.#token),
    );
  }

  #advance(): void {
    this.#lastEnd = this.#token.end;
    this.#token = this.#lexer.next();
  }

  /** Takes a token of the given kind, and gives it. */
  #expect(kind: TokenKind): Token {
    const token = this.#token;
    if (token.kind !== kind) this.#unexpected();
    this.#advance();
    return token;
  }

  #expectEnd(): void {
    if (this.#token.kind !== 'EOF') this.#unexpected();
  }

  #unexpected(): never {
    this.#fail(`unexpected ${describeToken(this.#token)}${this.#context}`, spanOf(this.#token));
  }

  #fail(reason: string, span: Span): never {
    throw new PromqlSyntaxError(this.#query, reason, span);
  }
}

function spanOf(token: Token): Span {
  return { start: token.start, end: token.end };
}

function canBeFunction(token: Token): boolean {
  if (token.kind === 'IDENTIFIER') return true;
  return ['start', 'end', 'step', 'range'].includes(token.kind);
}

function isMatchOperator(kind: TokenKind): kind is MatcherKind {
  return kind === '=' || kind === '!=' || kind === '=~' || kind === '!~';
}

function isDurationOperator(kind: TokenKind): kind is '+' | '-' | '*' | '/' | '%' | '^' {
  return ['+', '-', '*', '/', '%', '^'].includes(kind);
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
  return { ...expr, ...modifier, span } as Expr;
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
