import { type CivilDate, dateFromDays, daysInMonth, isLeapYear } from '#libs/calendar';

const SECONDS_PER_DAY = 86_400;

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

function ofDate(compute: (date: CivilDate) => number): (seconds: number) => number {
  return (seconds) => compute(dateFromDays(Math.floor(Math.trunc(seconds) / SECONDS_PER_DAY)));
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
    ofDate(({ year, month }) => (Number.isNaN(month) ? Number.NaN : daysInMonth(year, month))),
  ],
  ['hour', (seconds: number) => Math.floor(secondOfDay(seconds) / 3_600)],
  ['minute', (seconds: number) => Math.floor((secondOfDay(seconds) % 3_600) / 60)],
]);
