import { TemplateParseError } from './errors.ts';
import { Lexer, type Token, type TokenKind } from './lexer.ts';
import {
  type BranchNode,
  type CommandNode,
  nodeToString,
  type NumberNode,
  type OperandNode,
  type PipeNode,
  type StatementNode,
  type VariableNode,
} from './nodes.ts';
import { quoteGo, unquoteGo } from './quote-go.ts';

/** One named template of a text. */
export interface ParsedTemplate {
  readonly name: string;
  /** The name of the text it stands in, which error messages begin with. */
  readonly parseName: string;
  readonly text: string;
  readonly list: readonly StatementNode[];
}

export interface ParseOptions {
  readonly name: string;
  /** Whether a function of that name may be called. */
  readonly hasFunction: (name: string) => boolean;
  /** Largest text taken, in UTF-16 units. */
  readonly maxLength: number;
  /** How deep control structures and parentheses may nest. */
  readonly maxNesting: number;
}

const OPERAND_STARTS: ReadonlySet<TokenKind> = new Set<TokenKind>([
  'bool',
  'char-constant',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'raw-string',
  'string',
  'variable',
  'left-paren',
]);

type ListEnd = { readonly kind: 'end' } | { readonly kind: 'else' };

/**
 * Parses a template's text as Go's `text/template/parse` does, with its messages.
 * @returns the text's own template first, then those it defines
 * @throws TemplateParseError
 */
export function parseTemplate(text: string, options: ParseOptions): ParsedTemplate[] {
  return new Parser(text, options).parse();
}

class Parser {
  readonly #options: ParseOptions;
  readonly #text: string;
  readonly #lexer: Lexer;
  /** Tokens looked at but not consumed; the last is the next one (Go's three-token look-ahead). */
  readonly #ahead: Token[] = [];
  #lastLine = 1;
  #variables: string[] = ['$'];
  #actionLine = 0;
  #rangeDepth = 0;
  #nesting = 0;
  readonly #defined: ParsedTemplate[] = [];

  constructor(text: string, options: ParseOptions) {
    this.#options = options;
    this.#text = text;
    if (text.length > options.maxLength) {
      this.#fail(`text of ${text.length} characters; at most ${options.maxLength} are accepted`);
    }
    this.#lexer = new Lexer(text);
  }

  parse(): ParsedTemplate[] {
    const list: StatementNode[] = [];
    while (this.#peek().kind !== 'eof') {
      if (this.#peek().kind === 'left-delim') {
        const delim = this.#next();
        const token = this.#nextNonSpace();
        if (token.kind === 'keyword' && token.text === 'define') {
          this.#parseDefinition();
          continue;
        }
        this.#backup(token);
        this.#backup(delim);
      }
      const node = this.#textOrAction();
      if (node.kind === 'end' || node.kind === 'else') this.#fail(`unexpected {{${node.kind}}}`);
      list.push(node);
    }
    return [this.#template(this.#options.name, list), ...this.#defined];
  }

  #template(name: string, list: readonly StatementNode[]): ParsedTemplate {
    return { name, parseName: this.#options.name, text: this.#text, list };
  }

  #parseDefinition(): void {
    const token = this.#nextNonSpace();
    if (token.kind !== 'string' && token.kind !== 'raw-string') {
      this.#unexpected(token, 'define clause');
    }
    const name = this.#unquote(token);
    const closing = this.#nextNonSpace();
    if (closing.kind !== 'right-delim') this.#unexpected(closing, 'define clause');
    this.#separately(name, 'define clause');
  }

