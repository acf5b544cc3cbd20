import type { Matcher } from '#libs/labels';

/** Where a node stands in the query text: UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What an expression evaluates to. */
export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix' | 'none';

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Unary
  | Binary
  | Aggregation
  | Call
  | Paren;

export interface NumberLiteral {
  readonly kind: 'number';
  readonly value: number;
  /** Written as a duration (`5m`), and printed as one. */
  readonly isDuration: boolean;
  readonly span: Span;
}

export interface StringLiteral {
  readonly kind: 'string';
  readonly value: string;
  readonly span: Span;
}

/** `@ 1234.5`, `@ start()` or `@ end()`. */
export type AtModifier =
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' };

/** A duration that may depend on the query's step or range: `5m`, `step() * 2`, `max_of(step(), 1m)`. */
export type DurationExpr =
  | {
      readonly kind: 'literal';
      readonly seconds: number;
      readonly isDuration: boolean;
      readonly span: Span;
    }
  | { readonly kind: 'step' | 'range'; readonly span: Span }
  | { readonly kind: 'negate'; readonly operand: DurationExpr; readonly span: Span }
  | {
      readonly kind: 'arithmetic';
      readonly operator: '+' | '-' | '*' | '/' | '%' | '^';
      readonly left: DurationExpr;
      readonly right: DurationExpr;
      readonly span: Span;
    }
  | {
      readonly kind: 'min' | 'max';
      readonly left: DurationExpr;
      readonly right: DurationExpr;
      readonly span: Span;
    }
  | { readonly kind: 'paren'; readonly operand: DurationExpr; readonly span: Span };

export interface VectorSelector {
  readonly kind: 'vector-selector';
  /** The metric name written before the braces, or empty. It is among `matchers` as well. */
  readonly metricName: string;
  /** Every condition in the order written; that of a metric name before the braces comes last. */
  readonly matchers: readonly Matcher[];
  readonly offset: DurationExpr | null;
  readonly at: AtModifier | null;
  /** The `anchored` and `smoothed` modifiers of the selector. */
  readonly extension: 'anchored' | 'smoothed' | null;
  readonly span: Span;
}

export interface MatrixSelector {
  readonly kind: 'matrix-selector';
  readonly selector: VectorSelector;
  readonly range: DurationExpr;
  readonly span: Span;
}

export interface Subquery {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly range: DurationExpr;
  /** Null for the default evaluation interval. */
  readonly step: DurationExpr | null;
  readonly offset: DurationExpr | null;
  readonly at: AtModifier | null;
  readonly span: Span;
}

export interface Unary {
  readonly kind: 'unary';
  readonly operator: '+' | '-';
  readonly operand: Expr;
  readonly span: Span;
}

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
/** `</` and `>/` trim native histograms. */
type TrimOperator = '</' | '>/';
type SetOperator = 'and' | 'or' | 'unless';
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | TrimOperator | SetOperator;

export interface VectorMatching {
  readonly cardinality: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';
  /** `on(…)` when true, `ignoring(…)` (or nothing) when false. */
  readonly isOn: boolean;
  readonly labels: readonly string[];
  /** The labels of `group_left(…)` or `group_right(…)`. */
  readonly include: readonly string[];
  /** `fill`, `fill_left`, `fill_right`: values for the side without a match, or null. */
  readonly fillLeft: number | null;
  readonly fillRight: number | null;
}

export interface Binary {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
  readonly returnsBool: boolean;
  /** Null unless both sides are vectors. */
  readonly matching: VectorMatching | null;
  readonly span: Span;
}

export type AggregationOperator =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'group'
  | 'count'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'limitk'
  | 'limit_ratio'
  | 'count_values'
  | 'quantile';

export interface Aggregation {
  readonly kind: 'aggregation';
  readonly operator: AggregationOperator;
  readonly expr: Expr;
  /** The `k` of topk, the φ of quantile, the label of count_values; null for the others. */
  readonly parameter: Expr | null;
  readonly grouping: readonly string[];
  readonly isWithout: boolean;
  readonly span: Span;
}

export interface Call {
  readonly kind: 'call';
  /** The function's name; the table of functions says what it takes and gives. */
  readonly functionName: string;
  readonly args: readonly Expr[];
  readonly span: Span;
}

export interface Paren {
  readonly kind: 'paren';
  readonly expr: Expr;
  readonly span: Span;
}
