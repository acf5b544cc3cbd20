import type { ChunkSpan } from './chunk-ref.ts';
import { isBefore, Nanos } from './nanos.ts';

/** Times, in words. The range is [start, end). */
export interface TimeRange {
  readonly start: Nanos;
  readonly end: Nanos;
}

/** The range of a request, in words. */
export function rangeOf(startNs: bigint, endNs: bigint): TimeRange {
  const start = new Nanos();
  const end = new Nanos();
  start.setClamped(startNs);
  end.setClamped(endNs);
  return { start, end };
}

/** Whether lines between two times, both included, may lie in the range. */
export function overlapsRange(
  minLow: number,
  minHigh: number,
  maxLow: number,
  maxHigh: number,
  { start, end }: TimeRange,
): boolean {
  return (
    isBefore(minLow, minHigh, end.low, end.high) &&
    !isBefore(maxLow, maxHigh, start.low, start.high)
  );
}

/** Whether a chunk may have lines in the range. */
export function isInRange(
  {
    minLow,
    minHigh,
    maxLow,
    maxHigh,
  }: Pick<ChunkSpan, 'minLow' | 'minHigh' | 'maxLow' | 'maxHigh'>,
  range: TimeRange,
): boolean {
  return overlapsRange(minLow, minHigh, maxLow, maxHigh, range);
}
