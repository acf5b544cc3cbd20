import { allBuckets, type FloatHistogram, usesCustomBuckets } from '#libs/histogram';
import { KahanSum } from './kahan.ts';

function variance(histogram: FloatHistogram): number {
  const mean = histogram.sum / histogram.count;
  const total = new KahanSum();
  for (const { lower, upper, count } of allBuckets(histogram)) {
    if (count === 0) continue;
    const delta = representative(histogram, lower, upper) - mean;
    total.add(count * delta * delta);
  }
  return (total.sum + total.compensation) / histogram.count;
}

/** The value that stands for a bucket's observations. */
function representative(histogram: FloatHistogram, lower: number, upper: number): number {
  if (usesCustomBuckets(histogram)) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const middle = Math.sqrt(upper * lower);
  return upper < 0 ? -middle : middle;
}

/** The functions of one histogram that give a float, by name. */
export const HISTOGRAM_FUNCTIONS: ReadonlyMap<string, (histogram: FloatHistogram) => number> =
  new Map([
    ['histogram_count', (histogram: FloatHistogram) => histogram.count],
    ['histogram_sum', (histogram: FloatHistogram) => histogram.sum],
    ['histogram_avg', (histogram: FloatHistogram) => histogram.sum / histogram.count],
    ['histogram_stdvar', variance],
    ['histogram_stddev', (histogram: FloatHistogram) => Math.sqrt(variance(histogram))],
  ]);
