import { Labels, METRIC_NAME } from '#libs/labels';
import type { VectorMatching } from '../ast.ts';
import type { Evaluation } from './evaluation.ts';
import type { SeriesShape } from './series-shape.ts';

/** Pairs that meet at every step, with the rows of the result. */
export interface FixedPairs {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly shape: SeriesShape;
}

/** The match group of each row of both sides of an operator. */
export interface MatchGroups {
  readonly groupCount: number;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** The pairs operators found in these groups, null where there are no fixed ones; by a key for the operator. */
  readonly derivedPairs: Map<string, FixedPairs | null>;
}

/** The labels that two elements must have in common to match. */
export function matchLabels(labels: Labels, matching: VectorMatching): Labels {
  if (matching.isOn) return labels.only(new Set(matching.labels));
  const ignored = new Set(matching.labels);
  return labels.filter((name) => name !== METRIC_NAME && !ignored.has(name));
}

/** A mask: rows between two looks at the clock, less one. */
const ROWS_PER_CHECK = 2_047;

/** A text for everything about a matching that its groups and results depend on. */
export function matchingKey(matching: VectorMatching): string {
  return JSON.stringify([
    matching.cardinality,
    matching.isOn,
    matching.labels.toSorted(),
    matching.include.toSorted(),
    matching.fillLeft,
    matching.fillRight,
  ]);
}

/** Right sides for which a left one keeps its match groups. */
const MAX_PARTNERS = 4;

interface Partner {
  readonly shape: SeriesShape;
  readonly groups: MatchGroups;
}

/** The match groups of two shapes, kept with the left one for the right ones it has met last. */
export async function matchGroupsOf(
  evaluation: Evaluation,
  left: SeriesShape,
  right: SeriesShape,
  matching: VectorMatching,
): Promise<MatchGroups> {
  const partners = left.derived<Partner[]>(`match:${matchingKey(matching)}`, () => []);
  const known = partners.find((partner) => partner.shape === right);
  if (known !== undefined) return known.groups;
  const numbers = new Map<string, number>();
  const leftGroups = await numberRows(evaluation, left, matching, numbers);
  const rightGroups = await numberRows(evaluation, right, matching, numbers);
  const groups: MatchGroups = {
    groupCount: numbers.size,
    left: leftGroups,
    right: rightGroups,
    derivedPairs: new Map(),
  };
  partners.unshift({ shape: right, groups });
  partners.length = Math.min(partners.length, MAX_PARTNERS);
  return groups;
}

async function numberRows(
  evaluation: Evaluation,
  shape: SeriesShape,
  matching: VectorMatching,
  numbers: Map<string, number>,
): Promise<Int32Array> {
  const groups = new Int32Array(shape.count);
  const names = matching.isOn ? [...new Set(matching.labels)] : null;
  const ignored = new Set([...matching.labels, METRIC_NAME]);
  for (let row = 0; row < shape.count; row++) {
    if ((row & ROWS_PER_CHECK) === 0 && evaluation.isPauseDue()) await evaluation.pause();
    const key = names === null ? shape.keyWithout(row, ignored) : keyOf(shape, row, names);
    let number = numbers.get(key);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(key, number);
    }
    groups[row] = number;
  }
  return groups;
}

function keyOf(shape: SeriesShape, row: number, names: readonly string[]): string {
  let key = '';
  for (const name of names) {
    const value = shape.labelAt(row, name);
    key += `${value.length}:${value}`;
  }
  return key;
}
