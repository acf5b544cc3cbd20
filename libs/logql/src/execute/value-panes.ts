import type { Windows } from './windows.ts';

const NO_VALUES = new Float64Array(0);

/**
 * The values of one series by panes, for quantiles: each pane is sorted once, and a window's ranks are found by halving its
 * panes, so windows that overlap cost no sorting of their own. NaN counts as the least of all, as in PromQL.
 */
export class ValuePanes {
  readonly #values: Float64Array[];
  readonly #counts: Uint32Array;
  readonly #nans: Uint32Array;

  constructor(paneCount: number) {
    this.#values = Array.from({ length: paneCount }, () => NO_VALUES);
    this.#counts = new Uint32Array(paneCount);
    this.#nans = new Uint32Array(paneCount);
  }

  add(pane: number, value: number): void {
    if (Number.isNaN(value)) {
      this.#nans[pane] = this.#nans[pane]! + 1;
      return;
    }
    let values = this.#values[pane]!;
    const count = this.#counts[pane]!;
    if (count === values.length) {
      const grown = new Float64Array(Math.max(4, count * 2));
      grown.set(values);
      this.#values[pane] = values = grown;
    }
    values[count] = value;
    this.#counts[pane] = count + 1;
  }

  /** Sorts every pane; to be called once, after the last value. */
  sort(): void {
    for (let pane = 0; pane < this.#values.length; pane++) {
      const sorted = this.#values[pane]!.subarray(0, this.#counts[pane]);
      // oxlint-disable-next-line unicorn/no-array-sort -- in place: nobody else has it
      this.#values[pane] = sorted.sort();
    }
  }

  /** How many values a window has. */
  countIn(windows: Windows, step: number): number {
    const first = step * windows.panesPerStep;
    let count = 0;
    for (let pane = first; pane < first + windows.panesPerWindow; pane++) {
      count += this.#counts[pane]! + this.#nans[pane]!;
    }
    return count;
  }

  /** The φ-quantile of a window that has `count` values, interpolated between the two nearest ranks. */
  quantile(windows: Windows, step: number, count: number, phi: number): number {
    if (Number.isNaN(phi)) return Number.NaN;
    if (phi < 0) return -Infinity;
    if (phi > 1) return Infinity;
    const rank = phi * (count - 1);
    const lower = Math.floor(rank);
    const upper = Math.min(count - 1, lower + 1);
    const weight = rank - lower;
    const below = this.#ranked(windows, step, lower);
    // Nothing of the upper one is taken, so not even an infinite one counts.
    if (weight === 0) return below;
    return below * (1 - weight) + this.#ranked(windows, step, upper) * weight;
  }

  /** The value with so many before it. */
  #ranked(windows: Windows, step: number, rank: number): number {
    const first = step * windows.panesPerStep;
    const size = windows.panesPerWindow;
    let left = rank;
    for (let pane = first; pane < first + size; pane++) left -= this.#nans[pane]!;
    if (left < 0) return Number.NaN;
    const starts = new Uint32Array(size);
    const ends = this.#counts.slice(first, first + size);
    for (;;) {
      let widest = 0;
      for (let i = 1; i < size; i++) {
        if (ends[i]! - starts[i]! > ends[widest]! - starts[widest]!) widest = i;
      }
      const pivot = this.#values[first + widest]![(starts[widest]! + ends[widest]!) >>> 1]!;
      let less = 0;
      let equal = 0;
      for (let i = 0; i < size; i++) {
        const values = this.#values[first + i]!;
        const from = firstNotBelow(values, starts[i]!, ends[i]!, pivot);
        less += from - starts[i]!;
        equal += firstAbove(values, from, ends[i]!, pivot) - from;
      }
      if (left >= less && left < less + equal) return pivot;
      const isBelow = left < less;
      if (!isBelow) left -= less + equal;
      for (let i = 0; i < size; i++) {
        const values = this.#values[first + i]!;
        if (isBelow) ends[i] = firstNotBelow(values, starts[i]!, ends[i]!, pivot);
        else starts[i] = firstAbove(values, starts[i]!, ends[i]!, pivot);
      }
    }
  }
}

function firstNotBelow(values: Float64Array, start: number, end: number, pivot: number): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < pivot) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstAbove(values: Float64Array, start: number, end: number, pivot: number): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= pivot) low = middle + 1;
    else high = middle;
  }
  return low;
}
