/**
 * Steps of a query and the windows that end at them, in nanoseconds from where the first window begins. A line at `x`
 * belongs to the windows with `start < x <= end`. Time is cut into panes at every place where a window begins or ends, so
 * a line is counted once, and a window is put together of panes.
 */
export class Windows {
  readonly count: number;
  readonly rangeNs: number;
  readonly stepNs: number;
  /** Where the first window begins, since 1970; itself no longer part of it. */
  readonly baseNs: bigint;
  readonly paneCount: number;
  /** Panes from one window to the next, and in each window. */
  readonly panesPerStep: 1 | 2;
  readonly panesPerWindow: number;
  readonly #restNs: number;

  constructor(options: {
    readonly firstEndNs: bigint;
    readonly stepNs: number;
    readonly count: number;
    readonly rangeNs: number;
  }) {
    const { firstEndNs, count, rangeNs } = options;
    this.count = count;
    this.rangeNs = rangeNs;
    // A single window has no step; its own length makes one pane of it.
    this.stepNs = count === 1 ? rangeNs : options.stepNs;
    this.baseNs = firstEndNs - BigInt(rangeNs);
    const whole = Math.floor(rangeNs / this.stepNs);
    this.#restNs = rangeNs - whole * this.stepNs;
    this.panesPerStep = this.#restNs === 0 ? 1 : 2;
    this.panesPerWindow = this.panesPerStep * whole + (this.#restNs > 0 ? 1 : 0);
    this.paneCount = (count - 1) * this.panesPerStep + this.panesPerWindow;
  }

  /** The first nanosecond of any window. */
  get startNs(): bigint {
    return this.baseNs + 1n;
  }

  /** The first nanosecond behind the last window. */
  get endNs(): bigint {
    return this.baseNs + BigInt(this.rangeNs + (this.count - 1) * this.stepNs) + 1n;
  }

  /** The pane that holds a time, or -1 where no window does. */
  paneAt(relativeNs: number): number {
    if (relativeNs <= 0) return -1;
    const { stepNs } = this;
    let step = Math.ceil(relativeNs / stepNs) - 1;
    // Division rounds; the pane is the one whose bounds hold the time.
    if (step * stepNs >= relativeNs) step--;
    else if ((step + 1) * stepNs < relativeNs) step++;
    const rest = this.#restNs;
    const pane = rest === 0 ? step : 2 * step + (relativeNs - step * stepNs > rest ? 1 : 0);
    return pane < this.paneCount ? pane : -1;
  }
}

/** Times of a batch as differences from a base, without making a bigint of each. */
export class RelativeTimes {
  readonly #low: Uint32Array;
  readonly #high: Int32Array;
  readonly #baseLow: number;
  readonly #baseHigh: number;

  constructor(timesNs: BigInt64Array, baseNs: bigint) {
    const { buffer, byteOffset, length } = timesNs;
    this.#low = new Uint32Array(buffer, byteOffset, length * 2);
    this.#high = new Int32Array(buffer, byteOffset, length * 2);
    this.#baseLow = Number(BigInt.asUintN(32, baseNs));
    this.#baseHigh = Number(baseNs >> 32n);
  }

  at(index: number): number {
    return (
      (this.#high[index * 2 + 1]! - this.#baseHigh) * 4_294_967_296 +
      (this.#low[index * 2]! - this.#baseLow)
    );
  }
}
