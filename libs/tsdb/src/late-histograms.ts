import { ByteReader, ByteWriter } from '#libs/block-files';
import { readHistogram, type TimedHistogram, writeHistogram } from './histogram-codec.ts';

interface LateHistogram {
  readonly timeMs: number;
  readonly bytes: Buffer;
}

/**
 * Native histograms that came after younger samples of their series: each encoded on its own, ascending in time in a list
 * per row. Few rows have any, hence a map; the total is bounded by the caller.
 */
export class LateHistograms {
  readonly #rows = new Map<number, LateHistogram[]>();
  readonly #writer = new ByteWriter(1_024);
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get rowCount(): number {
    return this.#rows.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(row: number): boolean {
    return this.#rows.has(row);
  }

  /** Puts a histogram in its place. Its time must not be taken. */
  insert(row: number, timed: TimedHistogram): void {
    let list = this.#rows.get(row);
    if (list === undefined) this.#rows.set(row, (list = []));
    this.#writer.clear();
    writeHistogram(this.#writer, null, timed);
    const bytes = Buffer.from(this.#writer.view());
    let place = list.length;
    while (place > 0 && list[place - 1]!.timeMs > timed.timeMs) place--;
    list.splice(place, 0, { timeMs: timed.timeMs, bytes });
    this.#count++;
    this.#bytes += bytes.length;
  }

  /** Adds those of the row in the range to `found`, ascending. */
  read(row: number, minMs: number, maxMs: number, found: TimedHistogram[]): void {
    for (const { timeMs, bytes } of this.#rows.get(row) ?? []) {
      if (timeMs < minMs || timeMs > maxMs) continue;
      found.push(readHistogram(new ByteReader(bytes), null));
    }
  }

  removeRow(row: number): void {
    const list = this.#rows.get(row);
    if (list !== undefined) this.#drop(row, list, list.length);
  }

  dropBefore(cutoffMs: number): void {
    for (const [row, list] of this.#rows) {
      let dropped = 0;
      while (dropped < list.length && list[dropped]!.timeMs < cutoffMs) dropped++;
      if (dropped > 0) this.#drop(row, list, dropped);
    }
  }

  /** Drops the first so many of a row's list. */
  #drop(row: number, list: LateHistogram[], count: number): void {
    for (const { bytes } of list.splice(0, count)) {
      this.#count--;
      this.#bytes -= bytes.length;
    }
    if (list.length === 0) this.#rows.delete(row);
  }
}
