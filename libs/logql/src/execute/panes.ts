import type { Windows } from './windows.ts';

/** How the values of a window become one. */
export type PaneKind = 'count' | 'sum' | 'min' | 'max' | 'first' | 'last' | 'variance';

/**
 * What the lines of one series come to in each pane: how many they are, and up to two numbers, whose meaning is the
 * kind's: the sum; the least or greatest; the first or last and its time; the mean and the sum of squared differences.
 */
export class Panes {
  readonly kind: PaneKind;
  readonly counts: Float64Array;
  readonly values: Float64Array;
  readonly extras: Float64Array;

  constructor(kind: PaneKind, paneCount: number) {
    this.kind = kind;
    this.counts = new Float64Array(paneCount);
    this.values = new Float64Array(kind === 'count' ? 0 : paneCount);
    this.extras = new Float64Array(hasExtras(kind) ? paneCount : 0);
  }

  /** Numbers that a series of this kind holds for each pane. */
  static columnsOf(kind: PaneKind): number {
    return kind === 'count' ? 1 : hasExtras(kind) ? 3 : 2;
  }

  /** @param relativeNs the line's time, which only the first and last of a pane care for */
  add(pane: number, value: number, relativeNs: number): void {
    const { counts, values, extras } = this;
    const count = (counts[pane] = counts[pane]! + 1);
    switch (this.kind) {
      case 'count':
        return;
      case 'sum':
        values[pane] = values[pane]! + value;
        return;
      case 'min':
        if (count === 1 || value < values[pane]! || Number.isNaN(values[pane]))
          values[pane] = value;
        return;
      case 'max':
        if (count === 1 || value > values[pane]! || Number.isNaN(values[pane]))
          values[pane] = value;
        return;
      case 'first':
        if (count > 1 && relativeNs >= extras[pane]!) return;
        values[pane] = value;
        extras[pane] = relativeNs;
        return;
      case 'last':
        if (count > 1 && relativeNs < extras[pane]!) return;
        values[pane] = value;
        extras[pane] = relativeNs;
        return;
      case 'variance': {
        const difference = value - values[pane]!;
        values[pane] = values[pane]! + difference / count;
        extras[pane] = extras[pane]! + difference * (value - values[pane]);
      }
    }
  }
}

function hasExtras(kind: PaneKind): boolean {
  return kind === 'first' || kind === 'last' || kind === 'variance';
}

/** Three columns that panes are put together in. */
class Cells {
  readonly counts: Float64Array;
  readonly values: Float64Array;
  readonly extras: Float64Array;
  constructor(length: number) {
    this.counts = new Float64Array(length);
    this.values = new Float64Array(length);
    this.extras = new Float64Array(length);
  }
}

/**
 * Puts windows together of panes. Blocks as long as a window have what their cells come to from the left and from the
 * right worked out, so each window takes one addition, however many panes it has; and nothing is ever taken away again,
 * which sums of fractions do not survive.
 */
export class WindowJoiner {
  readonly #windows: Windows;
  readonly #fromLeft: Cells;
  readonly #fromRight: Cells;
  /** What {@link join} found for each step. */
  readonly counts: Float64Array;
  readonly values: Float64Array;
  readonly extras: Float64Array;

  constructor(windows: Windows) {
    this.#windows = windows;
    this.#fromLeft = new Cells(windows.paneCount);
    this.#fromRight = new Cells(windows.paneCount);
    this.counts = new Float64Array(windows.count);
    this.values = new Float64Array(windows.count);
    this.extras = new Float64Array(windows.count);
  }

  /** Fills the columns; they are valid until the next call. */
  join(panes: Panes): void {
    const { paneCount, panesPerStep, panesPerWindow: size, count } = this.#windows;
    const left = this.#fromLeft;
    const right = this.#fromRight;
    for (let i = 0; i < paneCount; i++) {
      copyPane(panes, i, left);
      if (i % size !== 0) merge(panes.kind, left, i - 1, left, i, left, i);
    }
    for (let i = paneCount - 1; i >= 0; i--) {
      copyPane(panes, i, right);
      if ((i + 1) % size !== 0 && i + 1 < paneCount) {
        merge(panes.kind, right, i, right, i + 1, right, i);
      }
    }
    for (let step = 0; step < count; step++) {
      const first = step * panesPerStep;
      const last = first + size - 1;
      if (first % size === 0) {
        this.counts[step] = left.counts[last]!;
        this.values[step] = left.values[last]!;
        this.extras[step] = left.extras[last]!;
      } else merge(panes.kind, right, first, left, last, this, step);
    }
  }
}

function copyPane(panes: Panes, at: number, into: Cells): void {
  into.counts[at] = panes.counts[at]!;
  into.values[at] = panes.values.length === 0 ? 0 : panes.values[at]!;
  into.extras[at] = panes.extras.length === 0 ? 0 : panes.extras[at]!;
}

interface Columns {
  readonly counts: Float64Array;
  readonly values: Float64Array;
  readonly extras: Float64Array;
}

// Six numbers in and three out, for every pane; objects for them would be most of the work.
// oxlint-disable-next-line max-params
function merge(
  kind: PaneKind,
  a: Columns,
  i: number,
  b: Columns,
  j: number,
  out: Columns,
  k: number,
): void {
  const countA = a.counts[i]!;
  const countB = b.counts[j]!;
  const valueA = a.values[i]!;
  const valueB = b.values[j]!;
  const extraA = a.extras[i]!;
  const extraB = b.extras[j]!;
  out.counts[k] = countA + countB;
  if (countA === 0 || countB === 0) {
    out.values[k] = countA === 0 ? valueB : valueA;
    out.extras[k] = countA === 0 ? extraB : extraA;
    return;
  }
  switch (kind) {
    case 'count':
      return;
    case 'sum':
      out.values[k] = valueA + valueB;
      return;
    case 'min':
      out.values[k] = valueA < valueB || Number.isNaN(valueB) ? valueA : valueB;
      return;
    case 'max':
      out.values[k] = valueA > valueB || Number.isNaN(valueB) ? valueA : valueB;
      return;
    case 'first':
      out.values[k] = extraA <= extraB ? valueA : valueB;
      out.extras[k] = Math.min(extraA, extraB);
      return;
    case 'last':
      out.values[k] = extraB >= extraA ? valueB : valueA;
      out.extras[k] = Math.max(extraA, extraB);
      return;
    case 'variance': {
      // Chan, Golub and LeVeque's way to put two of them together.
      const total = countA + countB;
      const difference = valueB - valueA;
      out.values[k] = valueA + (difference * countB) / total;
      out.extras[k] = extraA + extraB + (difference * difference * countA * countB) / total;
    }
  }
}
