const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;
const SECONDS = /^-?\d{1,11}(?:\.\d+)?$/;

/** Seconds since 1970 or a time as in RFC 3339, in milliseconds; null for anything else. */
export function parseTimeMs(text: string): number | null {
  if (SECONDS.test(text)) return Math.round(Number(text) * 1_000);
  const timeMs = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? null : timeMs;
}
