import type { Matcher } from '#libs/labels';
import type {
  BinaryExpr,
  BinaryOperator,
  Grouping,
  LogExpr,
  LogqlExpr,
  MetricExpr,
  RangeAggregation,
  RangeOperator,
  Stage,
  Unwrap,
  VectorMatching,
  VectorOperator,
} from '../ast.ts';
import {
  checkRangeAggregation,
  MATCHER_KINDS,
  RANGE_OPERATORS,
  VECTOR_OPERATORS,
} from './operators.ts';
import { isStageNext, takeStage } from './stage-parser.ts';
import { TokenCursor } from './token-cursor.ts';

/** Binary operators by how tightly they bind. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['or'],
  ['and', 'unless'],
  ['==', '!=', '>', '>=', '<', '<='],
  ['+', '-'],
  ['*', '/', '%'],
  ['^'],
];
const OPERATORS: ReadonlyMap<string, { operator: BinaryOperator; precedence: number }> = new Map(
  LEVELS.flatMap((level, i) =>
    level.map((operator): [string, { operator: BinaryOperator; precedence: number }] => [
      operator,
      { operator, precedence: i + 1 },
    ]),
  ),
);
const COMPARISON = 3;
const POWER = 6;

/** A log query as it may stand in an aggregation: with a range, and perhaps an unwrap. */
interface LogRange {
  readonly log: LogExpr;
  readonly unwrap: Unwrap | null;
  readonly rangeNs: number | null;
  readonly offsetNs: number;
}

/** Recursive descent, with the precedence of binary operators by climbing. */
export class Parser {
  readonly #cursor: TokenCursor;

  /** @throws LogqlSyntaxError */
  constructor(query: string) {
    this.#cursor = new TokenCursor(query);
  }

  /** The whole query. */
  parseQuery(): LogqlExpr {
    const expr = this.#expression(0);
    this.#expectEnd();
    return expr;
  }

  /** A stream selector and nothing else. */
  parseSelector(): readonly Matcher[] {
    const matchers = this.#selector();
    this.#expectEnd();
    return matchers;
  }

  #expectEnd(): void {
    if (this.#cursor.token.kind !== 'end')
      this.#cursor.unexpected('expecting the end of the query');
  }

