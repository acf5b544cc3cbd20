import { assert } from '#libs/invariant';
import { compareUtf8, Labels } from '#libs/labels';
import { type Pace, sortInTurns } from '#libs/pace';
import { grown, nextCapacity } from './growing-columns.ts';
import { Posting } from './posting.ts';

/** A label name with all its values; `id` is its index in {@link SeriesIndex.nameOfPair}. */
interface LabelName {
  readonly id: number;
  readonly name: string;
  /** Value to pair number. */
  readonly values: Map<string, number>;
}

/** How much room an index has taken, the places that wait to be used again included. */
export interface IndexFootprint {
  readonly rows: number;
  readonly pairs: number;
  readonly names: number;
  /** Pair numbers of all rows. */
  readonly arena: number;
  readonly hashSlots: number;
  /** Entries of the postings of all pairs. */
  readonly posted: number;
}

const EMPTY_SLOT = 0;
const TOMBSTONE = 0xffff_ffff;
const NO_NAME = -1;

/**
 * Which series there are. A series is a row number; a label pair (name and value together) is interned to a pair number,
 * a row's pairs stand one after the other in one arena, and an open-addressing hash leads from a label set to its row.
 *
 * Rows, pairs and arena space of removed series are used again. A row number may therefore stand for another series
 * later; whoever keeps row numbers compares posting epochs (see {@link Posting}).
 */
export class SeriesIndex {
  // One entry per pair.
  readonly #pairValues: string[] = [];
  #pairNames = new Int32Array(1_024);
  readonly #postings: Posting[] = [];
  readonly #freePairs: number[] = [];

  readonly #names = new Map<string, LabelName>();
  readonly #nameList: LabelName[] = [];
  readonly #freeNames: number[] = [];

  /**
   * Rows of label-set objects seen before: a sender's decoder and the rules hand in the same objects again and again, and
   * looking up twenty strings costs ten times as much.
   */
  #rowsOfObjects = new WeakMap<Labels, number>();

  // One entry per row.
  #arenaStart = new Uint32Array(0);
  #labelCounts = new Uint16Array(0);
  #hashes = new Uint32Array(0);
  #isLive = new Uint8Array(0);
  #rowCount = 0;
  #liveCount = 0;
  readonly #freeRows: number[] = [];

  #arena = new Uint32Array(4_096);
  #arenaLength = 0;
  /** Freed arena regions by their length. */
  readonly #freeRegions = new Map<number, number[]>();

  #table = new Uint32Array(2_048);
  #tombstones = 0;
  readonly #all = new Posting();
  /** The pairs of the label set being looked up. */
  #pairs = new Uint32Array(64);
  #pairsHash = 0;

  /** One more than the highest row in use. */
  get rowCount(): number {
    return this.#rowCount;
  }

  get seriesCount(): number {
    return this.#liveCount;
  }

  /** How many different label pairs are in use. */
  get pairCount(): number {
    return this.#pairValues.length - this.#freePairs.length;
  }

  get footprint(): IndexFootprint {
    return {
      rows: this.#rowCount,
      pairs: this.#pairValues.length,
      names: this.#nameList.length,
      arena: this.#arenaLength,
      hashSlots: this.#table.length,
      posted: this.#postings.reduce((sum, { capacity }) => sum + capacity, this.#all.capacity),
    };
  }

  /** Every row. */
  get all(): Posting {
    return this.#all;
  }

  isLive(row: number): boolean {
    return this.#isLive[row] === 1;
  }

  /** The row of a label set, or -1. */
  find(labels: Labels): number {
    const known = this.#rowsOfObjects.get(labels);
    if (known !== undefined) return known;
    const row = this.#findByContent(labels);
    if (row >= 0) this.#rowsOfObjects.set(labels, row);
    return row;
  }

