/** A seeded generator of random numbers (sfc32): the same seed gives the same inputs on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seeds whole numbers that together name the sequence */
  constructor(...seeds: readonly number[]) {
    this.#a = 0x9e3779b9;
    this.#b = 0x243f6a88;
    this.#c = 0xb7e15162;
    for (const seed of seeds) {
      this.#a = (this.#a ^ seed) | 0;
      for (let i = 0; i < 4; i++) this.bits();
    }
    for (let i = 0; i < 8; i++) this.bits();
  }

  /** 32 random bits, as a whole number from 0. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor((this.bits() / 2 ** 32) * end);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Mostly small, now and then large, never above `most`: how sizes are in the wild. */
  size(most: number): number {
    return this.below(Math.min(most, 2 ** (1 + this.below(Math.ceil(Math.log2(most + 1))))) + 1);
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i++) bytes[i] = this.bits() >>> 24;
    return bytes;
  }
}
