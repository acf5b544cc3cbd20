import type { DurationExpr, Span } from '../ast.ts';
import { takeNumberLiteral } from './number-literal.ts';
import { spanOf, type TokenCursor } from './token-cursor.ts';
import type { Token, TokenKind } from './tokens.ts';

/** What is said to be missing where a duration should stand. */
export const DURATION_EXPECTED = 'number, duration, step(), or range()';

const MAX_DURATION_SECONDS = 2 ** 63 / 1e9;

const PRECEDENCE = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3 };
const POWER = 3;

type DurationOperator = keyof typeof PRECEDENCE;

/** Parses durations, and the arithmetic with them, in brackets and after `offset`. */
export class DurationParser {
  readonly #cursor: TokenCursor;
  readonly #allowsExpressions: boolean;
  // Counted until the query ends, so that long chains are bounded like deep nesting.
  #chainLength = 0;

  constructor(cursor: TokenCursor, allowsExpressions: boolean) {
    this.#cursor = cursor;
    this.#allowsExpressions = allowsExpressions;
  }

  /** In brackets: any expression; a plain duration has to be above 0. */
  takePositive(): DurationExpr {
    const duration = this.#take(1);
    if (duration.kind === 'literal' && !(duration.seconds > 0)) {
      this.#cursor.fail('duration must be greater than 0', duration.span);
    }
    return duration;
  }

  /** After `offset`: a single term, so that `x offset 5m * 2` doubles what was selected. */
  takeOffset(): DurationExpr {
    return this.#signed(false);
  }

  /** Operators of at least the given precedence. */
  #take(minimum: number): DurationExpr {
    this.#cursor.enter();
    let left = this.#signed(true);
    for (;;) {
      const { token } = this.#cursor;
      if (!isOperator(token.kind) || PRECEDENCE[token.kind] < minimum) break;
      left = this.#operation(left, token, token.kind);
    }
    this.#cursor.leave();
    return left;
  }

  #operation(left: DurationExpr, token: Token, operator: DurationOperator): DurationExpr {
    const precedence = PRECEDENCE[operator];
    this.#cursor.take();
    const right = this.#take(precedence === POWER ? POWER : precedence + 1);
    this.#requireExpressions(left.span);
    if (right.kind === 'literal' && right.seconds === 0) {
      if (operator === '/') this.#cursor.fail('division by zero', spanOf(token));
      if (operator === '%') this.#cursor.fail('modulo by zero', spanOf(token));
    }
    this.#chainLength++;
    this.#cursor.checkHeight(this.#chainLength);
    const span = { start: left.span.start, end: right.span.end };
    return { kind: 'arithmetic', operator, left, right, span };
  }

  /** @param takesPowers whether the operand of a sign may go on with `^` */
  #signed(takesPowers: boolean): DurationExpr {
    const sign = this.#cursor.token;
    if (sign.kind !== '+' && sign.kind !== '-') return this.#primary();
    this.#cursor.take();
    const operand = takesPowers ? this.#take(POWER) : this.#primary();
    if (sign.kind === '+') return operand;
    const span = { start: sign.start, end: operand.span.end };
    if (operand.kind === 'literal') return { ...operand, seconds: -operand.seconds, span };
    return { kind: 'negate', operand, span };
  }

  #primary(): DurationExpr {
    const { token } = this.#cursor;
    const { kind } = token;
    if (kind === 'NUMBER' || kind === 'DURATION') {
      const { value, isDuration, span } = takeNumberLiteral(this.#cursor);
      if (Math.abs(value) > MAX_DURATION_SECONDS) this.#cursor.fail('duration out of range', span);
      return { kind: 'literal', seconds: value, isDuration, span };
    }
    if (kind === 'step' || kind === 'range') {
      this.#cursor.take();
      this.#cursor.expect('(');
      const span = { start: token.start, end: this.#cursor.expect(')').end };
      this.#requireExpressions(span);
      return { kind, span };
    }
    if (kind === '(') {
      this.#cursor.take();
      const operand = this.#take(1);
      this.#requireExpressions(operand.span);
      const span = { start: token.start, end: this.#cursor.expect(')').end };
      return { kind: 'paren', operand, span };
    }
    return this.#extreme(token);
  }

  #extreme(token: Token): DurationExpr {
    const word = token.text.toLowerCase();
    if (word !== 'min_of' && word !== 'max_of') this.#cursor.unexpected();
    this.#cursor.take();
    this.#cursor.expect('(');
    const left = this.#take(1);
    this.#cursor.expect(',');
    const right = this.#take(1);
    const span = { start: token.start, end: this.#cursor.expect(')').end };
    this.#requireExpressions(span);
    return { kind: word === 'min_of' ? 'min' : 'max', left, right, span };
  }

  #requireExpressions(span: Span): void {
    if (this.#allowsExpressions) return;
    this.#cursor.fail('experimental duration expression is not enabled', span);
  }
}

function isOperator(kind: TokenKind): kind is DurationOperator {
  return Object.hasOwn(PRECEDENCE, kind);
}
