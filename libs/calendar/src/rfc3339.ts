import { dateFromDays } from './date.ts';

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
