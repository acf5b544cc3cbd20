const DAY_MS = 86_400_000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Days since 1970-01-01 of a date in the Gregorian calendar. `month` is from 1. */
export function daysFromDate(year: number, month: number, day: number): number {
  // Years are counted from March, so that the leap day comes last.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The date, in the Gregorian calendar, of a number of days since 1970-01-01. */
export function dateFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** As Go prints a time in JSON: `2026-02-03T04:05:06.789Z`, without zeros at the end of the fraction. */
export function formatRfc3339(timeMs: number): string {
  const whole = Math.floor(timeMs);
  const { date, time, milliseconds } = fieldsOf(whole);
  const fraction =
    milliseconds === 0 ? '' : `.${String(milliseconds).padStart(3, '0').replace(/0+$/, '')}`;
  return `${date}T${time}${fraction}Z`;
}

/** For people: `2026-02-03 04:05:06 UTC`. */
export function formatForPeople(timeMs: number): string {
  const { date, time } = fieldsOf(Math.floor(timeMs));
  return `${date} ${time} UTC`;
}

function fieldsOf(timeMs: number): { date: string; time: string; milliseconds: number } {
  const days = Math.floor(timeMs / DAY_MS);
  const rest = timeMs - days * DAY_MS;
  const { year, month, day } = dateFromDays(days);
  const seconds = Math.floor(rest / 1_000);
  return {
    date: `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`,
    time: `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`,
    milliseconds: rest % 1_000,
  };
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

/**
 * Reads the date of an HTTP header, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
 * @returns milliseconds since the epoch, or null for anything else, the two obsolete forms included
 */
export function parseHttpDate(text: string): number | null {
  const match = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(
    text.trim(),
  );
  if (match === null) return null;
  const month = MONTHS.indexOf(match[2]!) + 1;
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((i) => Number(match[i]));
  if (month === 0 || hour! > 23 || minute! > 59 || second! > 60 || day! < 1 || day! > 31)
    return null;
  const seconds = hour! * 3_600 + minute! * 60 + second!;
  return daysFromDate(year!, month, day!) * DAY_MS + seconds * 1_000;
}
