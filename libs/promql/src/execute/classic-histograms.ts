import { Labels, METRIC_NAME } from '#libs/labels';
import { SeriesShape } from './series-shape.ts';

const BUCKET_LABEL = 'le';

/** Which rows of a vector make up which classic histogram. */
export interface ClassicGroups {
  /** The histogram each row belongs to: with its `le` label taken off, whether or not it had one. */
  readonly groupOfRow: Int32Array;
  /** The rows of each group that have a bound, by ascending bound. */
  readonly bucketRows: readonly (readonly number[])[];
  readonly boundOfRow: Float64Array;
  /** Without `le`, names kept. */
  readonly shape: SeriesShape;
}

/** Sorts the rows of a shape into classic histograms; kept with the shape. */
export function classicGroupsOf(shape: SeriesShape): ClassicGroups {
  return shape.derived<ClassicGroups>('classic-histograms', () => {
    const groupOfRow = new Int32Array(shape.count);
    const boundOfRow = new Float64Array(shape.count);
    const numbers = new Map<string, number>();
    const labels: Labels[] = [];
    const pending: number[] = [];
    const bucketRows: number[][] = [];
    for (let row = 0; row < shape.count; row++) {
      const bound = parseBound(shape.labelAt(row, BUCKET_LABEL));
      boundOfRow[row] = bound;
      const own = shape.labelsAt(row).with(BUCKET_LABEL, '');
      const key = `${shape.isPendingDrop(row) ? 1 : 0}${own.key}`;
      let group = numbers.get(key);
      if (group === undefined) {
        group = labels.length;
        numbers.set(key, group);
        labels.push(own);
        pending.push(shape.isPendingDrop(row) ? 1 : 0);
        bucketRows.push([]);
      }
      groupOfRow[row] = group;
      if (!Number.isNaN(bound)) bucketRows[group]!.push(row);
    }
    for (const rows of bucketRows) rows.sort((a, b) => boundOfRow[a]! - boundOfRow[b]! || a - b);
    const pendingDrop = pending.includes(1) ? Uint8Array.from(pending) : null;
    return { groupOfRow, bucketRows, boundOfRow, shape: new SeriesShape(labels, pendingDrop) };
  });
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The number a `le` label stands for, NaN if it is none. */
function parseBound(text: string): number {
  if (/^\+?inf(?:inity)?$/i.test(text)) return Infinity;
  if (/^-inf(?:inity)?$/i.test(text)) return -Infinity;
  if (NUMBER.test(text) || /^[+]?0[xX][0-9a-fA-F]+$/.test(text)) return Number(text);
  return Number.NaN;
}

/** The metric name to speak of in remarks on a group. */
export function nameOfGroup(groups: ClassicGroups, group: number): string {
  return groups.shape.labelsAt(group).get(METRIC_NAME);
}
