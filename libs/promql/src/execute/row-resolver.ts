import type { Labels, Matcher } from '#libs/labels';
import type { SeriesSelection, SeriesSource } from '../series-source.ts';
import type { Evaluation } from './evaluation.ts';
import { QueryError } from './query-error.ts';
import { SeriesShape } from './series-shape.ts';

/** The rows a selector matched and what the nodes above know of them. */
export interface ResolvedRows {
  readonly source: SeriesSource;
  readonly selection: SeriesSelection;
  readonly version: number;
  readonly rows: Uint32Array;
  readonly shape: SeriesShape;
}

/** Selections kept; a source that cuts its data by time may hand out several for one set of matchers. */
const MAX_SLOTS = 4;

/**
 * Keeps the rows a set of matchers selects from evaluation to evaluation. Plans of one engine share it, so that labels are
 * looked up, grouped and matched once for all of them.
 */
export class RowResolver {
  readonly matchers: readonly Matcher[];
  #slots: ResolvedRows[] = [];

  constructor(matchers: readonly Matcher[]) {
    this.matchers = matchers;
  }

  /** @throws QueryError when the source fails */
  async resolve(evaluation: Evaluation, minMs: number, maxMs: number): Promise<ResolvedRows> {
    const { source, signal } = evaluation.options;
    let selection: SeriesSelection;
    try {
      const answer = source.select(this.matchers, minMs, maxMs, signal ?? undefined);
      // Awaiting what is there already would cost a turn of the microtask queue for each of a round's selectors.
      selection = answer instanceof Promise ? await answer : answer;
    } catch (error) {
      evaluation.check();
      if (error instanceof QueryError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new QueryError('storage', reason, { cause: error });
    }
    const index = this.#slots.findIndex(
      (slot) => slot.selection === selection && slot.source === source,
    );
    const known = index === -1 ? null : this.#slots[index]!;
    if (known !== null && known.version === selection.version) return known;
    const rows = selection.rows.slice();
    const fresh: ResolvedRows = {
      source,
      selection,
      version: selection.version,
      rows,
      shape: known === null ? shapeOf(selection, rows) : grownShape(known, selection, rows),
    };
    if (index !== -1) this.#slots.splice(index, 1);
    this.#slots = [fresh, ...this.#slots].slice(0, MAX_SLOTS);
    return fresh;
  }
}

function shapeOf(selection: SeriesSelection, rows: Uint32Array): SeriesShape {
  const labels: Labels[] = [];
  for (const row of rows) labels.push(selection.labelsOf(row));
  return SeriesShape.ofDistinct(labels);
}

/** The new shape with a note of where each row stood before, so that the nodes above need not start over. */
function grownShape(
  before: ResolvedRows,
  selection: SeriesSelection,
  rows: Uint32Array,
): SeriesShape {
  const labels: Labels[] = [];
  const previousRow = new Int32Array(rows.length).fill(-1);
  const old = before.rows;
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const current = selection.labelsOf(row);
    while (at < old.length && old[at]! < row) at++;
    // A row number may have been given to another series since.
    if (at < old.length && old[at] === row && before.shape.labelsAt(at).equals(current)) {
      previousRow[i] = at;
      labels.push(before.shape.labelsAt(at));
    } else {
      labels.push(current);
    }
  }
  before.shape.forgetOrigin();
  const shape = SeriesShape.ofDistinct(labels);
  shape.grewFrom(before.shape, previousRow);
  return shape;
}
