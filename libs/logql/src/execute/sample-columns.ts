import type { Labels } from '#libs/labels';
import type { EvaluatedSeries } from './evaluated-series.ts';

/** Samples of one series as they come, in columns that grow. */
export class SampleColumns {
  #times = new Float64Array(16);
  #values = new Float64Array(16);
  #count = 0;
  #isSorted = true;

  add(time: number, value: number): void {
    const count = this.#count;
    if (count === this.#times.length) {
      this.#times = doubled(this.#times);
      this.#values = doubled(this.#values);
    }
    if (count > 0 && time < this.#times[count - 1]!) this.#isSorted = false;
    this.#times[count] = time;
    this.#values[count] = value;
    this.#count++;
  }

  /** The columns in the order of time, which `toMs` converts. */
  finish(labels: Labels, toMs: (time: number) => number): EvaluatedSeries {
    const times = this.#times.subarray(0, this.#count);
    const values = this.#values.subarray(0, this.#count);
    if (this.#isSorted) return { labels, timesMs: times.map(toMs), values };
    const order = Uint32Array.from(times, (_, i) => i).toSorted(
      (a, b) => times[a]! - times[b]! || a - b,
    );
    return {
      labels,
      timesMs: Float64Array.from(order, (i) => toMs(times[i]!)),
      values: Float64Array.from(order, (i) => values[i]!),
    };
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(column.length * 2);
  grown.set(column);
  return grown;
}
