import type { Labels, Matcher } from '#libs/labels';
import type { SampleWindow } from '#libs/samples';
import type { Posting } from './posting.ts';
import { basisOf, filterRows } from './resolve-matchers.ts';
import type { SeriesIndex } from './series-index.ts';

/** Reads samples of a row; see {@link Selection.read}. */
export interface SampleReader {
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void;
}

const NO_ROWS = new Uint32Array(0);

/**
 * The series that fulfil a set of matchers, kept current: looking at `version` or `rows` first takes in what has been
 * added since. As long as series are only added, that costs a look at the new rows of one posting.
 *
 * It fits the query engine's `SeriesSelection`.
 */
export class Selection {
  readonly matchers: readonly Matcher[];
  readonly #index: SeriesIndex;
  readonly #reader: SampleReader;
  #rows: Uint32Array = NO_ROWS;
  /** No two selections ever have the same, so that none is taken for one that was forgotten. */
  static #versions = 0;
  #version = ++Selection.#versions;
  #posting: Posting | null = null;
  #rest: readonly Matcher[] = [];
  #epoch = -1;
  #seen = 0;

  constructor(index: SeriesIndex, reader: SampleReader, matchers: readonly Matcher[]) {
    this.#index = index;
    this.#reader = reader;
    this.matchers = matchers;
  }

  /** Changes whenever `rows` does. */
  get version(): number {
    this.#refresh();
    return this.#version;
  }

  /** Ascending row numbers. The array is never written to again; a change makes a new one. */
  get rows(): Uint32Array {
    this.#refresh();
    return this.#rows;
  }

  labelsOf(row: number): Labels {
    return this.#index.labelsOf(row);
  }

  /**
   * Points `window` at the row's samples with `minMs <= t <= maxMs`, ascending, stale markers included. Valid until the
   * next read through the same window or the next write to the store.
   */
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    this.#reader.read(row, minMs, maxMs, window);
  }

  #refresh(): void {
    const posting = this.#posting;
    if (posting === null || posting.epoch !== this.#epoch || posting.length === 0) {
      this.#resolve();
      return;
    }
    if (posting.length === this.#seen) return;
    const fresh = posting.rows().subarray(this.#seen);
    this.#seen = posting.length;
    const added = filterRows(this.#index, fresh, this.#rest);
    if (added.length === 0) return;
    // Unless rows were reused (then the epoch has changed), new rows are higher than all before.
    const rows = new Uint32Array(this.#rows.length + added.length);
    rows.set(this.#rows);
    rows.set(added, this.#rows.length);
    this.#rows = rows;
    this.#version = ++Selection.#versions;
  }

  #resolve(): void {
    const basis = basisOf(this.#index, this.matchers);
    this.#posting = basis?.posting ?? null;
    this.#rest = basis?.rest ?? [];
    this.#epoch = basis?.posting.epoch ?? -1;
    this.#seen = basis?.posting.length ?? 0;
    const rows =
      basis === null ? NO_ROWS : filterRows(this.#index, basis.posting.rows(), basis.rest);
    if (rows.length === 0 && this.#rows.length === 0) return;
    this.#rows = rows;
    this.#version = ++Selection.#versions;
  }
}

/** A selection that nobody has asked for in so long is forgotten. */
const UNUSED_MS = 3_600_000;

/** Hands out the same selection for equal matchers; forgets the ones that were asked for longest ago. */
export class SelectionCache {
  readonly #index: SeriesIndex;
  readonly #reader: SampleReader;
  readonly #limit: number;
  /** The one asked for longest ago first. */
  readonly #selections = new Map<string, { readonly selection: Selection; usedMs: number }>();
  #nowMs = -Infinity;

  constructor(index: SeriesIndex, reader: SampleReader, limit: number) {
    this.#index = index;
    this.#reader = reader;
    this.#limit = limit;
  }

  get size(): number {
    return this.#selections.size;
  }

  select(matchers: readonly Matcher[]): Selection {
    const key = keyOf(matchers);
    const known = this.#selections.get(key);
    const selection = known?.selection ?? new Selection(this.#index, this.#reader, matchers);
    if (known !== undefined) this.#selections.delete(key);
    else if (this.#selections.size >= this.#limit) {
      this.#selections.delete(this.#selections.keys().next().value!);
    }
    this.#selections.set(key, { selection, usedMs: this.#nowMs });
    return selection;
  }

  /** Tells the time, and forgets what nobody has asked for in an hour. */
  forgetUnused(nowMs: number): void {
    if (this.#nowMs === -Infinity) {
      for (const one of this.#selections.values()) one.usedMs = nowMs;
    }
    this.#nowMs = nowMs;
    for (const [key, { usedMs }] of this.#selections) {
      if (usedMs >= nowMs - UNUSED_MS) return;
      this.#selections.delete(key);
    }
  }
}

function keyOf(matchers: readonly Matcher[]): string {
  let key = '';
  for (const { key: one } of matchers) key += `${one.length}:${one}`;
  return key;
}
