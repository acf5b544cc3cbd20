/** A text that is not a Prometheus duration. */
export class DurationSyntaxError extends Error {
  override readonly name = 'DurationSyntaxError';
  constructor(text: string, reason: string) {
    super(`not a valid duration string: ${JSON.stringify(text)}: ${reason}`);
  }
}

const UNITS: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const SHAPE = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Go keeps durations as 64-bit nanoseconds; what does not fit there is refused here as well. */
const MAX_DURATION_MS = 9_223_372_036_854;

/**
 * Reads a Prometheus duration such as `1h30m`, `15s`, `500ms` or `0`: units in descending order, each at most once.
 * @returns milliseconds
 * @throws DurationSyntaxError
 */
export function parseDurationMs(text: string): number {
  if (text === '0') return 0;
  if (text === '') throw new DurationSyntaxError(text, 'it is empty');
  const match = SHAPE.exec(text);
  if (match === null) {
    throw new DurationSyntaxError(
      text,
      'expected numbers with units y, w, d, h, m, s, ms such as 1h30m',
    );
  }
  let sumMs = 0;
  for (let i = 0; i < UNITS.length; i++) {
    const digits = match[i + 1];
    if (digits !== undefined) sumMs += Number(digits) * UNITS[i]![1];
  }
  if (sumMs > MAX_DURATION_MS) throw new DurationSyntaxError(text, 'it is out of range');
  return sumMs;
}

/**
 * Writes milliseconds as Prometheus does: `1h30m`, `15s`, `0s`; weeks and years only where they come out whole.
 * @param durationMs a whole number of milliseconds; a sign is kept
 */
export function formatDurationMs(durationMs: number): string {
  if (durationMs === 0) return '0s';
  let text = durationMs < 0 ? '-' : '';
  let restMs = Math.abs(durationMs);
  for (const [unit, unitMs] of UNITS) {
    if ((unit === 'y' || unit === 'w') && restMs % unitMs !== 0) continue;
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * unitMs;
  }
  return text;
}
