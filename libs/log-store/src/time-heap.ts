import { isBefore } from './nanos.ts';

/** Something with a time, in words. */
export interface Timed {
  readonly low: number;
  readonly high: number;
}

/** A binary heap by time: the first is the earliest, or backward the latest. */
export class TimeHeap<T extends Timed> {
  readonly #isForward: boolean;
  readonly #items: T[] = [];

  constructor(isForward: boolean) {
    this.#isForward = isForward;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  get items(): readonly T[] {
    return this.#items;
  }

  /** Whether one comes strictly before another. */
  precedes(a: Timed, b: Timed): boolean {
    return this.#isForward
      ? isBefore(a.low, a.high, b.low, b.high)
      : isBefore(b.low, b.high, a.low, a.high);
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.precedes(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const [first] = this.#items;
    const last = this.#items.pop();
    if (this.#items.length > 0) this.#sink(last!);
    return first;
  }

  /** Puts the first into its place after its time has changed. */
  firstChanged(): void {
    if (this.#items.length > 1) this.#sink(this.#items[0]!);
  }

  clear(): void {
    this.#items.length = 0;
  }

  /** Lays an item at the top and lets it go down. */
  #sink(item: T): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.precedes(items[child + 1]!, items[child]!)) child++;
      if (!this.precedes(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  }
}
