import type { Matcher } from '#libs/labels';

/** A query of either kind: one gives lines, the other numbers. */
export type LogqlExpr = LogExpr | MetricExpr;

/** A stream selector and what becomes of its lines, stage by stage. */
export interface LogExpr {
  readonly kind: 'log';
  readonly matchers: readonly Matcher[];
  readonly stages: readonly Stage[];
}

export type LineFilterOperator = '|=' | '!=' | '|~' | '!~' | '|>' | '!>';

/** One of the texts of a line filter: to be found in the line, or an IP address, range or CIDR. */
export interface LineFilterText {
  readonly kind: 'text' | 'ip';
  readonly value: string;
}

/** `label="expression"` of the parsers that take only what they are told. */
export interface LabelExtraction {
  readonly label: string;
  readonly expression: string;
}

export type ComparisonOperator = '==' | '!=' | '>' | '>=' | '<' | '<=';

export type LabelFilter =
  | { readonly kind: 'and' | 'or'; readonly left: LabelFilter; readonly right: LabelFilter }
  | { readonly kind: 'matcher'; readonly matcher: Matcher }
  | {
      /** A duration compares in nanoseconds, a size in bytes. */
      readonly kind: 'number' | 'duration' | 'bytes';
      readonly label: string;
      readonly operator: ComparisonOperator;
      readonly value: number;
    }
  | {
      readonly kind: 'ip';
      readonly label: string;
      readonly isNegated: boolean;
      readonly value: string;
    };

/** `target=source` renames, `target="template"` computes. */
export interface LabelAssignment {
  readonly target: string;
  readonly source: { readonly kind: 'label' | 'template'; readonly value: string };
}

/** A label of `drop` or `keep`: any value, or those that a matcher accepts. */
export type LabelChoice =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'matcher'; readonly matcher: Matcher };

export type Stage =
  | {
      readonly kind: 'line-filter';
      readonly operator: LineFilterOperator;
      /** Joined by `or`; at least one. */
      readonly texts: readonly LineFilterText[];
    }
  | { readonly kind: 'json'; readonly extractions: readonly LabelExtraction[] }
  | {
      readonly kind: 'logfmt';
      readonly isStrict: boolean;
      readonly keepsEmpty: boolean;
      readonly extractions: readonly LabelExtraction[];
    }
  | { readonly kind: 'regexp' | 'pattern'; readonly pattern: string }
  | { readonly kind: 'unpack' | 'decolorize' }
  | { readonly kind: 'label-filter'; readonly filter: LabelFilter }
  | { readonly kind: 'line-format'; readonly template: string }
  | { readonly kind: 'label-format'; readonly assignments: readonly LabelAssignment[] }
  | { readonly kind: 'drop' | 'keep'; readonly choices: readonly LabelChoice[] };

export type MetricExpr =
  NumberLiteral | VectorLiteral | RangeAggregation | VectorAggregation | LabelReplace | BinaryExpr;

interface NumberLiteral {
  readonly kind: 'number';
  readonly value: number;
}

/** `vector(1)`. */
interface VectorLiteral {
  readonly kind: 'vector';
  readonly value: number;
}

export type RangeOperator =
  | 'rate'
  | 'rate_counter'
  | 'count_over_time'
  | 'bytes_rate'
  | 'bytes_over_time'
  | 'absent_over_time'
  | 'sum_over_time'
  | 'avg_over_time'
  | 'min_over_time'
  | 'max_over_time'
  | 'first_over_time'
  | 'last_over_time'
  | 'stddev_over_time'
  | 'stdvar_over_time'
  | 'quantile_over_time';

/** `by (…)` or `without (…)`. */
export interface Grouping {
  readonly isWithout: boolean;
  readonly labels: readonly string[];
}

/** `| unwrap label`: the label whose value is the sample. */
export interface Unwrap {
  readonly label: string;
  /** How the text becomes a number; durations become seconds. */
  readonly conversion: 'number' | 'duration' | 'duration_seconds' | 'bytes';
  /** Label filters written after it. */
  readonly filters: readonly LabelFilter[];
}

export interface RangeAggregation {
  readonly kind: 'range-aggregation';
  readonly operator: RangeOperator;
  /** The φ of `quantile_over_time`, null for the others. */
  readonly parameter: number | null;
  readonly log: LogExpr;
  readonly unwrap: Unwrap | null;
  readonly rangeNs: number;
  readonly offsetNs: number;
  readonly grouping: Grouping | null;
}

export type VectorOperator =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'count'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'sort'
  | 'sort_desc';

export interface VectorAggregation {
  readonly kind: 'vector-aggregation';
  readonly operator: VectorOperator;
  /** The k of `topk` and `bottomk`, null for the others. */
  readonly parameter: number | null;
  readonly expr: MetricExpr;
  readonly grouping: Grouping | null;
}

interface LabelReplace {
  readonly kind: 'label-replace';
  readonly expr: MetricExpr;
  readonly target: string;
  readonly replacement: string;
  readonly source: string;
  readonly pattern: string;
}

export type BinaryOperator =
  'or' | 'and' | 'unless' | '+' | '-' | '*' | '/' | '%' | '^' | ComparisonOperator;

/** `on (…)` or `ignoring (…)`, and `group_left (…)` or `group_right (…)`. */
export interface VectorMatching {
  readonly isOn: boolean;
  readonly labels: readonly string[];
  readonly group: 'left' | 'right' | null;
  readonly include: readonly string[];
}

export interface BinaryExpr {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: MetricExpr;
  readonly right: MetricExpr;
  readonly returnsBool: boolean;
  /** Null where nothing was written. */
  readonly matching: VectorMatching | null;
}
