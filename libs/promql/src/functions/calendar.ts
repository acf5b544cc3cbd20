const SECONDS_PER_DAY = 86_400;

/** A day of the Gregorian calendar, UTC. */
interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

/**
 * The date of a number of days since 1970-01-01, counted in 400-year eras that begin on 1 March, so that the leap day is the
 * last of its year.
 */
function civilDate(daysSinceEpoch: number): CivilDate {
  const shifted = daysSinceEpoch + 719_468;
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
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function ofDate(compute: (date: CivilDate) => number): (seconds: number) => number {
  return (seconds) => compute(civilDate(Math.floor(Math.trunc(seconds) / SECONDS_PER_DAY)));
}

function secondOfDay(seconds: number): number {
  const whole = Math.trunc(seconds);
  return whole - Math.floor(whole / SECONDS_PER_DAY) * SECONDS_PER_DAY;
}

/** The date and time functions: seconds since the epoch to a part of the UTC date. */
export const CALENDAR_FUNCTIONS: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ['year', ofDate((date) => date.year)],
  ['month', ofDate((date) => date.month)],
  ['day_of_month', ofDate((date) => date.day)],
  [
    'day_of_week',
    (seconds: number) => {
      // 1970-01-01 was a Thursday.
      const day = (Math.floor(Math.trunc(seconds) / SECONDS_PER_DAY) + 4) % 7;
      return day < 0 ? day + 7 : day;
    },
  ],
  [
    'day_of_year',
    ofDate(
      (date) =>
        DAYS_BEFORE_MONTH[date.month - 1]! +
        date.day +
        (date.month > 2 && isLeapYear(date.year) ? 1 : 0),
    ),
  ],
  [
    'days_in_month',
    ofDate((date) =>
      date.month === 2 && isLeapYear(date.year)
        ? 29
        : (DAYS_IN_MONTH[date.month - 1] ?? Number.NaN),
    ),
  ],
  ['hour', (seconds: number) => Math.floor(secondOfDay(seconds) / 3_600)],
  ['minute', (seconds: number) => Math.floor((secondOfDay(seconds) % 3_600) / 60)],
]);
