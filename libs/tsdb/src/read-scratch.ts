/** Samples as columns: of each its time and the two words of its value, in the machine's order. */
export interface SampleWords {
  readonly timesMs: Float64Array;
  readonly words: Uint32Array;
}

/** What a window's decoded samples are written to; belongs to one window. */
export interface ReadScratch {
  timesMs: Float64Array;
  values: Float64Array;
  words: Uint32Array;
  startTimesMs: Float64Array;
}

/** Room for a window that has not been read yet. */
export function createReadScratch(): ReadScratch {
  const values = new Float64Array(256);
  return {
    timesMs: new Float64Array(256),
    values,
    words: new Uint32Array(values.buffer),
    startTimesMs: new Float64Array(0),
  };
}

/** Copies samples from one pair of columns to another, or within one towards its front. */
export function copySamples(
  from: SampleWords,
  fromIndex: number,
  to: SampleWords,
  toIndex: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    to.timesMs[toIndex + i] = from.timesMs[fromIndex + i]!;
    to.words[2 * (toIndex + i)] = from.words[2 * (fromIndex + i)]!;
    to.words[2 * (toIndex + i) + 1] = from.words[2 * (fromIndex + i) + 1]!;
  }
}

/** Makes room for `needed` samples, keeping the first `kept`. */
export function reserve(scratch: ReadScratch, needed: number, kept: number): void {
  if (scratch.timesMs.length >= needed) return;
  const capacity = needed + (needed >> 1);
  const timesMs = new Float64Array(capacity);
  const values = new Float64Array(capacity);
  const words = new Uint32Array(values.buffer);
  timesMs.set(scratch.timesMs.subarray(0, kept));
  words.set(scratch.words.subarray(0, 2 * kept));
  scratch.timesMs = timesMs;
  scratch.values = values;
  scratch.words = words;
}
