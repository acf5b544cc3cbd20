import { allBuckets } from './buckets.ts';
import type { FloatHistogram } from './float-histogram.ts';

/** The text Prometheus writes for a histogram: `{count:3, sum:5, (1,2]:1, (2,4]:2}`. */
export function formatHistogram(histogram: FloatHistogram): string {
  let text = `{count:${formatFloat(histogram.count)}, sum:${formatFloat(histogram.sum)}`;
  for (const bucket of allBuckets(histogram)) {
    if (bucket.count === 0) continue;
    const open = bucket.lowerInclusive ? '[' : '(';
    const close = bucket.upperInclusive ? ']' : ')';
    const bounds = `${formatFloat(bucket.lower)},${formatFloat(bucket.upper)}`;
    text += `, ${open}${bounds}${close}:${formatFloat(bucket.count)}`;
  }
  return `${text}}`;
}

/** A number as Go's `%g` writes it. */
function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1]);
  if (exponent >= -4 && exponent < 21) return String(value);
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const sign = power.startsWith('-') ? '-' : '+';
  return `${mantissa}e${sign}${power.replace(/^[+-]/, '').padStart(2, '0')}`;
}
