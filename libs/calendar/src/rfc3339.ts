import { dateFromDays, daysFromDate, daysInMonth } from './date.ts';

const DAY_MS = 86_400_000;

/**
 * A time as Go prints it in JSON (RFC 3339, in UTC): `2026-02-03T04:05:06.789Z`, without zeros at the end of the
 * fraction. The years 0 to 9999 come out in the form that the RFC asks for.
 * @param timeMs milliseconds since the epoch; a part of one is dropped
 */
export function formatRfc3339(timeMs: number): string {
  const wholeMs = Math.floor(timeMs);
  const days = Math.floor(wholeMs / DAY_MS);
  const { year, month, day } = dateFromDays(days);
  const restMs = wholeMs - days * DAY_MS;
  const milliseconds = restMs % 1_000;
  const seconds = (restMs - milliseconds) / 1_000;
  const date = `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
  const time = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => padded(part, 2))
    .join(':');
  const fraction = milliseconds === 0 ? '' : `.${padded(milliseconds, 3).replace(/0+$/, '')}`;
  return `${date}T${time}${fraction}Z`;
}

function padded(number: number, width: number): string {
  return String(number).padStart(width, '0');
}

const SHAPE =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Reads a time as RFC 3339 has it: `2026-02-03T04:05:06.789Z`, `2026-02-03T05:05:06+01:00`.
 * @returns milliseconds since the epoch, what is finer dropped; null for a text that is no time
 */
export function parseRfc3339Ms(text: string): number | null {
  const match = SHAPE.exec(text);
  if (match === null) return null;
  const number = (group: number) => Number(match[group] ?? 0);
  const [year, month, day] = [number(1), number(2), number(3)];
  const [hour, minute, second] = [number(4), number(5), number(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  // A leap second counts as the first of the next minute.
  if (hour > 23 || minute > 59 || second > 60) return null;
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const offsetMinutes = number(9) * 60 + number(10);
  const localMs =
    daysFromDate(year, month, day) * DAY_MS +
    ((hour * 60 + minute) * 60 + second) * 1_000 +
    milliseconds;
  return localMs - (match[8] === '-' ? -offsetMinutes : offsetMinutes) * 60_000;
}
