import { LinearSearch, Matcher, type MatcherKind, RegExpSyntaxError } from '#libs/labels';
import { Lexer, type Token } from './lexer.ts';
import { LogqlSyntaxError } from './logql-syntax-error.ts';

/** How deep parentheses and calls may be nested in a query. */
const MAX_QUERY_NESTING = 100;
/** How many stages, filters, operators and labels a query may have. */
const MAX_QUERY_PARTS = 1_000;
/** How many regular expressions and templates a query may have; compiling one takes up to some milliseconds. */
const MAX_QUERY_PATTERNS = 64;

/** A place in the tokens of a query, with one token of foresight. */
export class TokenCursor {
  readonly #query: string;
  readonly #lexer: Lexer;
  #token: Token;
  #depth = 0;
  #parts = 0;
  #patterns = 0;

  /** @throws LogqlSyntaxError */
  constructor(query: string) {
    this.#query = query;
    this.#lexer = new Lexer(query);
    this.#token = this.#lexer.next();
  }

  get token(): Token {
    return this.#token;
  }

  take(): Token {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  isSymbol(text: string): boolean {
    return this.#token.kind === 'symbol' && this.#token.text === text;
  }

  isWord(text: string): boolean {
    return this.#token.kind === 'identifier' && this.#token.text === text;
  }

  takeIfSymbol(text: string): boolean {
    if (!this.isSymbol(text)) return false;
    this.take();
    return true;
  }

  takeIfWord(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.take();
    return true;
  }

  expectSymbol(text: string): void {
    if (!this.takeIfSymbol(text)) this.unexpected(`expecting ${JSON.stringify(text)}`);
  }

  expectIdentifier(what: string): string {
    if (this.#token.kind !== 'identifier') this.unexpected(`expecting ${what}`);
    return this.take().text;
  }

  expectString(what: string): string {
    if (this.#token.kind !== 'string') this.unexpected(`expecting ${what} in quotes`);
    return this.take().text;
  }

  expectDuration(what: string): number {
    if (this.#token.kind !== 'duration') this.unexpected(`expecting ${what} such as 5m`);
    return this.take().value;
  }

  /** A number that may have a sign. */
  expectNumber(what: string): number {
    const isNegative = this.isSymbol('-');
    if (isNegative || this.isSymbol('+')) this.take();
    if (this.#token.kind !== 'number') this.unexpected(`expecting ${what}`);
    const { value } = this.take();
    return isNegative ? -value : value;
  }

  /** The matcher of a label, from its operator on. */
  matcher(label: string, kind: MatcherKind, value: string, token: Token): Matcher {
    if (kind === '=~' || kind === '!~') this.countPattern(token);
    return this.#compiled(token, () => new Matcher(label, kind, value));
  }

  /** Checks a regular expression that is looked for in a line. */
  checkSearch(pattern: string, token: Token): LinearSearch {
    this.countPattern(token);
    return this.#compiled(token, () => new LinearSearch(pattern));
  }

  #compiled<T>(token: Token, compile: () => T): T {
    try {
      return compile();
    } catch (error) {
      if (!(error instanceof RegExpSyntaxError)) throw error;
      throw new LogqlSyntaxError(this.#query, token.start, error.message, { cause: error });
    }
  }

  unexpected(hint: string): never {
    this.fail(`syntax error: unexpected ${describe(this.#token)}, ${hint}`);
  }

  /** @param token where; the one that comes next unless told */
  fail(reason: string, token: Token = this.#token): never {
    throw new LogqlSyntaxError(this.#query, token.start, reason);
  }

  /** Goes one level deeper; {@link leave} comes back. */
  enter(): void {
    this.#depth++;
    if (this.#depth > MAX_QUERY_NESTING) {
      this.fail(`query is nested deeper than the ${MAX_QUERY_NESTING} levels that are accepted`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  /** Counts a stage, a filter, an operator or a label, of which a query has a bounded number. */
  countPart(): void {
    this.#parts++;
    if (this.#parts <= MAX_QUERY_PARTS) return;
    this.fail(`query has more than the ${MAX_QUERY_PARTS} stages and filters that are accepted`);
  }

  countPattern(token: Token): void {
    this.#patterns++;
    if (this.#patterns <= MAX_QUERY_PATTERNS) return;
    this.fail(
      `query has more than the ${MAX_QUERY_PATTERNS} regular expressions and templates that are accepted`,
      token,
    );
  }
}

function describe(token: Token): string {
  if (token.kind === 'end') return 'end of query';
  return token.kind === 'string' ? 'string' : JSON.stringify(token.text);
}
