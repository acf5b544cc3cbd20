import type { FloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { SeriesShape } from './series-shape.ts';

/** What a cell of a block holds. */
export const ABSENT = 0;
export const FLOAT = 1;
export const HISTOGRAM = 2;

/**
 * The value of a vector expression over a timeline: one row for each series, one column for each step, row by row. A block
 * is not written to once it has left the node that made it, so nodes and queries may share it.
 */
export interface Block {
  readonly shape: SeriesShape;
  readonly stepCount: number;
  /** Meaningless where the cell is not a float. */
  readonly values: Float64Array;
  /** {@link ABSENT}, {@link FLOAT} or {@link HISTOGRAM} for each cell. */
  readonly present: Uint8Array;
  /** Null when no cell is a histogram. */
  readonly histograms: (FloatHistogram | null)[] | null;
}

/** A block that its node is still writing. */
export type MutableBlock = { -readonly [K in keyof Block]: Block[K] };

/** As many cells without a histogram. */
export function noHistograms(cells: number): (FloatHistogram | null)[] {
  return Array.from<FloatHistogram | null>({ length: cells }).fill(null);
}

const EMPTY_SHAPE = SeriesShape.ofDistinct([]);
const SINGLE_EMPTY_SHAPE = SeriesShape.ofDistinct([Labels.EMPTY]);

/** A block without rows. */
export function emptyBlock(stepCount: number): Block {
  return {
    shape: EMPTY_SHAPE,
    stepCount,
    values: new Float64Array(0),
    present: new Uint8Array(0),
    histograms: null,
  };
}

/** One row without labels that has a float at every step. */
export function blockOfScalar(values: Float64Array): Block {
  return {
    shape: SINGLE_EMPTY_SHAPE,
    stepCount: values.length,
    values,
    present: new Uint8Array(values.length).fill(FLOAT),
    histograms: null,
  };
}

/** Repeats a block of one step at each of `stepCount` steps. */
export function repeatBlock(block: Block, stepCount: number): Block {
  if (stepCount === 1) return block;
  const rows = block.shape.count;
  const values = new Float64Array(rows * stepCount);
  const present = new Uint8Array(rows * stepCount);
  const histograms = block.histograms === null ? null : noHistograms(rows * stepCount);
  for (let row = 0; row < rows; row++) {
    const from = row * stepCount;
    values.fill(block.values[row]!, from, from + stepCount);
    present.fill(block.present[row]!, from, from + stepCount);
    histograms?.fill(block.histograms![row] ?? null, from, from + stepCount);
  }
  return { shape: block.shape, stepCount, values, present, histograms };
}

interface OpenRow {
  readonly labels: Labels;
  readonly pendingDrop: boolean;
  readonly values: Float64Array;
  readonly present: Uint8Array;
  histograms: (FloatHistogram | null)[] | null;
}

/** Builds a block whose rows are not known beforehand, as with `count_values` or `or`. */
export class BlockBuilder {
  readonly #stepCount: number;
  readonly #rows: OpenRow[] = [];
  readonly #rowByKey = new Map<string, number>();

  constructor(stepCount: number) {
    this.#stepCount = stepCount;
  }

  /** The row with these labels, made if there is none. The first caller's `pendingDrop` stays. */
  rowOf(labels: Labels, pendingDrop = false): number {
    const known = this.#rowByKey.get(labels.key);
    if (known !== undefined) return known;
    const row = this.addRow(labels, pendingDrop);
    this.#rowByKey.set(labels.key, row);
    return row;
  }

  /** A row of its own, whatever labels the others have. */
  addRow(labels: Labels, pendingDrop = false): number {
    this.#rows.push({
      labels,
      pendingDrop,
      values: new Float64Array(this.#stepCount),
      present: new Uint8Array(this.#stepCount),
      histograms: null,
    });
    return this.#rows.length - 1;
  }

  isPresent(row: number, step: number): boolean {
    return this.#rows[row]!.present[step] !== ABSENT;
  }

  setFloat(row: number, step: number, value: number): void {
    const open = this.#rows[row]!;
    open.values[step] = value;
    open.present[step] = FLOAT;
  }

  setHistogram(row: number, step: number, histogram: FloatHistogram): void {
    const open = this.#rows[row]!;
    open.histograms ??= noHistograms(this.#stepCount);
    open.histograms[step] = histogram;
    open.present[step] = HISTOGRAM;
  }

  /** Copies a cell of another block, if it is present. */
  copyCell(row: number, step: number, from: Block, cell: number): void {
    const kind = from.present[cell];
    if (kind === FLOAT) this.setFloat(row, step, from.values[cell]!);
    else if (kind === HISTOGRAM) this.setHistogram(row, step, from.histograms![cell]!);
  }

  build(): Block {
    const rows = this.#rows;
    const stepCount = this.#stepCount;
    const cells = rows.length * stepCount;
    const values = new Float64Array(cells);
    const present = new Uint8Array(cells);
    let histograms: (FloatHistogram | null)[] | null = null;
    let pendingDrop: Uint8Array | null = null;
    const labels: Labels[] = [];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      labels.push(row.labels);
      values.set(row.values, i * stepCount);
      present.set(row.present, i * stepCount);
      if (row.pendingDrop) {
        pendingDrop ??= new Uint8Array(rows.length);
        pendingDrop[i] = 1;
      }
      if (row.histograms !== null) {
        histograms ??= noHistograms(cells);
        for (let step = 0; step < stepCount; step++) {
          histograms[i * stepCount + step] = row.histograms[step]!;
        }
      }
    }
    return { shape: new SeriesShape(labels, pendingDrop), stepCount, values, present, histograms };
  }
}
