import type { NeedleFilterBuilder } from './needle-filter.ts';
import type { SealedChunk } from './sealed-chunk.ts';

const AT_A_TIME = 2;
/** While so many wait, whoever can should wait as well. */
const ENOUGH_WAITING = 16;

/** Compresses sealed chunks in the background, a few at a time. */
export class PackQueue {
  readonly #filters: NeedleFilterBuilder;
  #waiting: SealedChunk[] = [];
  #running = 0;
  #onRoom: (() => void)[] = [];

  constructor(filters: NeedleFilterBuilder) {
    this.#filters = filters;
  }

  add(chunk: SealedChunk): void {
    this.#waiting.push(chunk);
    this.#next();
  }

  /** Resolves when few are waiting. */
  hasRoom(): Promise<void> {
    if (this.#waiting.length < ENOUGH_WAITING) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onRoom.push(resolve);
    });
  }

  #next(): void {
    while (this.#running < AT_A_TIME) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return;
      this.#running++;
      void this.#pack(chunk);
    }
  }

  async #pack(chunk: SealedChunk): Promise<void> {
    try {
      await chunk.pack(this.#filters);
    } catch {
      // Without memory for it the chunk stays as it is, and is tried again when a block is written.
    }
    this.#running--;
    if (this.#waiting.length < ENOUGH_WAITING) for (const run of this.#onRoom.splice(0)) run();
    this.#next();
  }
}
