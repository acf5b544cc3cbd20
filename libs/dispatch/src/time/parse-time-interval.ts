import type { NumberRange } from './time-interval.ts';

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** A text in a time interval that means nothing; the message says what is accepted. */
export class TimeIntervalTextError extends Error {
  override readonly name = 'TimeIntervalTextError';
}

/** Reads `HH:MM`, up to `24:00`, to minutes since midnight. @throws TimeIntervalTextError */
export function parseTimeOfDay(text: string): number {
  const match = /^(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)$/.exec(text);
  if (match === null) throw new TimeIntervalTextError('expected a time from 00:00 to 24:00');
  return match[1] === undefined ? 24 * 60 : Number(match[1]) * 60 + Number(match[2]);
}

/** Reads `monday` or `monday:friday`; weeks begin on Sunday. @throws TimeIntervalTextError */
export function parseWeekdays(text: string): NumberRange {
  return parseRange(text, (word) => {
    const weekday = WEEKDAYS.indexOf(word.toLowerCase());
    if (weekday < 0) throw new TimeIntervalTextError(`expected ${WEEKDAYS.join(', ')}`);
    return weekday;
  });
}

/** Reads `may`, `5` or `january:march`. Alertmanager takes any number, so 13 is fine and never comes. */
export function parseMonths(text: string): NumberRange {
  return parseRange(text, (word) => {
    const month = MONTHS.indexOf(word.toLowerCase());
    return month >= 0 ? month + 1 : parseWholeNumber(word, 'a month by name or number');
  });
}

/** Reads `2026` or `2026:2028`. @throws TimeIntervalTextError */
export function parseYears(text: string): NumberRange {
  return parseRange(text, (word) => parseWholeNumber(word, 'a year'));
}

/** Reads `1`, `1:5`, `-1` or `-3:-1`; below 0 counts from the month's end. @throws TimeIntervalTextError */
export function parseDaysOfMonth(text: string): NumberRange {
  const { first, last } = mapRange(text, (word) => {
    const day = parseWholeNumber(word, 'a day of the month');
    if (day === 0 || day < -31 || day > 31) {
      throw new TimeIntervalTextError('expected a day from 1 to 31 or from -31 to -1');
    }
    return day;
  });
  if (first < 0 && last > 0) {
    throw new TimeIntervalTextError('the end must be below 0 where the start is');
  }
  // Days from the end are compared as in the longest month: if they are in order there, they may be in others.
  const lastInLongest = last < 0 ? last + 32 : last;
  const firstInLongest = first < 0 ? first + 32 : first;
  if (lastInLongest < firstInLongest) {
    throw new TimeIntervalTextError('the end is always before the start');
  }
  return { first, last };
}

function parseRange(text: string, parseWord: (word: string) => number): NumberRange {
  const range = mapRange(text, parseWord);
  if (range.last < range.first) throw new TimeIntervalTextError('the end is before the start');
  return range;
}

function mapRange(text: string, parseWord: (word: string) => number): NumberRange {
  const words = text.split(':').map((word) => word.trim());
  if (words.length > 2) throw new TimeIntervalTextError('expected one value or START:END');
  const first = words[0] ?? '';
  return { first: parseWord(first), last: parseWord(words[1] ?? first) };
}

function parseWholeNumber(text: string, what: string): number {
  if (!/^[+-]?[0-9]{1,9}$/.test(text)) throw new TimeIntervalTextError(`expected ${what}`);
  return Number(text);
}
