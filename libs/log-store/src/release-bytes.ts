/** Smaller ones may lie in memory that several share. */
const LEAST_BYTES = 256 * 1_024;

/**
 * Gives memory back at once that nobody reads any more, and that is not shared. Some megabytes for each push would otherwise
 * lie about until the collector comes, which comes the more often for it: it was a third of the CPU of a line.
 * @param bytes all that is left of its memory, empty after this
 */
export function releaseBytes({ buffer }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST_BYTES) buffer.transfer(0);
}
