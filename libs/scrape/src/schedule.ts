import { Labels } from '#libs/labels';

/**
 * Where within its interval a target is scraped, so that the targets of a collector are spread over it and a restart finds
 * each in its old place.
 * @param seed tells collectors apart that scrape the same targets
 * @returns whole milliseconds from 0 up to, not including, `intervalMs`
 */
export function spreadOffsetMs(targetKey: string, intervalMs: number, seed: string): number {
  const hex = Labels.fromRecord({ seed, target: targetKey }).fingerprint;
  // 48 bits are exact in a double.
  return parseInt(hex.slice(0, 12), 16) % intervalMs;
}

/**
 * The first moment after `nowMs` that lies `offsetMs` into an interval.
 * @param lastMs the moment of the run before, or NaN: it does not come again where a timer woke a little before its time, or
 *   where the clock was put back by less than an interval
 */
export function nextScrapeMs(
  nowMs: number,
  intervalMs: number,
  offsetMs: number,
  lastMs = Number.NaN,
): number {
  const earlyMs = lastMs - nowMs;
  const fromMs = earlyMs > 0 && earlyMs < intervalMs ? lastMs : nowMs;
  const passed = (((fromMs - offsetMs) % intervalMs) + intervalMs) % intervalMs;
  return fromMs + intervalMs - passed;
}

const TOLERANCE_MS = 2;

/**
 * The timestamp of a scrape: the planned moment where the timer was at most 2 ms (and a hundredth of the interval) off,
 * because samples at even distances compress far better.
 */
export function alignScrapeTimeMs(nowMs: number, plannedMs: number, intervalMs: number): number {
  const toleranceMs = Math.min(TOLERANCE_MS, intervalMs / 100);
  return Math.abs(nowMs - plannedMs) <= toleranceMs ? plannedMs : nowMs;
}