  /** Parses up to `{{end}}` with variables of its own and keeps the result under `name`. */
  #separately(name: string, context: string): void {
    const variables = this.#variables;
    const rangeDepth = this.#rangeDepth;
    this.#variables = ['$'];
    this.#rangeDepth = 0;
    const { list, end } = this.#itemList();
    if (end.kind !== 'end') this.#fail(`unexpected {{${end.kind}}} in ${context}`);
    this.#variables = variables;
    this.#rangeDepth = rangeDepth;
    this.#defined.push(this.#template(name, list));
  }

  #itemList(): { list: StatementNode[]; end: ListEnd } {
    if (++this.#nesting > this.#options.maxNesting) {
      this.#fail(`nested more than ${this.#options.maxNesting} deep`);
    }
    const list: StatementNode[] = [];
    while (this.#peekNonSpace().kind !== 'eof') {
      const node = this.#textOrAction();
      if (node.kind === 'end' || node.kind === 'else') {
        this.#nesting--;
        return { list, end: node };
      }
      list.push(node);
    }
    return this.#fail('unexpected EOF');
  }

  #textOrAction(): StatementNode | ListEnd {
    const token = this.#nextNonSpace();
    if (token.kind === 'text') return { kind: 'text', text: token.text, position: token.position };
    if (token.kind === 'left-delim') {
      this.#actionLine = token.line;
      const node = this.#action();
      this.#actionLine = 0;
      return node;
    }
    return this.#unexpected(token, 'input');
  }

  #action(): StatementNode | ListEnd {
    const token = this.#nextNonSpace();
    if (token.kind === 'keyword') {
      switch (token.text) {
        case 'block':
          return this.#block();
        case 'break':
        case 'continue':
          return this.#jump(token, token.text);
        case 'else':
          return this.#else();
        case 'end': {
          const closing = this.#nextNonSpace();
          if (closing.kind !== 'right-delim') this.#unexpected(closing, 'end');
          return { kind: 'end' };
        }
        case 'if':
        case 'range':
        case 'with':
          return this.#branch(token.text);
        case 'template':
          return this.#templateCall();
      }
    }
    this.#backup(token);
    const { position } = this.#peek();
    return { kind: 'action', position, pipe: this.#pipeline('command', 'right-delim') };
  }

  #jump(token: Token, kind: 'break' | 'continue'): StatementNode {
    const closing = this.#nextNonSpace();
    if (closing.kind !== 'right-delim') this.#unexpected(closing, `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.#fail(`{{${kind}}} outside {{range}}`);
    return { kind, position: token.position };
  }

  #else(): ListEnd {
    const token = this.#peekNonSpace();
    // `{{else if …}}` is read as `{{else}}{{if …}}`, with one `{{end}}` for both.
    if (token.kind === 'keyword' && (token.text === 'if' || token.text === 'with')) {
      return { kind: 'else' };
    }
    const closing = this.#nextNonSpace();
    if (closing.kind !== 'right-delim') this.#unexpected(closing, 'else');
    return { kind: 'else' };
  }

  #branch(kind: BranchNode['kind']): BranchNode {
    const variableCount = this.#variables.length;
    const pipe = this.#pipeline(kind, 'right-delim');
    if (kind === 'range') this.#rangeDepth++;
    const { list, end } = this.#itemList();
    if (kind === 'range') this.#rangeDepth--;
    let elseList: StatementNode[] | null = null;
    if (end.kind === 'else') {
      const token = this.#peek();
      if (token.kind === 'keyword' && token.text === kind && kind !== 'range') {
        this.#next();
        if (++this.#nesting > this.#options.maxNesting) {
          this.#fail(`nested more than ${this.#options.maxNesting} deep`);
        }
        elseList = [this.#branch(kind)];
        this.#nesting--;
      } else {
        const rest = this.#itemList();
        if (rest.end.kind !== 'end') this.#fail(`expected end; found {{${rest.end.kind}}}`);
        elseList = rest.list;
      }
    }
    this.#variables.length = variableCount;
    return { kind, position: pipe.position, pipe, list, elseList };
  }

  #block(): StatementNode {
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, 'block clause');
    const pipe = this.#pipeline('block clause', 'right-delim');
    this.#separately(name, 'block clause');
    return { kind: 'template', position: token.position, name, pipe };
  }

  #templateCall(): StatementNode {
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, 'template clause');
    const next = this.#nextNonSpace();
    if (next.kind === 'right-delim') {
      return { kind: 'template', position: token.position, name, pipe: null };
    }
    this.#backup(next);
    const pipe = this.#pipeline('template clause', 'right-delim');
    return { kind: 'template', position: token.position, name, pipe };
  }

  #templateName(token: Token, context: string): string {
    if (token.kind !== 'string' && token.kind !== 'raw-string') this.#unexpected(token, context);
    return this.#unquote(token);
  }

  #pipeline(context: string, end: TokenKind): PipeNode {
    if (++this.#nesting > this.#options.maxNesting) {
      this.#fail(`nested more than ${this.#options.maxNesting} deep`);
    }
    const { position } = this.#peekNonSpace();
    const { declarations, isAssign } = this.#declarations(context);
    const commands: CommandNode[] = [];
    for (;;) {
      const token = this.#nextNonSpace();
      if (token.kind === end) break;
      if (!OPERAND_STARTS.has(token.kind)) this.#unexpected(token, context);
      this.#backup(token);
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    for (let i = 1; i < commands.length; i++) {
      const { kind } = commands[i]!.args[0]!;
      if (['bool', 'dot', 'nil', 'number', 'string'].includes(kind)) {
        this.#fail(`non executable command in pipeline stage ${i + 1}`);
      }
    }
    this.#nesting--;
    return { kind: 'pipe', position, isAssign, declarations, commands };
  }

  #declarations(context: string): { declarations: VariableNode[]; isAssign: boolean } {
    const declarations: VariableNode[] = [];
    for (;;) {
      const variable = this.#peekNonSpace();
      if (variable.kind !== 'variable') return { declarations, isAssign: false };
      this.#next();
      const after = this.#peek();
      const next = this.#peekNonSpace();
      if (next.kind === 'assign' || next.kind === 'declare') {
        this.#nextNonSpace();
        declarations.push(this.#declare(variable));
        return { declarations, isAssign: next.kind === 'assign' };
      }
      if (next.kind === 'char' && next.text === ',') {
        this.#nextNonSpace();
        declarations.push(this.#declare(variable));
        if (context === 'range' && declarations.length < 2) {
          const { kind } = this.#peekNonSpace();
          if (kind === 'variable' || kind === 'right-delim' || kind === 'right-paren') continue;
          this.#fail('range can only initialize variables');
        }
        this.#fail(`too many declarations in ${context}`);
      }
      if (after.kind === 'space') this.#backup(after);
      this.#backup(variable);
      return { declarations, isAssign: false };
    }
  }

  #declare(token: Token): VariableNode {
    this.#variables.push(token.text);
    return { kind: 'variable', names: [token.text], position: token.position };
  }

  #command(): CommandNode {
    const { position } = this.#peekNonSpace();
    const args: OperandNode[] = [];
    for (;;) {
      this.#peekNonSpace();
      const operand = this.#operand();
      if (operand !== null) args.push(operand);
      const token = this.#next();
      if (token.kind === 'space') continue;
      if (token.kind === 'right-delim' || token.kind === 'right-paren') this.#backup(token);
      else if (token.kind !== 'pipe') this.#unexpected(token, 'operand');
      break;
    }
    if (args.length === 0) this.#fail('empty command');
    return { kind: 'command', position, args };
  }

  #operand(): OperandNode | null {
    const node = this.#term();
    if (node === null || this.#peek().kind !== 'field') return node;
    const { position } = this.#peek();
    const names: string[] = [];
    while (this.#peek().kind === 'field') names.push(this.#next().text.slice(1));
    if (node.kind === 'field' || node.kind === 'variable') {
      return { kind: node.kind, position, names: [...node.names, ...names] };
    }
    if (node.kind === 'pipe' || node.kind === 'identifier' || node.kind === 'chain') {
      return { kind: 'chain', position, node, names };
    }
    return this.#fail(`unexpected . after term ${quoteGo(nodeToString(node))}`);
  }

  #term(): OperandNode | null {
    const token = this.#nextNonSpace();
    const { position, text } = token;
    const { kind } = token;
    if (kind === 'identifier') {
      if (!this.#options.hasFunction(text)) this.#fail(`function ${quoteGo(text)} not defined`);
      return { kind, name: text, position };
    }
    if (kind === 'variable') {
      if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quoteGo(text)}`);
      return { kind, names: [text], position };
    }
    if (kind === 'dot' || kind === 'nil') return { kind, position };
    if (kind === 'field') return { kind, names: [text.slice(1)], position };
    if (kind === 'bool') return { kind, value: text === 'true', position };
    if (kind === 'char-constant' || kind === 'number') return this.#number(token);
    if (kind === 'left-paren') return this.#pipeline('parenthesized pipeline', 'right-paren');
    if (kind === 'string' || kind === 'raw-string') {
      return { kind: 'string', quoted: text, value: this.#unquote(token), position };
    }
    this.#backup(token);
    return null;
  }

  #number(token: Token): NumberNode {
    const { text, position } = token;
    if (token.kind === 'char-constant') {
      const value = unquoteGo(text);
      if (value === null || Array.from(value).length !== 1) {
        this.#fail(`malformed character constant: ${text}`);
      }
      const code = value.codePointAt(0)!;
      return {
        kind: 'number',
        text,
        integer: BigInt(code),
        float: code,
        isIdealFloat: false,
        position,
      };
    }
    const number = parseGoNumber(text);
    if (number === null) this.#fail(`illegal number syntax: ${quoteGo(text)}`);
    return { kind: 'number', text, position, ...number };
  }

  #unquote(token: Token): string {
    const value = unquoteGo(token.text);
    if (value === null) this.#fail('invalid syntax');
    return value;
  }

  #next(): Token {
    const token = this.#ahead.pop() ?? this.#lexer.next();
    this.#lastLine = token.line;
    return token;
  }

  #backup(token: Token): void {
    this.#ahead.push(token);
  }

  #peek(): Token {
    const token = this.#next();
    this.#ahead.push(token);
    return token;
  }

  #nextNonSpace(): Token {
    let token = this.#next();
    while (token.kind === 'space') token = this.#next();
    return token;
  }

  #peekNonSpace(): Token {
    const token = this.#nextNonSpace();
    this.#ahead.push(token);
    return token;
  }

  #unexpected(token: Token, context: string): never {
    if (token.kind === 'error') {
      let extra = '';
      if (this.#actionLine !== 0 && this.#actionLine !== token.line) {
        extra = ` in action started at ${this.#options.name}:${this.#actionLine}`;
        if (token.text.endsWith(' action')) extra = extra.slice(' in action'.length);
      }
      this.#fail(token.text + extra);
    }
    return this.#fail(`unexpected ${describeToken(token)} in ${context}`);
  }

  #fail(message: string): never {
    const line = this.#lastLine;
    throw new TemplateParseError(`template: ${this.#options.name}:${line}: ${message}`, line);
  }
}

