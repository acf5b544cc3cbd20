const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const SHAPE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;

/**
 * Reads the date of an HTTP header, `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110, section 5.6.7, the form to be sent).
 * @returns Unix seconds, or null for anything else
 */
export function parseHttpDateSeconds(text: string): number | null {
  const match = SHAPE.exec(text);
  if (match === null) return null;
  const month = MONTHS.indexOf(match[2]!);
  if (month < 0) return null;
  const [day, year, hours, minutes, seconds] = [1, 3, 4, 5, 6].map((i) => Number(match[i]));
  const days = daysSinceEpoch(year!, month + 1, day!);
  return days * 86_400 + hours! * 3_600 + minutes! * 60 + seconds!;
}

/** Days from 1970-01-01 in the Gregorian calendar; years begin in March, so that leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
