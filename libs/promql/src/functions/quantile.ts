/**
 * The φ-quantile of `count` values, interpolated between the two nearest ranks. NaN sorts first. The values are left
 * sorted.
 */
export function quantileOf(phi: number, values: Float64Array, count: number): number {
  if (count === 0 || Number.isNaN(phi)) return Number.NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  sortNanFirst(values, count);
  const rank = phi * (count - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(count - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return values[lower]! * (1 - weight) + values[upper]! * weight;
}

function sortNanFirst(values: Float64Array, count: number): void {
  let nans = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) {
      values[i] = values[nans]!;
      values[nans] = value;
      nans++;
    }
  }
  values.subarray(nans, count).sort();
}
