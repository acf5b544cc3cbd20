const NO_ROWS = new Uint32Array(0);

/**
 * The rows that carry one label pair, as a growing column.
 *
 * Rows are handed out in ascending order, so adding is appending. Only a reused row may come out of order; it waits in an
 * unsorted tail that is merged in when somebody reads. `epoch` changes with everything but an append in order: while it
 * stays, a reader that has seen the first n rows needs to look at the rest only.
 */
export class Posting {
  #rows = NO_ROWS;
  #length = 0;
  #sortedLength = 0;
  #epoch = 0;

  get length(): number {
    return this.#length;
  }

  /** How many rows there is room for. */
  get capacity(): number {
    return this.#rows.length;
  }

  /** See the class; reading it settles the order first. */
  get epoch(): number {
    this.#settle();
    return this.#epoch;
  }

  add(row: number): void {
    if (this.#length === this.#rows.length) {
      // Half again rather than double: most of the index's memory is in these columns.
      const grown = new Uint32Array(Math.max(2, this.#length + (this.#length >> 1) + 1));
      grown.set(this.#rows);
      this.#rows = grown;
    }
    const isInOrder =
      this.#sortedLength === this.#length &&
      (this.#length === 0 || this.#rows[this.#length - 1]! < row);
    this.#rows[this.#length++] = row;
    if (isInOrder) this.#sortedLength = this.#length;
  }

  /** A view of the rows in ascending order, valid until the next change. */
  rows(): Uint32Array {
    this.#settle();
    return this.#rows.subarray(0, this.#length);
  }

  /** Drops the rows for which `dead` holds a 1. */
  removeMarked(dead: Uint8Array): void {
    let kept = 0;
    this.#settle();
    for (let i = 0; i < this.#length; i++) {
      const row = this.#rows[i]!;
      if (dead[row] !== 1) this.#rows[kept++] = row;
    }
    if (kept === this.#length) return;
    this.#length = kept;
    this.#sortedLength = kept;
    this.#epoch++;
    if (kept * 4 < this.#rows.length) this.#rows = this.#rows.slice(0, kept);
  }

  #settle(): void {
    if (this.#sortedLength === this.#length) return;
    const tail = this.#rows.subarray(this.#sortedLength, this.#length).toSorted();
    // Merged from the back, in place.
    let left = this.#sortedLength - 1;
    let right = tail.length - 1;
    for (let place = this.#length - 1; right >= 0; place--) {
      if (left >= 0 && this.#rows[left]! > tail[right]!) this.#rows[place] = this.#rows[left--]!;
      else this.#rows[place] = tail[right--]!;
    }
    this.#sortedLength = this.#length;
    this.#epoch++;
  }
}
