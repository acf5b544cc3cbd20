/**
 * Finds what is known of a series by its bytes in the body, so that a body that looks like the last one costs no string
 * work at all.
 *
 * An entry is a number. The bytes of all entries lie in one arena, the rest in columns; an open-addressing table leads
 * from a hash to the entry. Bodies keep their order from scrape to scrape, so the entry that followed the last one before is
 * tried first, and the bytes are then compared once and not even hashed.
 */
export class SeriesCache {
  #arena = Buffer.allocUnsafeSlow(4096);
  #arenaEnd = 0;
  #count = 0;
  #keyStart = new Uint32Array(64);
  #keyEnd = new Uint32Array(64);
  #hash = new Uint32Array(64);
  #next = new Int32Array(64);
  #row = new Int32Array(64);
  #lastRound = new Float64Array(64);
  #table = new Int32Array(128).fill(NONE);
  #previous = NONE;
  #missHash = 0;
  #seenCount = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#count;
  }

  /** How many different entries were found or added since the last `rewind`. */
  get seenCount(): number {
    return this.#seenCount;
  }

  /** To be called before the first series of a body. */
  rewind(): void {
    this.#previous = NONE;
    this.#seenCount = 0;
  }

  /**
   * The entry of the series whose bytes lie from `start` to `end`, marked as seen in `round`.
   * @returns -1 where there is none; `add` may then follow
   */
  find(bytes: Buffer, start: number, end: number, round: number): number {
    const previous = this.#previous;
    // The first entry is the guess for a body's first series.
    const guess = previous === NONE ? 0 : this.#next[previous]!;
    if (guess >= 0 && guess < this.#count && this.#isAt(guess, bytes, start, end)) {
      this.#previous = guess;
      if (this.#lastRound[guess] !== round) this.#seenCount++;
      this.#lastRound[guess] = round;
      return guess;
    }
    const hash = hashOf(bytes, start, end);
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#table[slot]!;
      if (entry === NONE) break;
      if (this.#hash[entry] === hash && this.#isAt(entry, bytes, start, end)) {
        if (previous !== NONE) this.#next[previous] = entry;
        this.#previous = entry;
        if (this.#lastRound[entry] !== round) this.#seenCount++;
        this.#lastRound[entry] = round;
        return entry;
      }
    }
    this.#missHash = hash;
    return NONE;
  }

  /** Adds the series that the last `find` missed; its bytes are copied. */
  add(bytes: Buffer, start: number, end: number, row: number, round: number): number {
    if (this.#count === this.#row.length) this.#growColumns();
    if ((this.#count + 1) * 2 > this.#table.length) this.#growTable();
    const length = end - start;
    if (this.#arenaEnd + length > this.#arena.length) this.#growArena(length);
    bytes.copy(this.#arena, this.#arenaEnd, start, end);
    const entry = this.#count++;
    this.#keyStart[entry] = this.#arenaEnd;
    this.#arenaEnd += length;
    this.#keyEnd[entry] = this.#arenaEnd;
    this.#hash[entry] = this.#missHash;
    this.#next[entry] = NONE;
    this.#row[entry] = row;
    this.#lastRound[entry] = round;
    this.#seenCount++;
    this.#place(entry);
    if (this.#previous !== NONE) this.#next[this.#previous] = entry;
    this.#previous = entry;
    return entry;
  }

  /** The row an entry was added with, or what `keepRound` made of it. */
  rowOf(entry: number): number {
    return this.#row[entry]!;
  }

  /** Sets `marks[row]` to 0 for the row of every entry seen in `round`. */
  markRows(round: number, marks: Int32Array): void {
    for (let entry = 0; entry < this.#count; entry++) {
      const row = this.#row[entry]!;
      if (row >= 0 && this.#lastRound[entry] === round) marks[row] = 0;
    }
  }

  /**
   * Forgets every entry not seen in `round`.
   * @param newRowOf where the rows of the others have moved; negative rows stay as they are
   */
  keepRound(round: number, newRowOf: Int32Array): void {
    this.#keep((entry) => this.#lastRound[entry] === round, newRowOf);
  }

  /** Forgets every entry that leads to `row`; a negative one, since rows stay where they are. */
  forgetRow(row: number): void {
    this.#keep((entry) => this.#row[entry] !== row, null);
  }

  /** @param newRowOf null where rows stay as they are */
  #keep(isKept: (entry: number) => boolean, newRowOf: Int32Array | null): void {
    const moved = new Int32Array(this.#count).fill(NONE);
    let count = 0;
    let arenaEnd = 0;
    for (let entry = 0; entry < this.#count; entry++) {
      if (!isKept(entry)) continue;
      const start = this.#keyStart[entry]!;
      const end = this.#keyEnd[entry]!;
      this.#arena.copyWithin(arenaEnd, start, end);
      const row = this.#row[entry]!;
      this.#keyStart[count] = arenaEnd;
      arenaEnd += end - start;
      this.#keyEnd[count] = arenaEnd;
      this.#hash[count] = this.#hash[entry]!;
      this.#next[count] = this.#next[entry]!;
      this.#row[count] = row < 0 || newRowOf === null ? row : newRowOf[row]!;
      this.#lastRound[count] = this.#lastRound[entry]!;
      moved[entry] = count++;
    }
    for (let entry = 0; entry < count; entry++) {
      const next = this.#next[entry]!;
      this.#next[entry] = next === NONE ? NONE : moved[next]!;
    }
    this.#count = count;
    this.#arenaEnd = arenaEnd;
    this.#previous = NONE;
    if (this.#arena.length > 4 * arenaEnd + 4096) {
      const smaller = Buffer.allocUnsafeSlow(2 * arenaEnd + 4096);
      this.#arena.copy(smaller, 0, 0, arenaEnd);
      this.#arena = smaller;
    }
    this.#table.fill(NONE);
    for (let entry = 0; entry < count; entry++) this.#place(entry);
  }

  #isAt(entry: number, bytes: Buffer, start: number, end: number): boolean {
    const from = this.#keyStart[entry]!;
    const length = end - start;
    if (this.#keyEnd[entry]! - from !== length) return false;
    const arena = this.#arena;
    // Series differ near their ends (label values), so the loop that finds a difference early runs backwards.
    for (let i = length - 1; i >= 0; i--) {
      if (arena[from + i] !== bytes[start + i]) return false;
    }
    return true;
  }

  #place(entry: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let slot = this.#hash[entry]! & mask;
    while (table[slot] !== NONE) slot = (slot + 1) & mask;
    table[slot] = entry;
  }

  #growTable(): void {
    this.#table = new Int32Array(this.#table.length * 2).fill(NONE);
    for (let entry = 0; entry < this.#count; entry++) this.#place(entry);
  }

  #growArena(more: number): void {
    const grown = Buffer.allocUnsafeSlow((this.#arenaEnd + more) * 2);
    this.#arena.copy(grown, 0, 0, this.#arenaEnd);
    this.#arena = grown;
  }

  #growColumns(): void {
    const length = this.#row.length * 2;
    this.#keyStart = grow(this.#keyStart, new Uint32Array(length));
    this.#keyEnd = grow(this.#keyEnd, new Uint32Array(length));
    this.#hash = grow(this.#hash, new Uint32Array(length));
    this.#next = grow(this.#next, new Int32Array(length));
    this.#row = grow(this.#row, new Int32Array(length));
    this.#lastRound = grow(this.#lastRound, new Float64Array(length));
  }
}

const NONE = -1;

function grow<Column extends Uint32Array | Int32Array | Float64Array>(
  from: Column,
  to: Column,
): Column {
  to.set(from);
  return to;
}

/** 32-bit FNV-1a, with a last mix because only the low bits choose the slot. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
