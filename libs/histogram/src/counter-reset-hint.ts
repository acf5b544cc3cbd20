import { isCounterReset } from './arithmetic.ts';
import type { CounterResetHint, FloatHistogram } from './float-histogram.ts';

/**
 * The hint a store gives a histogram that follows `previous` in its series: that there was no reset is known where both
 * are counters and nothing went down; everything else is left to whoever compares the two.
 * @param previous null at the start of a series, after a float and after a stale marker
 */
export function storedResetHint(
  previous: FloatHistogram | null,
  current: FloatHistogram,
): CounterResetHint {
  const { counterResetHint } = current;
  if (counterResetHint === 'gauge' || counterResetHint === 'reset') return counterResetHint;
  if (previous === null || previous.counterResetHint === 'gauge') return 'unknown';
  return isCounterReset(previous, current) ? 'unknown' : 'not_reset';
}

/** The hint of a histogram once it has been compared with the one before it, where the store left that open. */
export function detectedResetHint(
  previous: FloatHistogram | null,
  current: FloatHistogram,
): CounterResetHint {
  if (current.counterResetHint !== 'unknown' || previous === null) return current.counterResetHint;
  return isCounterReset(previous, current) ? 'reset' : 'not_reset';
}
