import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  dateFromDays,
  daysFromDate,
  daysInMonth,
  formatRfc3339,
  isLeapYear,
  parseHttpDateMs,
  parseRfc3339Ms,
  parseRetryAfterMs,
} from './index.ts';

const DAY_MS = 86_400_000;
/** Every instant of the years 1 to 9999. */
const instant = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
/** Every day that the runtime's own dates reach. */
const dayNumber = fc.integer({ min: -100_000_000, max: 100_000_000 });

describe('the Gregorian calendar', () => {
  it('has the dates that the runtime has', () => {
    fc.assert(
      fc.property(dayNumber, (days) => {
        const date = new Date(days * DAY_MS);
        const [year, month, day] = [
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
        ];
        expect(dateFromDays(days)).toEqual({ year, month, day });
        expect(daysFromDate(year, month, day)).toBe(days);
      }),
    );
  });
  it('has months as long as the runtime has them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 9_999 }), (year) => {
        // Day 0 of a month is the last of the one before.
        const days = Array.from({ length: 12 }, (_, i) =>
          new Date(Date.UTC(year, i + 1, 0)).getUTCDate(),
        );
        expect(days.map((_, i) => daysInMonth(year, i + 1))).toEqual(days);
        expect(isLeapYear(year)).toBe(days[1] === 29);
      }),
    );
  });
  it.each([
    [1970, 1, 1, 0],
    [2000, 2, 29, 11_016],
    [2000, 3, 1, 11_017],
    [1969, 12, 31, -1],
    [0, 3, 1, -719_468],
    [2026, 1, 32, daysFromDate(2026, 2, 1)],
  ])('counts %d-%d-%d as day %d', (year, month, day, days) => {
    expect(daysFromDate(year, month, day)).toBe(days);
  });
  it.each([
    [1900, false],
    [2000, true],
    [2023, false],
    [2024, true],
    [0, true],
    [-4, true],
  ])('knows whether %d is a leap year', (year, isLeap) => {
    expect(isLeapYear(year)).toBe(isLeap);
  });
});

describe('formatRfc3339', () => {
  it('writes what the runtime reads as the same instant', () => {
    fc.assert(
      fc.property(instant, (timeMs) => {
        expect(Date.parse(formatRfc3339(timeMs))).toBe(timeMs);
      }),
    );
  });
  it.each([
    [1_770_091_506_789, '2026-02-03T04:05:06.789Z'],
    [1_770_091_506_780, '2026-02-03T04:05:06.78Z'],
    [1_770_091_506_000, '2026-02-03T04:05:06Z'],
    [1_770_091_506_000.9, '2026-02-03T04:05:06Z'],
    [-1, '1969-12-31T23:59:59.999Z'],
    [-62_135_596_800_000, '0001-01-01T00:00:00Z'],
  ])('writes %d as Go does', (timeMs, expected) => {
    expect(formatRfc3339(timeMs)).toBe(expected);
  });
});

describe('parseRfc3339Ms', () => {
  it('reads what formatRfc3339 writes', () => {
    fc.assert(
      fc.property(instant, (timeMs) => {
        expect(parseRfc3339Ms(formatRfc3339(timeMs))).toBe(timeMs);
      }),
    );
  });
  it.each([
    ['2026-02-03T05:05:06+01:00', 1_770_091_506_000],
    ['2026-02-02t22:35:06.7899-05:30', 1_770_091_506_789],
    ['2026-06-30T23:59:60Z', Date.UTC(2026, 6, 1)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ])('reads %s', (text, expected) => {
    expect(parseRfc3339Ms(text)).toBe(expected);
  });
  it.each([
    '',
    'now',
    '2026-02-03',
    '2026-02-03T04:05Z',
    '2026-02-03T04:05:06',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:00.Z',
  ])('takes %j for no time', (text) => {
    expect(parseRfc3339Ms(text)).toBeNull();
  });
});

describe('parseHttpDateMs', () => {
  it('reads what the runtime writes', () => {
    fc.assert(
      fc.property(instant, (timeMs) => {
        const wholeMs = Math.floor(timeMs / 1_000) * 1_000;
        expect(parseHttpDateMs(new Date(timeMs).toUTCString())).toBe(wholeMs);
      }),
    );
  });
  it.each([
    '',
    'tomorrow',
    '2026-02-03',
    'Tue, 03 Foo 2026 04:05:06 GMT',
    'Xyz, 03 Feb 2026 04:05:06 GMT',
    'Tue, 03 Feb 2026 24:05:06 GMT',
    'Tue, 03 Feb 2026 04:60:06 GMT',
    'Tue, 03 Feb 2026 04:05:61 GMT',
    'Sun, 29 Feb 2026 04:05:06 GMT',
    'Sat, 00 Jan 2026 04:05:06 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])('takes %j for no date', (text) => {
    expect(parseHttpDateMs(text)).toBeNull();
  });
});

describe('parseRetryAfterMs', () => {
  const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0);
  it.each([
    [null, null],
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['99999999', 600_000],
    ['9999999999', 600_000],
    ['99999999999', null],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['Fri, 20 Nov 2099 12:00:30 GMT', 600_000],
    ['-5', null],
    ['1.5', null],
    ['', null],
    ['tomorrow', null],
    ['Fri, 20 Foo 2026 12:00:30 GMT', null],
  ])('reads %j as %p ms', (header, waitMs) => {
    expect(parseRetryAfterMs(header, nowMs, 600_000)).toBe(waitMs);
  });
  it.each([
    'Thu, 01 Jan 1970 00:00:10 GMT',
    'Thu, 29 Feb 2024 23:59:59 GMT',
    'Sun, 01 Mar 2099 00:00:00 GMT',
  ])('knows the date %s', (date) => {
    expect(parseRetryAfterMs(date, Date.parse(date) - 1_234, 600_000)).toBe(1_234);
  });
});
