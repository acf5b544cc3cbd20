import { daysFromDate, daysInMonth } from './date.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const DAY_MS = 86_400_000;

/**
 * Reads the date of an HTTP header, `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that may be sent (RFC 9110, section
 * 5.6.7). Whether the day of the week fits is not looked at.
 * @returns milliseconds since the epoch, or null for anything else, the two obsolete forms included
 */
export function parseHttpDateMs(text: string): number | null {
  const match = IMF_FIXDATE.exec(text.trim());
  if (match === null) return null;
  const month = MONTHS.indexOf(match[2]!) + 1;
  const day = Number(match[1]);
  const year = Number(match[3]);
  const hour = Number(match[4]);
  const minute = Number(match[5]);
  const second = Number(match[6]);
  if (month === 0 || day < 1 || day > daysInMonth(year, month)) return null;
  // 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return null;
  const seconds = (hour * 60 + minute) * 60 + second;
  return daysFromDate(year, month, day) * DAY_MS + seconds * 1_000;
}

/**
 * Reads a `Retry-After` header: whole seconds, or a date (RFC 9110, section 10.2.3).
 * @param header the header as it was sent; null where there was none
 * @param maxMs no answer can keep us away for longer
 * @returns milliseconds from `nowMs`, from 0 to `maxMs`; null where there is nothing to go by
 */
export function parseRetryAfterMs(
  header: string | null,
  nowMs: number,
  maxMs: number,
): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text) * 1_000, maxMs);
  const untilMs = parseHttpDateMs(text);
  return untilMs === null ? null : Math.min(Math.max(untilMs - nowMs, 0), maxMs);
}
