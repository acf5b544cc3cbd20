import type { SampleWindow } from '#libs/samples';
import { SampleColumns } from './block/chunk-merge.ts';
import type { SampleReader } from './selection.ts';
import { overlaps, type TimeRange } from './tombstones.ts';

/** Reads samples of rows but for those that have been deleted. */
export class HiddenRows implements SampleReader {
  readonly #samples: SampleReader;
  readonly #ranges = new Map<number, readonly TimeRange[]>();
  /** A window's samples without the hidden ones, valid for as long as the window's view is. */
  readonly #columns = new WeakMap<SampleWindow, SampleColumns>();

  constructor(samples: SampleReader) {
    this.#samples = samples;
  }

  hide(rows: Iterable<number>, { minMs, maxMs }: TimeRange): void {
    for (const row of rows) {
      this.#ranges.set(row, [...(this.#ranges.get(row) ?? []), { minMs, maxMs }]);
    }
  }

  /** Tells that a row has no samples any more. */
  clearRow(row: number): void {
    this.#ranges.delete(row);
  }

  /** Forgets ranges in which no sample is left. @param firstMs tells the time of a row's oldest sample */
  forgetGone(firstMs: (row: number) => number): void {
    for (const [row, ranges] of this.#ranges) {
      const oldestMs = firstMs(row);
      const left = ranges.filter(({ maxMs }) => maxMs >= oldestMs);
      if (left.length === 0) this.#ranges.delete(row);
      else if (left.length < ranges.length) this.#ranges.set(row, left);
    }
  }

  /** See `Selection.read`. */
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    this.#samples.read(row, minMs, maxMs, window);
    if (this.#ranges.size === 0 || window.start === window.end) return;
    const shown = { minMs: window.timesMs[window.start]!, maxMs: window.timesMs[window.end - 1]! };
    // What a histogram knows of a reset may be since one that is hidden.
    const touches = (range: TimeRange): boolean =>
      overlaps(range, shown) || (window.histograms !== null && range.maxMs < shown.minMs);
    const hidden = this.#ranges.get(row)?.filter(touches) ?? [];
    if (hidden.length === 0) return;
    let columns = this.#columns.get(window);
    if (columns === undefined) this.#columns.set(window, (columns = new SampleColumns()));
    columns.clear();
    columns.addWindow(window);
    columns.hide(hidden);
    columns.show(minMs, maxMs, window);
  }
}
