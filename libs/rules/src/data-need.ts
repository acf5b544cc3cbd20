import type { Binary, Expr, VectorSelector } from '#libs/promql';

/** Which label names of an alert a series it came from has as well: these, or all but these. */
export interface SharedNames {
  readonly isExcept: boolean;
  readonly names: ReadonlySet<string>;
}

/**
 * What an expression needs to give anything: data of a selector, of all parts, or of any of them. `nothing` is an
 * expression that gives something without data, such as `absent(x)` or a number.
 */
export type DataNeed =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'selector'; readonly selector: VectorSelector; readonly shared: SharedNames }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly DataNeed[] };

const NOTHING: DataNeed = { kind: 'nothing' };
const ALL_NAMES: SharedNames = { isExcept: true, names: new Set() };
/** Calls that give something where there is no data. */
const WITHOUT_DATA = new Set(['absent', 'absent_over_time', 'vector', 'time', 'pi']);

/** What an expression needs to give anything, and how its series relate to the alerts it gives. */
export function dataNeedOf(expr: Expr, shared: SharedNames = ALL_NAMES): DataNeed {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return NOTHING;
    case 'vector-selector':
      return { kind: 'selector', selector: expr, shared };
    case 'matrix-selector':
      return { kind: 'selector', selector: expr.selector, shared };
    case 'subquery':
    case 'paren':
      return dataNeedOf(expr.expr, shared);
    case 'unary':
      return dataNeedOf(expr.operand, shared);
    case 'aggregation': {
      const { operator, grouping, isWithout, parameter } = expr;
      const keepsAll = ['topk', 'bottomk', 'limitk', 'limit_ratio'].includes(operator);
      let inner = shared;
      if (!keepsAll) inner = isWithout ? except(shared, grouping) : only(shared, grouping);
      if (operator === 'count_values' && parameter?.kind === 'string') {
        inner = except(inner, [parameter.value]);
      }
      return dataNeedOf(expr.expr, inner);
    }
    case 'call': {
      if (WITHOUT_DATA.has(expr.functionName)) return NOTHING;
      const written = expr.args[1];
      const isRelabel = expr.functionName === 'label_replace' || expr.functionName === 'label_join';
      const inner =
        isRelabel && written?.kind === 'string' ? except(shared, [written.value]) : shared;
      return allOf(expr.args.map((arg) => dataNeedOf(arg, inner)));
    }
    case 'binary':
      return needOfBinary(expr, shared);
  }
}

function needOfBinary(expr: Binary, shared: SharedNames): DataNeed {
  const { operator, left, right, matching } = expr;
  if (operator === 'or') {
    return { kind: 'any', parts: [dataNeedOf(left, shared), dataNeedOf(right, shared)] };
  }
  if (operator === 'unless') return dataNeedOf(left, shared);
  if (matching === null) return allOf([dataNeedOf(left, shared), dataNeedOf(right, shared)]);
  // Of the side whose labels the result does not have, only the labels matched on are in it for certain.
  const matched = matching.isOn ? only(shared, matching.labels) : except(shared, matching.labels);
  const own = except(shared, matching.include);
  const leftIsOne = matching.cardinality === 'one-to-many';
  return allOf([
    dataNeedOf(left, leftIsOne ? matched : own),
    dataNeedOf(right, leftIsOne ? own : matched),
  ]);
}

function allOf(parts: readonly DataNeed[]): DataNeed {
  const needed = parts.filter(({ kind }) => kind !== 'nothing');
  if (needed.length === 0) return NOTHING;
  return needed.length === 1 ? needed[0]! : { kind: 'all', parts: needed };
}

function only(shared: SharedNames, names: readonly string[]): SharedNames {
  return { isExcept: false, names: new Set(names.filter((name) => isShared(shared, name))) };
}

function except(shared: SharedNames, names: readonly string[]): SharedNames {
  if (names.length === 0) return shared;
  const left = new Set(shared.names);
  for (const name of names) {
    if (shared.isExcept) left.add(name);
    else left.delete(name);
  }
  return { isExcept: shared.isExcept, names: left };
}

/** Whether an alert's label of this name is its series' label too. */
export function isShared({ isExcept, names }: SharedNames, name: string): boolean {
  return names.has(name) !== isExcept;
}
