import { compareUtf8, type Labels, type Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import { type CardinalityStatistics, cardinalityOf } from './cardinality.ts';
import { basisOf, filterRows } from './resolve-matchers.ts';
import type { RowSamples } from './row-samples.ts';
import type { SeriesIndex } from './series-index.ts';

const SERIES_PER_CHECK = 256;

/** From the oldest sample of all to the youngest. */
interface TimeSpan {
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

/** Which series, names and values of labels a head has. */
export class HeadLookups {
  readonly #index: SeriesIndex;
  readonly #samples: RowSamples;
  readonly #span: TimeSpan;

  constructor(index: SeriesIndex, samples: RowSamples, span: TimeSpan) {
    this.#index = index;
    this.#samples = samples;
    this.#span = span;
  }

  /** The label sets that fulfil all matchers and may have samples in the range, in row order. */
  series(matchers: readonly Matcher[], minMs: number, maxMs: number): Labels[] {
    const found: Labels[] = [];
    for (const row of this.#rowsInRange(matchers, minMs, maxMs)) {
      found.push(this.#index.labelsOf(row));
    }
    return found;
  }

  /** As {@link series}, with pauses, and at most `limit` of them. A series that goes meanwhile is left out. */
  async seriesInTurns(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    limit: number,
    pace: Pace,
  ): Promise<Labels[]> {
    const found: Labels[] = [];
    for (const row of this.#rowsInRange(matchers, minMs, maxMs)) {
      if (found.length >= limit) break;
      if (this.#index.isLive(row)) found.push(this.#index.labelsOf(row));
      if (found.length % SERIES_PER_CHECK === 0 && pace.isDue()) await pace.rest();
    }
    return found;
  }

  /** Names of labels of the series that fulfil all matchers and may have samples in the range, sorted. */
  labelNames(matchers: readonly Matcher[], minMs: number, maxMs: number): string[] {
    if (matchers.length === 0 && this.#covers(minMs, maxMs)) {
      return [...this.#index.labelNames()].toSorted(compareUtf8);
    }
    const pairs = new Set<number>();
    const names = new Set<string>();
    for (const row of this.#rowsInRange(matchers, minMs, maxMs)) {
      for (const pair of this.#index.pairsOfRow(row)) {
        if (pairs.has(pair)) continue;
        pairs.add(pair);
        names.add(this.#index.nameOfPair(pair));
      }
    }
    return [...names].toSorted(compareUtf8);
  }

  /** Values of one label among the series that fulfil all matchers and may have samples in the range, sorted. */
  labelValues(name: string, matchers: readonly Matcher[], minMs: number, maxMs: number): string[] {
    const values = this.#index.valuesOf(name);
    if (matchers.length === 0) {
      const isCovered = this.#covers(minMs, maxMs);
      const found: string[] = [];
      for (const [value, pair] of values) {
        if (isCovered || this.#isAnyInRange(this.#index.posting(pair).rows(), minMs, maxMs)) {
          found.push(value);
        }
      }
      return found.toSorted(compareUtf8);
    }
    const nameId = this.#index.nameId(name);
    if (nameId < 0) return [];
    const pairs = new Set<number>();
    for (const row of this.#rowsInRange(matchers, minMs, maxMs)) {
      const pair = this.#index.pairOfRow(row, nameId);
      if (pair >= 0) pairs.add(pair);
    }
    return Array.from(pairs, (pair) => this.#index.valueOfPair(pair)).toSorted(compareUtf8);
  }

  /** The `limit` largest entries of each kind. */
  cardinality(limit: number): CardinalityStatistics {
    return cardinalityOf(this.#index, limit);
  }

  #covers(minMs: number, maxMs: number): boolean {
    return minMs <= this.#span.minTimeMs && maxMs >= this.#span.maxTimeMs;
  }

  #rowsInRange(matchers: readonly Matcher[], minMs: number, maxMs: number): Uint32Array {
    const basis = basisOf(this.#index, matchers);
    if (basis === null) return new Uint32Array(0);
    const rows = filterRows(this.#index, basis.posting.rows(), basis.rest);
    return this.#covers(minMs, maxMs)
      ? rows
      : rows.filter((row) => this.#samples.reaches(row, minMs, maxMs));
  }

  #isAnyInRange(rows: Uint32Array, minMs: number, maxMs: number): boolean {
    for (let i = 0; i < rows.length; i++)
      if (this.#samples.reaches(rows[i]!, minMs, maxMs)) return true;
    return false;
  }
}
