/** The index of the first of `count` ascending times that is not before `timeMs`, or `count`. */
export function firstAtOrAfter(timesMs: Float64Array, count: number, timeMs: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timesMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
