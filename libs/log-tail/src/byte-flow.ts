/** What was seen of files, and what came of it. All three grow only. */
export interface ByteFlow {
  /** By how much files have grown, as far as anybody has looked, since they were first met. */
  seenBytes: number;
  /** Of lines that have arrived where they belong, or are on their way there from a file that was overwritten since. */
  shippedBytes: number;
  /** Of what was overwritten or gone before it was read. */
  lostBytes: number;
}

/** Nothing yet. */
export function noFlow(): ByteFlow {
  return { seenBytes: 0, shippedBytes: 0, lostBytes: 0 };
}
