import { type Labels } from '#libs/labels';
import type { SeriesMetadata } from '#libs/samples';

/**
 * The label sets of a target as they are stored, one a row, in columns. Rows are found by their labels through an
 * open-addressing table, which needs no string of its own for each.
 */
export class SeriesRows {
  readonly labels: Labels[] = [];
  /** What is known of the family; null until it was read. */
  readonly metadata: (SeriesMetadata | null)[] = [];
  /** The last round in which the row's series came. */
  seenRound = new Float64Array(64);
  /** 1 where the last sample keeps the row from going stale. */
  isTracked = new Uint8Array(64);
  /** 1 from a good scrape that brought the row until a stale marker ends it. */
  isLive = new Uint8Array(64);
  /** Of the last sample that was stored. */
  timeMs = new Float64Array(64);
  #hash = new Uint32Array(64);
  #table = new Int32Array(128).fill(NONE);

  get length(): number {
    return this.labels.length;
  }

  get liveCount(): number {
    let count = 0;
    for (let row = 0; row < this.length; row++) count += this.isLive[row]!;
    return count;
  }

  /** The row of a label set, or -1. */
  find(labels: Labels): number {
    const hash = hashOf(labels);
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#table[slot]!;
      if (row === NONE) return NONE;
      if (this.#hash[row] === hash && areSame(this.labels[row]!, labels)) return row;
    }
  }

  add(labels: Labels): number {
    const row = this.length;
    if (row === this.isLive.length) this.#growColumns();
    if ((row + 1) * 2 > this.#table.length) {
      this.#table = new Int32Array(this.#table.length * 2).fill(NONE);
      for (let each = 0; each < row; each++) this.#place(each);
    }
    this.labels.push(labels);
    this.metadata.push(null);
    this.#hash[row] = hashOf(labels);
    this.seenRound[row] = -1;
    this.isTracked[row] = 0;
    this.isLive[row] = 0;
    this.timeMs[row] = -Infinity;
    this.#place(row);
    return row;
  }

  /** Keeps the rows whose mark is 0, in their order, and writes to each mark where its row has moved. */
  keep(marks: Int32Array): void {
    let kept = 0;
    for (let row = 0; row < this.length; row++) {
      if (marks[row]! < 0) continue;
      marks[row] = kept;
      this.labels[kept] = this.labels[row]!;
      this.metadata[kept] = this.metadata[row]!;
      this.#hash[kept] = this.#hash[row]!;
      this.seenRound[kept] = this.seenRound[row]!;
      this.isTracked[kept] = this.isTracked[row]!;
      this.isLive[kept] = this.isLive[row]!;
      this.timeMs[kept] = this.timeMs[row]!;
      kept++;
    }
    this.labels.length = this.metadata.length = kept;
    this.#table.fill(NONE);
    for (let row = 0; row < kept; row++) this.#place(row);
  }

  #place(row: number): void {
    const mask = this.#table.length - 1;
    let slot = this.#hash[row]! & mask;
    while (this.#table[slot] !== NONE) slot = (slot + 1) & mask;
    this.#table[slot] = row;
  }

  #growColumns(): void {
    const length = this.isLive.length * 2;
    this.seenRound = grow(this.seenRound, new Float64Array(length));
    this.isTracked = grow(this.isTracked, new Uint8Array(length));
    this.isLive = grow(this.isLive, new Uint8Array(length));
    this.timeMs = grow(this.timeMs, new Float64Array(length));
    this.#hash = grow(this.#hash, new Uint32Array(length));
  }
}

const NONE = -1;

function areSame(a: Labels, b: Labels): boolean {
  const { length } = a.flat;
  if (length !== b.flat.length) return false;
  // Sets differ in values more often than in names, and in later ones more often than in earlier.
  for (let i = length - 1; i >= 0; i--) if (a.flat[i] !== b.flat[i]) return false;
  return true;
}

function hashOf({ flat }: Labels): number {
  let hash = 0x811c9dc5;
  for (const text of flat) {
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    // What ends one text must not look like the beginning of the next.
    hash = Math.imul(hash ^ 0x1_0000, 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}

function grow<Column extends Uint8Array | Uint32Array | Float64Array>(
  from: Column,
  to: Column,
): Column {
  to.set(from);
  return to;
}
