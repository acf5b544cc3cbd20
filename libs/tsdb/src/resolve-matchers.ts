import type { Matcher } from '#libs/labels';
import type { Posting } from './posting.ts';
import type { SeriesIndex } from './series-index.ts';

/** Where candidates for a set of matchers come from: the posting of one equality, or every row. */
export interface Basis {
  readonly posting: Posting;
  /** The matchers the posting does not already answer. */
  readonly rest: readonly Matcher[];
}

/** Below this many candidates, looking at each row's own label beats reading whole postings. */
const FEW_CANDIDATES = 2_048;

const NO_ROWS = new Uint32Array(0);

/**
 * The cheapest place to start: the shortest posting among the equalities.
 * @returns null when an equality asks for a value that no series has, so that nothing can match
 */
export function basisOf(index: SeriesIndex, matchers: readonly Matcher[]): Basis | null {
  let chosen: Matcher | null = null;
  let posting = index.all;
  for (const matcher of matchers) {
    const value = requiredValue(matcher);
    if (value === null) continue;
    const pair = index.valuesOf(matcher.name).get(value);
    if (pair === undefined) return null;
    const candidate = index.posting(pair);
    if (chosen !== null && candidate.length >= posting.length) continue;
    chosen = matcher;
    posting = candidate;
  }
  return { posting, rest: matchers.filter((matcher) => matcher !== chosen) };
}

/** The only value a matcher accepts, if it is one and not empty. */
function requiredValue(matcher: Matcher): string | null {
  if (matcher.kind === '=') return matcher.value === '' ? null : matcher.value;
  if (matcher.kind !== '=~') return null;
  const { shape } = matcher.regexp!;
  if (shape.kind !== 'alternatives' || shape.values.length !== 1) return null;
  return shape.values[0] === '' ? null : shape.values[0]!;
}

/**
 * The rows among `candidates` (ascending) that fulfil every matcher, ascending. A label that a series lacks counts as
 * the empty string.
 */
export function filterRows(
  index: SeriesIndex,
  candidates: Uint32Array,
  matchers: readonly Matcher[],
): Uint32Array {
  let rows = candidates;
  for (const matcher of matchers) {
    if (rows.length === 0) return NO_ROWS;
    rows =
      rows.length <= FEW_CANDIDATES
        ? filterByOwnLabel(index, rows, matcher)
        : filterByPostings(index, rows, matcher);
  }
  // The caller keeps the result; a view on a posting would change under it.
  return rows === candidates ? rows.slice() : rows;
}

function filterByOwnLabel(index: SeriesIndex, rows: Uint32Array, matcher: Matcher): Uint32Array {
  const nameId = index.nameId(matcher.name);
  const verdicts = new Map<number, boolean>();
  const kept = new Uint32Array(rows.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const pair = nameId < 0 ? -1 : index.pairOfRow(rows[i]!, nameId);
    let verdict = verdicts.get(pair);
    if (verdict === undefined) {
      verdict = matcher.matches(pair < 0 ? '' : index.valueOfPair(pair));
      verdicts.set(pair, verdict);
    }
    if (verdict) kept[count++] = rows[i]!;
  }
  return kept.slice(0, count);
}

/**
 * Marks the rows of every value in question in a bitmap. A matcher that accepts the empty string is answered the other way
 * round, by the values it does not accept: rows without the label are then kept without looking at them.
 */
function filterByPostings(index: SeriesIndex, rows: Uint32Array, matcher: Matcher): Uint32Array {
  const acceptsAbsent = matcher.matchesEmpty;
  const marked = new Uint8Array(index.rowCount);
  let markedCount = 0;
  for (const pair of pairsOf(index, matcher, !acceptsAbsent)) {
    const posting = index.posting(pair).rows();
    markedCount += posting.length;
    for (let i = 0; i < posting.length; i++) marked[posting[i]!] = 1;
  }
  if (markedCount === 0) return acceptsAbsent ? rows : NO_ROWS;
  const wanted = acceptsAbsent ? 0 : 1;
  const kept = new Uint32Array(rows.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    if (marked[rows[i]!] === wanted) kept[count++] = rows[i]!;
  }
  return kept.slice(0, count);
}

/** The pairs of a label whose value the matcher accepts, or those whose value it does not. */
function pairsOf(index: SeriesIndex, matcher: Matcher, accepted: boolean): number[] {
  const values = index.valuesOf(matcher.name);
  const listed = listedValues(matcher);
  const isNegative = matcher.kind === '!=' || matcher.kind === '!~';
  const pairs: number[] = [];
  // The values written in the matcher can be looked up, unless the question is which ones are not among them.
  if (listed !== null && isNegative !== accepted) {
    for (const value of new Set(listed)) {
      const pair = values.get(value);
      if (pair !== undefined) pairs.push(pair);
    }
    return pairs;
  }
  for (const [value, pair] of values) if (matcher.matches(value) === accepted) pairs.push(pair);
  return pairs;
}

function listedValues(matcher: Matcher): readonly string[] | null {
  if (matcher.regexp === null) return [matcher.value];
  const { shape } = matcher.regexp;
  return shape.kind === 'alternatives' ? shape.values : null;
}
