import { ABSENT, type Block, HISTOGRAM, noHistograms } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { QueryError } from './query-error.ts';
import { SeriesShape } from './series-shape.ts';
import type { Labels } from '#libs/labels';

/** Prometheus's message for two series that would have the same labels. */
export const SAME_LABELSET = 'vector cannot contain metrics with the same labelset';

/** The rows of an operation that changes what the values mean: without name, type and unit, now or at the end. */
export function shapeWithoutMetadata(evaluation: Evaluation, shape: SeriesShape): SeriesShape {
  return evaluation.options.delayedNameRemoval ? shape.markedForDrop() : shape.withoutMetadata();
}

/**
 * Rows that have the same labels become one.
 * @throws QueryError when two of them have a value at the same step
 */
export function mergeCollisions(block: Block): Block {
  const firstRow = block.shape.collisions();
  if (firstRow === null) return block;
  const { stepCount, shape } = block;
  const target = new Int32Array(shape.count).fill(-1);
  const labels: Labels[] = [];
  const pending: number[] = [];
  for (let row = 0; row < shape.count; row++) {
    if (firstRow[row] !== row) continue;
    target[row] = labels.length;
    labels.push(shape.labelsAt(row));
    pending.push(shape.isPendingDrop(row) ? 1 : 0);
  }
  const cells = labels.length * stepCount;
  const values = new Float64Array(cells);
  const present = new Uint8Array(cells);
  const histograms: Block['histograms'] = block.histograms === null ? null : noHistograms(cells);
  for (let row = 0; row < shape.count; row++) {
    const to = target[firstRow[row]!]! * stepCount;
    for (let step = 0; step < stepCount; step++) {
      const kind = block.present[row * stepCount + step]!;
      if (kind === ABSENT) continue;
      if (present[to + step] !== ABSENT) throw new QueryError('execution', SAME_LABELSET);
      present[to + step] = kind;
      values[to + step] = block.values[row * stepCount + step]!;
      if (kind === HISTOGRAM) histograms![to + step] = block.histograms![row * stepCount + step]!;
    }
  }
  const pendingDrop = shape.pendingDrop === null ? null : Uint8Array.from(pending);
  return {
    shape: new SeriesShape(labels, pendingDrop),
    stepCount,
    values,
    present,
    histograms,
  };
}

/** The block with metadata labels dropped where that was put off. @throws QueryError as {@link mergeCollisions} */
export function dropPendingMetadata(block: Block): Block {
  const { shape } = block;
  if (shape.pendingDrop === null) return block;
  const isEveryRow = shape.pendingDrop.every((flag) => flag === 1);
  const stripped = isEveryRow
    ? shape.withoutMetadata()
    : new SeriesShape(
        Array.from({ length: shape.count }, (_, row) =>
          shape.isPendingDrop(row) ? shape.withoutMetadata().labelsAt(row) : shape.labelsAt(row),
        ),
      );
  return mergeCollisions({ ...block, shape: stripped });
}
