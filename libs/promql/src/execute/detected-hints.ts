import { noHistograms } from './block.ts';
import { detectedResetHint, type FloatHistogram } from '#libs/histogram';
import { isStaleMarker } from '#libs/samples';
import type { RowSamples } from './vector-node.ts';

/**
 * The window's histograms with the counter resets found out where the store left them open. Prometheus does so where only
 * counts and sums are asked for, and remarks on aggregations that add a reset to none depend on it.
 */
export function withDetectedHints(
  samples: Pick<RowSamples, 'values' | 'histograms' | 'start' | 'end'>,
): (FloatHistogram | null)[] {
  const { histograms, values, start, end } = samples;
  const detected: (FloatHistogram | null)[] = noHistograms(end);
  let previous: FloatHistogram | null = null;
  for (let i = start; i < end; i++) {
    const histogram: FloatHistogram | null = histograms![i] ?? null;
    if (histogram === null) {
      if (isStaleMarker(values, i)) previous = null;
      continue;
    }
    const hint = detectedResetHint(previous, histogram);
    detected[i] =
      hint === histogram.counterResetHint ? histogram : { ...histogram, counterResetHint: hint };
    previous = histogram;
  }
  return detected;
}
