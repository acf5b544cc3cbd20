import type { Span } from '../ast.ts';
import { Lexer } from './lexer.ts';
import { PromqlSyntaxError } from './promql-syntax-error.ts';
import { describeToken, type Token, type TokenKind } from './tokens.ts';

/** How deep parentheses, calls, signs and the like may be nested in a query. */
export const MAX_QUERY_NESTING = 500;

/** How many levels the tree of a query may have; the one of a chain such as `a + b + c` has as many as operators. */
export const MAX_QUERY_DEPTH = 1000;

/** How many different regular expressions a query may have; compiling one takes up to some milliseconds. */
export const MAX_QUERY_PATTERNS = 256;
/** What all of them may come to: one and a half times as much as one of them may. */
const MAX_QUERY_PATTERN_COST = 96 * 1024;

/** A place in the tokens of a query, with one token of foresight, and what to say where they do not fit. */
export class TokenCursor {
  readonly query: string;
  readonly #lexer: Lexer;
  #token: Token;
  #lastEnd = 0;
  #context = '';
  #depth = 0;
  readonly #patterns = new Set<string>();
  readonly #costedPatterns = new Set<string>();
  #patternCost = 0;

  /** @throws PromqlSyntaxError */
  constructor(query: string) {
    this.query = query;
    this.#lexer = new Lexer(query);
    this.#token = this.#lexer.next();
  }

  /** The token that comes next. */
  get token(): Token {
    return this.#token;
  }

  /** Where the token before it ends. */
  get lastEnd(): number {
    return this.#lastEnd;
  }

  is(kind: TokenKind): boolean {
    return this.#token.kind === kind;
  }

  /** Takes the next token, and gives it. */
  take(): Token {
    const token = this.#token;
    this.#lastEnd = token.end;
    this.#token = this.#lexer.next();
    return token;
  }

  /** Takes the next token if it is of the given kind. */
  takeIf(kind: TokenKind): boolean {
    if (this.#token.kind !== kind) return false;
    this.take();
    return true;
  }

  /** Takes a token of the given kind, and gives it. */
  expect(kind: TokenKind): Token {
    if (this.#token.kind !== kind) this.unexpected();
    return this.take();
  }

  /** Runs `body`, in which an unexpected token is said to be in `context`: `in aggregation`. */
  within<T>(context: string, body: () => T): T {
    const outer = this.enterContext(context);
    const result = body();
    this.leaveContext(outer);
    return result;
  }

  /** As {@link within}, for what nests: gives the context before, to be handed to {@link leaveContext}. */
  enterContext(context: string): string {
    const outer = this.#context;
    this.#context = ` ${context}`;
    return outer;
  }

  leaveContext(outer: string): void {
    this.#context = outer;
  }

  unexpected(): never {
    this.fail(`unexpected ${describeToken(this.#token)}${this.#context}`, spanOf(this.#token));
  }

  fail(reason: string, span: Span): never {
    throw new PromqlSyntaxError(this.query, reason, span);
  }

  /** Goes one level deeper; {@link leave} comes back. Not a closure, as levels of those take much more of the stack. */
  enter(): void {
    this.#depth++;
    if (this.#depth > MAX_QUERY_NESTING) this.#tooDeep(MAX_QUERY_NESTING);
  }

  leave(): void {
    this.#depth--;
  }

  /** Refuses a regular expression that is one too many, before it is compiled. */
  countPattern(pattern: string, span: Span): void {
    this.#patterns.add(pattern);
    if (this.#patterns.size <= MAX_QUERY_PATTERNS) return;
    this.fail(
      `query has more than the ${MAX_QUERY_PATTERNS} different regular expressions that are accepted`,
      span,
    );
  }

  /** Refuses a regular expression with which those of the query become too large together. */
  addPatternCost(pattern: string, cost: number, span: Span): void {
    if (this.#costedPatterns.has(pattern)) return;
    this.#costedPatterns.add(pattern);
    this.#patternCost += cost;
    if (this.#patternCost <= MAX_QUERY_PATTERN_COST) return;
    this.fail(
      `the regular expressions of the query come to about ${Math.round(this.#patternCost)} characters with their repetitions; at most ${MAX_QUERY_PATTERN_COST} are accepted`,
      span,
    );
  }

  /** Refuses a tree that reaches `height` levels below here. */
  checkHeight(height: number): void {
    if (this.#depth + height > MAX_QUERY_DEPTH) this.#tooDeep(MAX_QUERY_DEPTH);
  }

  #tooDeep(limit: number): never {
    this.fail(
      `query is nested deeper than the ${limit} levels that are accepted`,
      spanOf(this.#token),
    );
  }
}

export function spanOf(token: Token): Span {
  return { start: token.start, end: token.end };
}
