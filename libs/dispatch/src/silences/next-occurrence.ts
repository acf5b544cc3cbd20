import type { LocalTime } from '../time/local-clock.ts';
import type { Silence } from './silence.ts';
import type { Recurrence, SilenceTerms } from './silence-terms.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const DAY_MS = DAY_MINUTES * MINUTE_MS;
/** The 31st comes at least once in two months; daylight saving time may move a day. */
const MOST_DAYS_APART = 64;

/**
 * When a recurring silence comes next: at the same time of day by its clock, on a day of its days, for as long as before.
 * Occurrences that are over by `nowMs` are left out. In the hour that summer time skips it comes an hour off.
 * @returns null where it does not come again
 */
export function nextOccurrence(
  silence: Pick<Silence, 'startsAtMs' | 'endsAtMs'>,
  { days, clock, untilMs }: NonNullable<SilenceTerms['recurrence']>,
  nowMs: number,
): { readonly startsAtMs: number; readonly endsAtMs: number } | null {
  const { startsAtMs, endsAtMs } = silence;
  const lastsMs = endsAtMs - startsAtMs;
  const first = clock.read(startsAtMs);
  const missed = Math.floor((nowMs - endsAtMs) / DAY_MS) - 1;
  for (let day = Math.max(1, missed), end = day + MOST_DAYS_APART; day < end; day++) {
    const roughMs = startsAtMs + day * DAY_MS;
    const shift = first.minute - clock.read(roughMs).minute;
    // A shift over half a day means that midnight lies between.
    const nearest = shift - Math.round(shift / DAY_MINUTES) * DAY_MINUTES;
    const nextMs = roughMs + nearest * MINUTE_MS;
    if (nextMs + lastsMs <= nowMs || nextMs <= startsAtMs) continue;
    if (untilMs !== null && nextMs >= untilMs) return null;
    if (isOn(days, clock.read(nextMs), first)) {
      return { startsAtMs: nextMs, endsAtMs: nextMs + lastsMs };
    }
  }
  return null;
}

function isOn(days: Recurrence, local: LocalTime, first: LocalTime): boolean {
  switch (days.kind) {
    case 'daily':
      return true;
    case 'weekly':
      return local.weekday === first.weekday;
    case 'monthly':
      return local.day === first.day;
    case 'weekdays':
      return days.ranges.some(
        (range) => local.weekday >= range.first && local.weekday <= range.last,
      );
  }
}
