import { grown } from './growing-columns.ts';

/** Ids of one page; those of series that began together, which is how records name them, share one. */
const PAGE_IDS = 64;
const NO_ROW = -1;

/**
 * Rows by the id of their series in the log. Ids are whole numbers without a bound, given in ascending order, and most
 * series of a log have neighbours: so they lie in small pages, and a look-up near the one before finds its page at once.
 */
export class SeriesIdTable {
  /** Page number to where its entries begin in `#rows`. */
  readonly #pages = new Map<number, number>();
  /** One more than the row of an id; 0 where there is none. */
  #rows = new Int32Array(1_024 * PAGE_IDS);
  #lastPage = -1;
  #lastStart = -1;

  /** The row of an id, or -1. */
  rowOf(id: number): number {
    const page = Math.floor(id / PAGE_IDS);
    if (page !== this.#lastPage) this.#turnTo(page);
    if (this.#lastStart < 0) return NO_ROW;
    return this.#rows[this.#lastStart + id - page * PAGE_IDS]! - 1;
  }

  set(id: number, row: number): void {
    const page = Math.floor(id / PAGE_IDS);
    let start = this.#pages.get(page);
    if (start === undefined) {
      start = this.#pages.size * PAGE_IDS;
      if (start === this.#rows.length) this.#rows = grown(this.#rows, 2 * start);
      this.#pages.set(page, start);
    }
    this.#lastPage = page;
    this.#lastStart = start;
    this.#rows[start + id - page * PAGE_IDS] = row + 1;
  }

  #turnTo(page: number): void {
    this.#lastPage = page;
    this.#lastStart = this.#pages.get(page) ?? -1;
  }
}
