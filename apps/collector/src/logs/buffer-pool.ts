const SMALLEST_LOG2 = 12;
const LARGEST_LOG2 = 20;

/**
 * Memory that is used again. What is made anew for each batch of lines is given back by the collector of garbage long
 * after it was used, and until then the process is as large as if it were needed.
 */
export class BufferPool {
  readonly #maxKeptBytes: number;
  /** By the logarithm of their size. */
  readonly #free: Buffer[][] = [];
  #keptBytes = 0;

  /** @param maxKeptBytes most bytes that lie here unused */
  constructor(maxKeptBytes: number) {
    this.#maxKeptBytes = maxKeptBytes;
  }

  /** Memory of at least that size, with anything in it. */
  take(bytes: number): Buffer {
    const log2 = Math.max(SMALLEST_LOG2, Math.ceil(Math.log2(Math.max(1, bytes))));
    if (log2 > LARGEST_LOG2) return Buffer.allocUnsafeSlow(bytes);
    const buffer = this.#free[log2]?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(2 ** log2);
    this.#keptBytes -= buffer.length;
    return buffer;
  }

  /** Nobody looks at what {@link take} gave any more. */
  giveBack(buffer: Buffer): void {
    const log2 = Math.log2(buffer.length);
    if (!Number.isInteger(log2) || log2 < SMALLEST_LOG2 || log2 > LARGEST_LOG2) return;
    if (this.#keptBytes + buffer.length > this.#maxKeptBytes) return;
    this.#keptBytes += buffer.length;
    (this.#free[log2] ??= []).push(buffer);
  }
}