  #findByContent(labels: Labels): number {
    const { flat } = labels;
    const count = flat.length >> 1;
    if (count > this.#pairs.length) return -1;
    let hash = count;
    for (let i = 0; i < count; i++) {
      const pair = this.#names.get(flat[2 * i]!)?.values.get(flat[2 * i + 1]!);
      if (pair === undefined) return -1;
      this.#pairs[i] = pair;
      hash = mixed(hash, pair);
    }
    return this.#findPairs(count, hash);
  }

  /** Adds a series that {@link find} did not find. @returns its row */
  add(labels: Labels): number {
    const count = this.#internPairs(labels);
    return this.#addPairs(count);
  }

  /** The row of a label set, which is added where it is new. For label sets that come only once. */
  findOrAdd(labels: Labels): number {
    const count = this.#internPairs(labels);
    const row = this.#findPairs(count, this.#pairsHash);
    return row < 0 ? this.#addPairs(count) : row;
  }

  /** Leaves the pairs of a label set in `#pairs`, with their hash. @returns how many they are */
  #internPairs({ flat }: Labels): number {
    const count = flat.length >> 1;
    assert(count <= 0xffff, 'label count not limited by the caller');
    if (count > this.#pairs.length) this.#pairs = new Uint32Array(count);
    let hash = count;
    for (let i = 0; i < count; i++) {
      const pair = this.#internPair(flat[2 * i]!, flat[2 * i + 1]!);
      this.#pairs[i] = pair;
      hash = mixed(hash, pair);
    }
    this.#pairsHash = hash;
    return count;
  }

