import { parseDurationMs } from '#libs/labels';
import { z } from 'zod';

/** A duration such as `30s` or `1h30m`, above 0; milliseconds once it is read. */
export const positiveDurationMs = z.string().transform((text, context) => {
  try {
    const durationMs = parseDurationMs(text);
    if (durationMs > 0) return durationMs;
    context.addIssue({ code: 'custom', message: 'must be more than 0' });
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : '' });
  }
  return z.NEVER;
});