  #expression(minPrecedence: number): LogqlExpr {
    const cursor: TokenCursor = this.#cursor;
    let left = this.#operand();
    for (;;) {
      const { token } = cursor;
      const isWord = token.kind === 'symbol' || token.kind === 'identifier';
      const found = isWord ? OPERATORS.get(token.text) : undefined;
      if (found === undefined || found.precedence < minPrecedence) return left;
      const { operator, precedence } = found;
      cursor.countPart();
      cursor.take();
      const isComparison = precedence === COMPARISON;
      const returnsBool = cursor.isWord('bool');
      if (returnsBool) {
        if (!isComparison) cursor.unexpected('bool follows a comparison');
        cursor.take();
      }
      const matching = this.#matching();
      cursor.enter();
      const right = this.#expression(precedence === POWER ? precedence : precedence + 1);
      cursor.leave();
      if (left.kind === 'log' || right.kind === 'log') {
        cursor.fail(`operator ${token.text} joins metrics, and one side is a log query`, token);
      }
      const isSet = precedence <= 2;
      if (isSet && (isLiteral(left) || isLiteral(right))) {
        cursor.fail(`unexpected literal for a side of ${token.text}, which joins vectors`, token);
      }
      if (isSet && matching !== null && matching.group !== null) {
        cursor.fail(`no grouping is allowed for ${token.text}`, token);
      }
      if (matching !== null && (isLiteral(left) || isLiteral(right))) {
        cursor.fail('vector matching only allowed between vectors', token);
      }
      const binary: BinaryExpr = {
        kind: 'binary',
        operator,
        left,
        right,
        returnsBool,
        matching,
      };
      left = binary;
    }
  }

  #matching(): VectorMatching | null {
    const cursor: TokenCursor = this.#cursor;
    const isOn = cursor.isWord('on');
    if (!isOn && !cursor.isWord('ignoring')) return null;
    cursor.take();
    const labels = this.#labelList();
    const side = cursor.isWord('group_left')
      ? 'left'
      : cursor.isWord('group_right')
        ? 'right'
        : null;
    if (side === null) return { isOn, labels, group: null, include: [] };
    cursor.take();
    const include = cursor.isSymbol('(') ? this.#labelList() : [];
    return { isOn, labels, group: side, include };
  }

  #operand(): LogqlExpr {
    const cursor: TokenCursor = this.#cursor;
    const { token } = cursor;
    if (cursor.isSymbol('{')) {
      const { log, unwrap, rangeNs } = this.#logRange();
      if (rangeNs !== null) cursor.fail('a range is only allowed inside of an aggregation', token);
      if (unwrap !== null) cursor.fail('unwrap is only allowed inside of an aggregation', token);
      return log;
    }
    if (cursor.takeIfSymbol('(')) {
      cursor.enter();
      const inner = this.#expression(0);
      cursor.leave();
      cursor.expectSymbol(')');
      return inner;
    }
    if (token.kind === 'number' || cursor.isSymbol('-') || cursor.isSymbol('+')) {
      return { kind: 'number', value: cursor.expectNumber('a number') };
    }
    if (token.kind !== 'identifier') {
      cursor.unexpected('expecting a stream selector such as {app="x"}, or an aggregation');
    }
    cursor.countPart();
    cursor.take();
    const rangeOperator = RANGE_OPERATORS.get(token.text);
    if (rangeOperator !== undefined) return this.#rangeAggregation(rangeOperator);
    const vectorOperator = VECTOR_OPERATORS.get(token.text);
    if (vectorOperator !== undefined) return this.#vectorAggregation(vectorOperator);
    if (token.text === 'vector') {
      cursor.expectSymbol('(');
      const value = cursor.expectNumber('a number');
      cursor.expectSymbol(')');
      return { kind: 'vector', value };
    }
    if (token.text === 'label_replace') return this.#labelReplace();
    return cursor.fail(
      `syntax error: ${token.text} is no aggregation; there are ${[...RANGE_OPERATORS.keys(), ...VECTOR_OPERATORS.keys(), 'vector', 'label_replace'].join(', ')}`,
      token,
    );
  }

  #rangeAggregation(operator: RangeOperator): RangeAggregation {
    const cursor: TokenCursor = this.#cursor;
    const at = cursor.token;
    let grouping = this.#grouping();
    cursor.expectSymbol('(');
    let parameter: number | null = null;
    if (operator === 'quantile_over_time') {
      parameter = cursor.expectNumber('the quantile, a number from 0 to 1');
      cursor.expectSymbol(',');
    }
    const { log, unwrap, rangeNs, offsetNs } = this.#logRange();
    if (rangeNs === null) cursor.unexpected('expecting a range such as [5m]');
    cursor.expectSymbol(')');
    grouping = this.#trailingGrouping(grouping);
    const aggregation: RangeAggregation = {
      kind: 'range-aggregation',
      operator,
      parameter,
      log,
      unwrap,
      rangeNs,
      offsetNs,
      grouping,
    };
    const reason = checkRangeAggregation(aggregation);
    if (reason !== null) cursor.fail(reason, at);
    return aggregation;
  }

  /** A log query, in parentheses or not; its range stands after the selector or after a stage. */
  #logRange(): LogRange {
    const cursor: TokenCursor = this.#cursor;
    if (cursor.takeIfSymbol('(')) {
      cursor.enter();
      const inner = this.#logRange();
      cursor.leave();
      cursor.expectSymbol(')');
      if (inner.rangeNs !== null || !cursor.isSymbol('[')) return inner;
      return { ...inner, ...this.#range() };
    }
    const matchers = this.#streamSelector();
    const stages: Stage[] = [];
    let unwrap: Unwrap | null = null;
    let range: { rangeNs: number | null; offsetNs: number } = { rangeNs: null, offsetNs: 0 };
    for (;;) {
      if (cursor.isSymbol('[')) {
        if (range.rangeNs !== null) cursor.unexpected('there is a range already');
        range = this.#range();
        continue;
      }
      if (!isStageNext(cursor)) break;
      const at = cursor.token;
      const stage = takeStage(cursor);
      if (unwrap === null) {
        if (stage.kind === 'unwrap') {
          const { label, conversion, filters } = stage;
          unwrap = { label, conversion, filters };
        } else stages.push(stage);
        continue;
      }
      if (stage.kind !== 'label-filter') {
        cursor.fail('only label filters are allowed after unwrap', at);
      }
      const previous: Unwrap = unwrap;
      unwrap = { ...previous, filters: [...previous.filters, stage.filter] };
    }
    return { log: { kind: 'log', matchers, stages }, unwrap, ...range };
  }

  #range(): { rangeNs: number; offsetNs: number } {
    const cursor: TokenCursor = this.#cursor;
    cursor.expectSymbol('[');
    const at = cursor.token;
    const rangeNs = cursor.expectDuration('a range');
    if (rangeNs <= 0) cursor.fail('a range is longer than nothing', at);
    cursor.expectSymbol(']');
    let offsetNs = 0;
    if (cursor.takeIfWord('offset')) {
      const isNegative = cursor.takeIfSymbol('-');
      offsetNs = cursor.expectDuration('an offset') * (isNegative ? -1 : 1);
    }
    return { rangeNs, offsetNs };
  }

  #streamSelector(): readonly Matcher[] {
    const at = this.#cursor.token;
    const matchers = this.#selector();
    if (matchers.every((matcher) => matcher.matchesEmpty)) {
      this.#cursor.fail(
        'queries need at least one matcher that does not match the empty value; app=~".*" does, app=~".+" does not',
        at,
      );
    }
    return matchers;
  }

  #selector(): readonly Matcher[] {
    const cursor: TokenCursor = this.#cursor;
    cursor.expectSymbol('{');
    const matchers: Matcher[] = [];
    while (!cursor.isSymbol('}')) {
      cursor.countPart();
      const name = cursor.expectIdentifier('a label or "}"');
      const operator = cursor.token;
      const kind = operator.kind === 'symbol' ? MATCHER_KINDS.get(operator.text) : undefined;
      if (kind === undefined) cursor.unexpected('expecting one of = != =~ !~');
      cursor.take();
      const at = cursor.token;
      const value = cursor.expectString('a value');
      matchers.push(cursor.matcher(name, kind, value, at));
      if (!cursor.takeIfSymbol(',') && !cursor.isSymbol('}')) {
        cursor.unexpected('expecting "," or "}"');
      }
    }
    cursor.take();
    return matchers;
  }

  #vectorAggregation(operator: VectorOperator): MetricExpr {
    const cursor: TokenCursor = this.#cursor;
    const at = cursor.token;
    let grouping = this.#grouping();
    cursor.expectSymbol('(');
    let parameter: number | null = null;
    if (operator === 'topk' || operator === 'bottomk') {
      parameter = cursor.expectNumber(`the k of ${operator}`);
      if (!Number.isSafeInteger(parameter) || parameter <= 0) {
        cursor.fail(`invalid parameter ${operator}(${parameter},…): k is a positive integer`, at);
      }
      cursor.expectSymbol(',');
    }
    const expr = this.#metric(operator);
    cursor.expectSymbol(')');
    grouping = this.#trailingGrouping(grouping);
    if (grouping !== null && (operator === 'sort' || operator === 'sort_desc')) {
      cursor.fail(`${operator} has no grouping`, at);
    }
    return { kind: 'vector-aggregation', operator, parameter, expr, grouping };
  }

  /** A metric query as an argument. */
  #metric(of: string): MetricExpr {
    const cursor: TokenCursor = this.#cursor;
    const at = cursor.token;
    cursor.enter();
    const expr = this.#expression(0);
    cursor.leave();
    if (expr.kind === 'log') cursor.fail(`${of} takes a metric query, and this is a log query`, at);
    if (isLiteral(expr)) cursor.fail(`${of} takes a vector, and this is a number`, at);
    return expr;
  }

  #labelReplace(): MetricExpr {
    const cursor: TokenCursor = this.#cursor;
    cursor.expectSymbol('(');
    const expr = this.#metric('label_replace');
    const texts: string[] = [];
    let at = cursor.token;
    for (const what of ['the label to set', 'the replacement', 'the source label', 'the pattern']) {
      cursor.expectSymbol(',');
      at = cursor.token;
      texts.push(cursor.expectString(what));
    }
    const [target = '', replacement = '', source = '', pattern = ''] = texts;
    cursor.matcher(source, '=~', pattern, at);
    cursor.expectSymbol(')');
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(target)) {
      cursor.fail(`invalid destination label name in label_replace: ${JSON.stringify(target)}`, at);
    }
    return { kind: 'label-replace', expr, target, replacement, source, pattern };
  }

  #grouping(): Grouping | null {
    const cursor: TokenCursor = this.#cursor;
    const isWithout = cursor.isWord('without');
    if (!isWithout && !cursor.isWord('by')) return null;
    cursor.take();
    return { isWithout, labels: this.#labelList() };
  }

  #trailingGrouping(leading: Grouping | null): Grouping | null {
    const at = this.#cursor.token;
    const trailing = this.#grouping();
    if (leading !== null && trailing !== null) this.#cursor.fail('grouped twice', at);
    return leading ?? trailing;
  }

  #labelList(): readonly string[] {
    const cursor: TokenCursor = this.#cursor;
    cursor.expectSymbol('(');
    const labels: string[] = [];
    while (!cursor.isSymbol(')')) {
      cursor.countPart();
      labels.push(cursor.expectIdentifier('a label or ")"'));
      if (!cursor.takeIfSymbol(',') && !cursor.isSymbol(')')) {
        cursor.unexpected('expecting "," or ")"');
      }
    }
    cursor.take();
    return labels;
  }
}

/** A number, or what is computed of numbers alone. */
function isLiteral(expr: LogqlExpr): boolean {
  if (expr.kind === 'number') return true;
  return expr.kind === 'binary' && isLiteral(expr.left) && isLiteral(expr.right);
}
