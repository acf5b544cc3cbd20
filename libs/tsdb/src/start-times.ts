import { grown, nextCapacity } from './growing-columns.ts';

/** Start times of a row before the present one: from `fromMs[i]` on, up to the next, they are `startsMs[i]`. */
interface EarlierStarts {
  readonly fromMs: number[];
  readonly startsMs: number[];
}

/** From that time of a sample on, its row has that start time. In columns. */
export interface StartChanges {
  readonly rows: number[];
  readonly fromMs: number[];
  readonly startsMs: number[];
}

/**
 * When the counting of each row's samples began, as a step function of the sample's time; 0 where it is not known. Most
 * series have none, then this takes no memory, and most others one that never changes, which takes two numbers.
 */
export class StartTimes {
  // One entry per row, once any row has a start time.
  #currentMs = new Float64Array(0);
  #sinceMs = new Float64Array(0);
  readonly #earlier = new Map<number, EarlierStarts>();
  #isUsed = false;

  /** Whether any row ever had a start time. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Start times kept besides the present one of each row. */
  get earlierCount(): number {
    let count = 0;
    for (const { fromMs } of this.#earlier.values()) count += fromMs.length;
    return count;
  }

  /** Whether any start time of a row is known. */
  has(row: number): boolean {
    return this.currentMs(row) !== 0 || (this.#isUsed && this.#earlier.has(row));
  }

  /** Of the row's youngest samples; 0 where it is not known. */
  currentMs(row: number): number {
    return row < this.#currentMs.length ? this.#currentMs[row]! : 0;
  }

  /** The time of a sample from which on {@link currentMs} holds. */
  sinceMs(row: number): number {
    return row < this.#sinceMs.length ? this.#sinceMs[row]! : 0;
  }

  /**
   * Tells the start time of a sample, what changes by that is added to `changes`.
   * @param isLate whether the row has younger samples, which keep theirs
   */
  note(row: number, timeMs: number, startMs: number, isLate: boolean, changes: StartChanges): void {
    const before = this.at(row, timeMs);
    if (before === startMs) return;
    const after = this.at(row, timeMs + 1);
    this.#change(row, timeMs, startMs, changes);
    if (isLate) this.#change(row, timeMs + 1, after, changes);
  }

  /** The start time of a row's sample at that time; 0 where it is not known. */
  at(row: number, timeMs: number): number {
    if (!this.has(row)) return 0;
    const earlier = this.#earlier.get(row);
    if (timeMs >= this.#sinceMs[row]!) return this.#currentMs[row]!;
    return earlier === undefined ? 0 : stepAt(earlier, timeMs);
  }

  /** From that time of a sample on, up to the next change there is, the row has that start time. */
  set(row: number, fromMs: number, startMs: number): void {
    if (!this.has(row)) {
      if (startMs === 0) return;
      this.#growTo(row);
      this.#currentMs[row] = startMs;
      this.#sinceMs[row] = fromMs;
      return;
    }
    const sinceMs = this.#sinceMs[row]!;
    if (fromMs === sinceMs) {
      this.#currentMs[row] = startMs;
      return;
    }
    let earlier = this.#earlier.get(row);
    if (earlier === undefined) this.#earlier.set(row, (earlier = { fromMs: [], startsMs: [] }));
    if (fromMs > sinceMs) {
      earlier.fromMs.push(sinceMs);
      earlier.startsMs.push(this.#currentMs[row]!);
      this.#sinceMs[row] = fromMs;
      this.#currentMs[row] = startMs;
      return;
    }
    const place = firstFrom(earlier.fromMs, fromMs);
    const isThere = earlier.fromMs[place] === fromMs ? 1 : 0;
    earlier.fromMs.splice(place, isThere, fromMs);
    earlier.startsMs.splice(place, isThere, startMs);
  }

  /** Writes the start times of the samples from `start` up to `end` to the same places of a column. */
  read(row: number, timesMs: Float64Array, start: number, end: number, into: Float64Array): void {
    const sinceMs = this.#sinceMs[row]!;
    const currentMs = this.#currentMs[row]!;
    const earlier = this.#earlier.get(row);
    let place = end;
    while (place > start && timesMs[place - 1]! >= sinceMs) into[--place] = currentMs;
    for (let i = start; i < place; i++) {
      into[i] = earlier === undefined ? 0 : stepAt(earlier, timesMs[i]!);
    }
  }

  removeRow(row: number): void {
    if (row < this.#currentMs.length) this.#currentMs[row] = 0;
    this.#earlier.delete(row);
  }

  /** Forgets start times that hold for no sample from `cutoffMs` on. */
  dropBefore(cutoffMs: number): void {
    for (const [row, { fromMs, startsMs }] of this.#earlier) {
      let dropped = 0;
      while (dropped < fromMs.length && (fromMs[dropped + 1] ?? this.#sinceMs[row]!) <= cutoffMs) {
        dropped++;
      }
      fromMs.splice(0, dropped);
      startsMs.splice(0, dropped);
      if (fromMs.length === 0) this.#earlier.delete(row);
    }
  }

  #change(row: number, fromMs: number, startMs: number, changes: StartChanges): void {
    this.set(row, fromMs, startMs);
    changes.rows.push(row);
    changes.fromMs.push(fromMs);
    changes.startsMs.push(startMs);
  }

  #growTo(row: number): void {
    this.#isUsed = true;
    if (row < this.#currentMs.length) return;
    this.#currentMs = grown(this.#currentMs, nextCapacity(row + 1));
    this.#sinceMs = grown(this.#sinceMs, nextCapacity(row + 1));
  }
}

/** The value of the step at or before a time, 0 before the first. */
function stepAt({ fromMs, startsMs }: EarlierStarts, timeMs: number): number {
  const after = firstFrom(fromMs, timeMs + 1);
  return after === 0 ? 0 : startsMs[after - 1]!;
}

/** The index of the first of the ascending times that is not before `timeMs`. */
function firstFrom(timesMs: readonly number[], timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timesMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
