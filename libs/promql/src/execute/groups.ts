import { type Labels, METRIC_NAME } from '#libs/labels';
import type { Evaluation } from './evaluation.ts';
import { isMetadataLabel, SeriesShape } from './series-shape.ts';

/** A mask: rows between two looks at the clock, less one. */
const ROWS_PER_CHECK = 2_047;

/** Which group of an aggregation each row belongs to. */
export interface Groups {
  /** The group number of each row. */
  readonly groupOfRow: Int32Array;
  /** The rows of the result. */
  readonly shape: SeriesShape;
}

interface GroupTable extends Groups {
  readonly numberByKey: Map<string, number>;
  readonly labels: Labels[];
}

/** The groups of `by (…)` or `without (…)`, kept with the shape. */
export async function groupsOf(
  evaluation: Evaluation,
  shape: SeriesShape,
  grouping: readonly string[],
  isWithout: boolean,
): Promise<Groups> {
  const key = `groups:${isWithout ? 'without' : 'by'}:${JSON.stringify(grouping)}`;
  return shape.derivedLater<GroupTable>(key, async (before) =>
    buildGroups(evaluation, shape, grouping, isWithout, before),
  );
}

async function buildGroups(
  evaluation: Evaluation,
  shape: SeriesShape,
  grouping: readonly string[],
  isWithout: boolean,
  before: { readonly known: GroupTable; readonly previousRow: Int32Array } | null,
): Promise<GroupTable> {
  const groupOfRow = new Int32Array(shape.count);
  const numberByKey = new Map(before?.known.numberByKey);
  const labels = before === null ? [] : [...before.known.labels];
  const pendingRows: number[] = [];
  const names = new Set(grouping);
  const wanted = [...names];
  const ignored = new Set([...names, METRIC_NAME, '__type__', '__unit__']);
  for (let row = 0; row < shape.count; row++) {
    if ((row & ROWS_PER_CHECK) === 0 && evaluation.isPauseDue()) await evaluation.pause();
    const previous = before === null ? -1 : before.previousRow[row]!;
    if (previous !== -1) {
      groupOfRow[row] = before!.known.groupOfRow[previous]!;
      continue;
    }
    const groupKey = isWithout ? shape.keyWithout(row, ignored) : keyOfValues(shape, row, wanted);
    let group = numberByKey.get(groupKey);
    if (group === undefined) {
      group = labels.length;
      numberByKey.set(groupKey, group);
      const own = shape.labelsAt(row);
      labels.push(isWithout ? withoutLabels(own, names) : own.only(names));
      if (shape.isPendingDrop(row) && names.has(METRIC_NAME) && !isWithout) pendingRows.push(group);
    }
    groupOfRow[row] = group;
  }
  // Groups whose last row has gone stay, so that the others keep their numbers; but not for ever.
  if (before !== null && countUsed(groupOfRow, labels.length) * 2 < labels.length) {
    return buildGroups(evaluation, shape, grouping, isWithout, null);
  }
  const isUnchanged = before !== null && labels.length === before.known.labels.length;
  let groupShape: SeriesShape;
  if (isUnchanged) {
    groupShape = before.known.shape;
  } else if (pendingRows.length > 0) {
    const pendingDrop = new Uint8Array(labels.length);
    for (const row of pendingRows) pendingDrop[row] = 1;
    groupShape = new SeriesShape(labels, pendingDrop);
  } else {
    groupShape = SeriesShape.ofDistinct(labels);
  }
  return { groupOfRow, shape: groupShape, numberByKey, labels };
}

function countUsed(groupOfRow: Int32Array, groupCount: number): number {
  const isUsed = new Uint8Array(groupCount);
  let used = 0;
  for (const group of groupOfRow) {
    used += 1 - isUsed[group]!;
    isUsed[group] = 1;
  }
  return used;
}

function withoutLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return labels.filter((name) => !names.has(name) && !isMetadataLabel(name));
}

/** The values of the grouping labels, each with its length in front so that the joined text is unambiguous. */
function keyOfValues(shape: SeriesShape, row: number, names: readonly string[]): string {
  if (names.length === 1) return shape.labelAt(row, names[0]!);
  let key = '';
  for (const name of names) {
    const value = shape.labelAt(row, name);
    key += `${value.length}:${value}`;
  }
  return key;
}
