import { quoteLabelValue } from '#libs/labels';
import type { AggregationOperator } from '../ast.ts';

/**
 * The kinds of tokens. Punctuation, operators and keywords go by their own text, in lower case; the capital ones are
 * classes of text.
 */
export type TokenKind =
  | 'EOF'
  | 'IDENTIFIER'
  | 'METRIC_IDENTIFIER'
  | 'NUMBER'
  | 'DURATION'
  | 'STRING'
  | '('
  | ')'
  | '{'
  | '}'
  | '['
  | ']'
  | ','
  | ':'
  | '='
  | SymbolOperator
  | WordOperator
  | AggregationOperator
  | Keyword
  | Preprocessor;

type SymbolOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'
  | '=='
  | '!='
  | '=~'
  | '!~'
  | '<='
  | '<'
  | '>='
  | '>'
  | '</'
  | '>/'
  | '@';

type WordOperator = 'and' | 'or' | 'unless' | 'atan2';

type Keyword =
  | 'offset'
  | 'smoothed'
  | 'anchored'
  | 'by'
  | 'without'
  | 'on'
  | 'ignoring'
  | 'group_left'
  | 'group_right'
  | 'fill'
  | 'fill_left'
  | 'fill_right'
  | 'bool';

type Preprocessor = 'start' | 'end' | 'step' | 'range' | 'min_of' | 'max_of';

export interface Token {
  readonly kind: TokenKind;
  /** As written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const WORD_OPERATORS: readonly WordOperator[] = ['and', 'or', 'unless', 'atan2'];

const AGGREGATORS: ReadonlySet<string> = new Set<AggregationOperator>([
  'sum',
  'avg',
  'count',
  'min',
  'max',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
]);

const KEYWORDS: ReadonlySet<string> = new Set<Keyword>([
  'offset',
  'smoothed',
  'anchored',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'fill',
  'fill_left',
  'fill_right',
  'bool',
]);

const PREPROCESSORS: readonly Preprocessor[] = ['start', 'end', 'step', 'range'];

const OPERATORS: ReadonlySet<string> = new Set<string>([
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '==',
  '!=',
  '=~',
  '!~',
  '<=',
  '<',
  '>=',
  '>',
  '</',
  '>/',
  '@',
  ...WORD_OPERATORS,
]);

const WORDS: ReadonlySet<string> = new Set([
  ...WORD_OPERATORS,
  ...AGGREGATORS,
  ...KEYWORDS,
  ...PREPROCESSORS,
]);

function isWord(text: string): text is WordOperator | AggregationOperator | Keyword | Preprocessor {
  return WORDS.has(text);
}

/** Whether a token names an aggregation, if what follows fits one. */
export function isAggregator(kind: TokenKind): kind is AggregationOperator {
  return AGGREGATORS.has(kind);
}

/** The kind of a word outside of braces; keywords are recognised in any case. */
export function wordKind(word: string): TokenKind {
  const lower = word.toLowerCase();
  if (lower === 'inf' || lower === 'nan') return 'NUMBER';
  if (isWord(lower)) return lower;
  return word.includes(':') ? 'METRIC_IDENTIFIER' : 'IDENTIFIER';
}

/** Keywords that can be a metric's name where an operand is expected. */
const METRIC_WORDS: ReadonlySet<string> = new Set([
  'IDENTIFIER',
  'METRIC_IDENTIFIER',
  ...AGGREGATORS,
  ...PREPROCESSORS,
  'min_of',
  'max_of',
  'by',
  'without',
  'and',
  'or',
  'unless',
  'offset',
  'anchored',
  'smoothed',
  'fill',
  'fill_left',
  'fill_right',
]);

/** Whether a token can stand for a metric's name. */
export function canBeMetricName(kind: TokenKind): boolean {
  return METRIC_WORDS.has(kind);
}

/** Whether a token can stand for a label's name in `by (…)`, `on (…)` and their like. */
export function canBeLabelName(kind: TokenKind): boolean {
  return METRIC_WORDS.has(kind) || KEYWORDS.has(kind) || kind === 'atan2';
}

const CLASS_NAMES: Partial<Record<TokenKind, string>> = {
  IDENTIFIER: 'identifier',
  METRIC_IDENTIFIER: 'metric identifier',
  STRING: 'string',
  NUMBER: 'number',
  DURATION: 'duration',
};

/** A token as Prometheus names it in a message: `identifier "foo"`, `<by>`, `<op:+>`, `end of input`. */
export function describeToken(token: Token): string {
  if (token.kind === 'EOF') return 'end of input';
  const className = CLASS_NAMES[token.kind];
  if (className !== undefined) return `${className} ${quoteShortened(token)}`;
  if (KEYWORDS.has(token.kind)) return `<${token.text}>`;
  if (OPERATORS.has(token.kind)) return `<op:${token.text}>`;
  if (AGGREGATORS.has(token.kind)) return `<aggr:${token.text}>`;
  return quoteShortened(token);
}

function quoteShortened(token: Token): string {
  const isName = token.kind === 'IDENTIFIER' || token.kind === 'METRIC_IDENTIFIER';
  if (isName || Buffer.byteLength(token.text) <= 10) return quoteLabelValue(token.text);
  return `${quoteLabelValue(Array.from(token.text).slice(0, 10).join(''))}...`;
}
