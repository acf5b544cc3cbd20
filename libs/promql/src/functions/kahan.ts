/**
 * A sum that carries what rounding took away (Kahan's algorithm as improved by Neumaier). The compensation is not added
 * in when the sum has become infinite, since infinity minus infinity would make it NaN.
 */
export class KahanSum {
  sum = 0;
  compensation = 0;

  /** Starts over with a first value. */
  reset(sum: number, compensation = 0): void {
    this.sum = sum;
    this.compensation = compensation;
  }

  add(increment: number): void {
    const { sum } = this;
    const total = sum + increment;
    if (total === Infinity || total === -Infinity) {
      this.compensation = 0;
    } else if (Math.abs(sum) >= Math.abs(increment)) {
      this.compensation += sum - total + increment;
    } else {
      this.compensation += increment - total + sum;
    }
    this.sum = total;
  }

  get value(): number {
    return isInfinite(this.sum) ? this.sum : this.sum + this.compensation;
  }
}

export function isInfinite(value: number): boolean {
  return value === Infinity || value === -Infinity;
}

const scratch = new KahanSum();

/** The compensated sum of `values[lo]` up to `values[hi]`. */
export function kahanSum(values: Float64Array, lo: number, hi: number): number {
  scratch.reset(lo < hi ? values[lo]! : 0);
  for (let i = lo + 1; i < hi; i++) scratch.add(values[i]!);
  return scratch.value;
}

/** The mean, computed incrementally from where the sum would overflow. */
export function kahanMean(values: Float64Array, lo: number, hi: number): number {
  const total = new KahanSum();
  total.reset(values[lo]!);
  const count = hi - lo;
  for (let i = lo + 1; i < hi; i++) {
    const { sum, compensation } = total;
    total.add(values[i]!);
    if (isInfinite(total.sum)) {
      return incrementalMean(values, i, hi, i - lo, sum, compensation);
    }
  }
  return total.sum / count + total.compensation / count;
}

function incrementalMean(
  values: Float64Array,
  from: number,
  hi: number,
  countBefore: number,
  sum: number,
  compensation: number,
): number {
  const mean = new KahanSum();
  let count = countBefore;
  mean.reset(sum / count, compensation / count);
  for (let i = from; i < hi; i++) {
    count++;
    const share = (count - 1) / count;
    mean.reset(share * mean.sum, share * mean.compensation);
    mean.add(values[i]! / count);
  }
  return mean.sum + mean.compensation;
}