  #addPairs(count: number): number {
    const row = this.#takeRow();
    const start = this.#takeRegion(count);
    for (let i = 0; i < count; i++) this.#arena[start + i] = this.#pairs[i]!;
    this.#arenaStart[row] = start;
    this.#labelCounts[row] = count;
    this.#hashes[row] = this.#pairsHash;
    this.#isLive[row] = 1;
    this.#liveCount++;
    for (let i = 0; i < count; i++) this.#postings[this.#pairs[i]!]!.add(row);
    this.#all.add(row);
    this.#insertIntoTable(row);
    return row;
  }

  /**
   * Forgets series. Their rows stay unused until they are given back by {@link releaseRows}, so that a query that still
   * holds a row number meets an empty row and not another series.
   */
  remove(rows: readonly number[]): void {
    if (rows.length === 0) return;
    this.#rowsOfObjects = new WeakMap();
    const dead = new Uint8Array(this.#rowCount);
    const touched = new Set<number>();
    for (const row of rows) {
      assert(this.#isLive[row] === 1, 'a row removed twice');
      dead[row] = 1;
      const start = this.#arenaStart[row]!;
      const count = this.#labelCounts[row]!;
      for (let i = 0; i < count; i++) touched.add(this.#arena[start + i]!);
      this.#removeFromTable(row);
      this.#isLive[row] = 0;
      const regions = this.#freeRegions.get(count);
      if (regions === undefined) this.#freeRegions.set(count, [start]);
      else regions.push(start);
      this.#labelCounts[row] = 0;
    }
    this.#liveCount -= rows.length;
    this.#all.removeMarked(dead);
    for (const pair of touched) {
      const posting = this.#postings[pair]!;
      posting.removeMarked(dead);
      if (posting.length === 0) this.#freePair(pair);
    }
  }

  /** Lets removed rows be handed out again. */
  releaseRows(rows: readonly number[]): void {
    // Highest first, so that the lowest is popped first.
    for (const row of rows) this.#freeRows.push(row);
    this.#freeRows.sort((a, b) => b - a);
  }

  labelsOf(row: number): Labels {
    const start = this.#arenaStart[row]!;
    const count = this.#labelCounts[row]!;
    const flat: string[] = [];
    for (let i = start; i < start + count; i++) {
      const pair = this.#arena[i]!;
      flat.push(this.#nameList[this.#pairNames[pair]!]!.name, this.#pairValues[pair]!);
    }
    return Labels.fromSortedFlat(flat);
  }

  labelCountOf(row: number): number {
    return this.#labelCounts[row]!;
  }

  /** The pair number of the label `nameId` of a row, or -1 where the row has none. */
  pairOfRow(row: number, nameId: number): number {
    const start = this.#arenaStart[row]!;
    const end = start + this.#labelCounts[row]!;
    for (let i = start; i < end; i++) {
      const pair = this.#arena[i]!;
      if (this.#pairNames[pair] === nameId) return pair;
    }
    return -1;
  }

  /** The number of a label name, or -1 if no series has it. */
  nameId(name: string): number {
    return this.#names.get(name)?.id ?? NO_NAME;
  }

  /** Values of a label name with their pair numbers; empty if no series has it. */
  valuesOf(name: string): ReadonlyMap<string, number> {
    return this.#names.get(name)?.values ?? NO_VALUES;
  }

  /** Names that at least one series has, in no particular order. */
  labelNames(): IterableIterator<string> {
    return this.#names.keys();
  }

  posting(pair: number): Posting {
    return this.#postings[pair]!;
  }

  valueOfPair(pair: number): string {
    return this.#pairValues[pair]!;
  }

  nameOfPair(pair: number): string {
    return this.#nameList[this.#pairNames[pair]!]!.name;
  }

  /** The pair numbers of a row, as a view that the next change ends. */
  pairsOfRow(row: number): Uint32Array {
    const start = this.#arenaStart[row]!;
    return this.#arena.subarray(start, start + this.#labelCounts[row]!);
  }

  /**
   * Sorts rows by their labels: names and values in turn, in UTF-8 byte order. Comparing the ranks of pairs spares comparing
   * their texts again for every two rows. No series may be removed meanwhile.
   */
  async sortRows(rows: number[], pace: Pace): Promise<void> {
    const pairs: number[] = [];
    for (const { values } of this.#names.values())
      for (const pair of values.values()) pairs.push(pair);
    const byText = (a: number, b: number): number =>
      this.#pairNames[a] === this.#pairNames[b]
        ? compareUtf8(this.#pairValues[a]!, this.#pairValues[b]!)
        : compareUtf8(this.nameOfPair(a), this.nameOfPair(b));
    await sortInTurns(pairs, byText, pace);
    const ranks = new Uint32Array(this.#pairValues.length);
    for (let i = 0; i < pairs.length; i++) ranks[pairs[i]!] = i;
    const byRanks = (a: number, b: number): number => {
      const left = this.#arenaStart[a]!;
      const right = this.#arenaStart[b]!;
      const count = Math.min(this.#labelCounts[a]!, this.#labelCounts[b]!);
      for (let i = 0; i < count; i++) {
        const difference = ranks[this.#arena[left + i]!]! - ranks[this.#arena[right + i]!]!;
        if (difference !== 0) return difference;
      }
      return this.#labelCounts[a]! - this.#labelCounts[b]!;
    };
    await sortInTurns(rows, byRanks, pace);
  }

  #findPairs(count: number, hash: number): number {
    this.#pairsHash = hash;
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#table[slot]!;
      if (entry === EMPTY_SLOT) return -1;
      if (entry === TOMBSTONE) continue;
      const row = entry - 1;
      if (this.#hashes[row] === hash && this.#labelCounts[row] === count && this.#hasPairs(row)) {
        return row;
      }
    }
  }

  #hasPairs(row: number): boolean {
    const start = this.#arenaStart[row]!;
    const count = this.#labelCounts[row]!;
    for (let i = 0; i < count; i++) if (this.#arena[start + i] !== this.#pairs[i]) return false;
    return true;
  }

  #internPair(name: string, value: string): number {
    let entry = this.#names.get(name);
    if (entry === undefined) {
      const id = this.#freeNames.pop() ?? this.#nameList.length;
      entry = { id, name: ownCopy(name), values: new Map() };
      this.#names.set(entry.name, entry);
      this.#nameList[id] = entry;
    }
    const known = entry.values.get(value);
    if (known !== undefined) return known;
    const pair = this.#freePairs.pop() ?? this.#pairValues.length;
    if (pair >= this.#pairNames.length) {
      this.#pairNames = grown(this.#pairNames, nextCapacity(pair + 1));
    }
    const kept = ownCopy(value);
    this.#pairValues[pair] = kept;
    this.#pairNames[pair] = entry.id;
    this.#postings[pair] = new Posting();
    entry.values.set(kept, pair);
    return pair;
  }

  #freePair(pair: number): void {
    const entry = this.#nameList[this.#pairNames[pair]!]!;
    entry.values.delete(this.#pairValues[pair]!);
    this.#pairValues[pair] = '';
    // A fresh posting, so that a selection that subscribed to the old one does not follow the pair's next owner.
    this.#postings[pair] = new Posting();
    this.#freePairs.push(pair);
    if (entry.values.size > 0) return;
    this.#names.delete(entry.name);
    this.#freeNames.push(entry.id);
  }

  #takeRow(): number {
    const free = this.#freeRows.pop();
    if (free !== undefined) return free;
    if (this.#rowCount === this.#arenaStart.length) {
      const capacity = nextCapacity(this.#rowCount + 1);
      this.#arenaStart = grown(this.#arenaStart, capacity);
      this.#labelCounts = grown(this.#labelCounts, capacity);
      this.#hashes = grown(this.#hashes, capacity);
      this.#isLive = grown(this.#isLive, capacity);
    }
    return this.#rowCount++;
  }

  #takeRegion(count: number): number {
    const free = this.#freeRegions.get(count)?.pop();
    if (free !== undefined) return free;
    if (this.#arenaLength + count > this.#arena.length) {
      this.#arena = grown(this.#arena, nextCapacity(this.#arenaLength + count));
    }
    const start = this.#arenaLength;
    this.#arenaLength += count;
    return start;
  }

  #insertIntoTable(row: number): void {
    // At most two thirds full, tombstones included.
    if ((this.#liveCount + this.#tombstones) * 3 > this.#table.length * 2) this.#rebuildTable();
    const mask = this.#table.length - 1;
    let slot = this.#hashes[row]! & mask;
    while (this.#table[slot] !== EMPTY_SLOT && this.#table[slot] !== TOMBSTONE) {
      if (this.#table[slot] === row + 1) return;
      slot = (slot + 1) & mask;
    }
    if (this.#table[slot] === TOMBSTONE) this.#tombstones--;
    this.#table[slot] = row + 1;
  }

  #removeFromTable(row: number): void {
    const mask = this.#table.length - 1;
    let slot = this.#hashes[row]! & mask;
    while (this.#table[slot] !== row + 1) {
      assert(this.#table[slot] !== EMPTY_SLOT, 'a live row is missing from the hash');
      slot = (slot + 1) & mask;
    }
    this.#table[slot] = TOMBSTONE;
    this.#tombstones++;
  }

  #rebuildTable(): void {
    let size = 2_048;
    while (size < this.#liveCount * 2) size *= 2;
    this.#table = new Uint32Array(size);
    this.#tombstones = 0;
    for (let row = 0; row < this.#rowCount; row++) {
      if (this.#isLive[row] !== 1) continue;
      const mask = size - 1;
      let slot = this.#hashes[row]! & mask;
      while (this.#table[slot] !== EMPTY_SLOT) slot = (slot + 1) & mask;
      this.#table[slot] = row + 1;
    }
  }
}

const NO_VALUES: ReadonlyMap<string, number> = new Map();

function mixed(hash: number, pair: number): number {
  let h = Math.imul(hash ^ pair, 0x9e3779b1);
  h ^= h >>> 15;
  return h >>> 0;
}

/** A string that does not keep alive the larger text it was cut from. */
function ownCopy(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}
