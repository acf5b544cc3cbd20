export { type CivilDate, dateFromDays, daysFromDate, daysInMonth, isLeapYear } from './date.ts';
export { parseHttpDateMs, parseRetryAfterMs } from './http-date.ts';
export { formatRfc3339, parseRfc3339Ms } from './rfc3339.ts';