function describeToken(token: Token): string {
  if (token.kind === 'eof') return 'EOF';
  if (token.kind === 'keyword' || token.kind === 'dot' || token.kind === 'nil') {
    return `<${token.text}>`;
  }
  if (token.text.length > 10) return `${quoteGo(token.text.slice(0, 10))}...`;
  return quoteGo(token.text);
}

const INT64_MAX = 9_223_372_036_854_775_807n;
const INT64_MIN = -9_223_372_036_854_775_808n;

function parseGoNumber(
  text: string,
): Pick<NumberNode, 'integer' | 'float' | 'isIdealFloat'> | null {
  if (/__|_$|_\.|\._|^[+-]?_/.test(text) || text.endsWith('i')) return null;
  const clean = text.replaceAll('_', '');
  const sign = clean.startsWith('-') ? -1 : 1;
  const digits = clean.replace(/^[+-]/, '');
  if (/^(?:[0-9]+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(digits)) {
    const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
    if (/^0[0-9]+$/.test(digits) && octal === digits) return null;
    const integer = BigInt(octal) * BigInt(sign);
    if (integer > INT64_MAX || integer < INT64_MIN) return null;
    return { integer, float: Number(integer), isIdealFloat: false };
  }
  if (!/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(digits)) return null;
  const float = Number(digits) * sign;
  if (!Number.isFinite(float)) return null;
  return {
    integer: Number.isSafeInteger(float) ? BigInt(float) : null,
    float,
    isIdealFloat: true,
  };
}
