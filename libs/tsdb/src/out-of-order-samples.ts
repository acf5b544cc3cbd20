import { grown } from './growing-columns.ts';

interface LateColumns {
  timesMs: Float64Array;
  /** Two a value, in the machine's order. */
  words: Uint32Array;
  length: number;
}

/**
 * Samples that came after younger ones of their series: a short sorted column per row, merged in when the row is read.
 * Few rows have one, hence a map; the total is bounded by the caller.
 */
export class OutOfOrderSamples {
  readonly #rows = new Map<number, LateColumns>();
  #sampleCount = 0;

  get sampleCount(): number {
    return this.#sampleCount;
  }

  has(row: number): boolean {
    return this.#rows.size > 0 && this.#rows.has(row);
  }

  /** The row's samples; only where {@link has} says yes. */
  columnsOf(row: number): Readonly<LateColumns> {
    return this.#rows.get(row)!;
  }

  /** Puts a sample in its place. Its time must not be taken. `firstWord` is the one at the lower index. */
  insert(row: number, timeMs: number, firstWord: number, secondWord: number): void {
    let columns = this.#rows.get(row);
    if (columns === undefined) {
      columns = { timesMs: new Float64Array(4), words: new Uint32Array(8), length: 0 };
      this.#rows.set(row, columns);
    }
    if (columns.length === columns.timesMs.length) {
      columns.timesMs = grown(columns.timesMs, columns.length * 2);
      columns.words = grown(columns.words, columns.length * 4);
    }
    let place = columns.length;
    while (place > 0 && columns.timesMs[place - 1]! > timeMs) place--;
    columns.timesMs.copyWithin(place + 1, place, columns.length);
    columns.words.copyWithin(2 * place + 2, 2 * place, 2 * columns.length);
    columns.timesMs[place] = timeMs;
    columns.words[2 * place] = firstWord;
    columns.words[2 * place + 1] = secondWord;
    columns.length++;
    this.#sampleCount++;
  }

  removeRow(row: number): void {
    const columns = this.#rows.get(row);
    if (columns === undefined) return;
    this.#sampleCount -= columns.length;
    this.#rows.delete(row);
  }

  dropBefore(cutoffMs: number): void {
    for (const [row, columns] of this.#rows) {
      let dropped = 0;
      while (dropped < columns.length && columns.timesMs[dropped]! < cutoffMs) dropped++;
      if (dropped === 0) continue;
      columns.timesMs.copyWithin(0, dropped, columns.length);
      columns.words.copyWithin(0, 2 * dropped, 2 * columns.length);
      columns.length -= dropped;
      this.#sampleCount -= dropped;
      if (columns.length === 0) this.#rows.delete(row);
    }
  }
}
