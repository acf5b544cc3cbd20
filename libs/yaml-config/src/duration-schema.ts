import { formatDurationMs, parseDurationMs } from '#libs/labels';
import type { z } from 'zod';
import { parsedText } from './parsed-text.ts';

/**
 * A duration such as `30s` or `1h30m`; milliseconds once it is read.
 * @param options `minMs` is the shortest taken, 0 by default; `message` is what a shorter one is told
 */
export function durationMs(
  options: { readonly minMs?: number; readonly message?: string } = {},
): z.ZodType<number, string> {
  const { minMs = 0 } = options;
  const { message = `at least ${formatDurationMs(minMs)} is accepted` } = options;
  return parsedText(parseDurationMs).refine((ms) => ms >= minMs, { error: message });
}

/** As {@link durationMs}, above 0. */
export function positiveDurationMs(): z.ZodType<number, string> {
  return durationMs({ minMs: 1, message: 'must be more than 0' });
}
