import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  dateFromDays,
  daysFromDate,
  formatForPeople,
  formatRfc3339,
  parseHttpDate,
} from './calendar.ts';

describe('calendar', () => {
  it('agrees with the runtime on every instant', () => {
    const instant = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(instant, (timeMs) => {
        const date = new Date(timeMs);
        expect(Date.parse(formatRfc3339(timeMs))).toBe(timeMs);
        expect(dateFromDays(Math.floor(timeMs / 86_400_000))).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        expect(parseHttpDate(date.toUTCString())).toBe(Math.floor(timeMs / 1_000) * 1_000);
      }),
    );
  });

  it.each([
    [1_770_091_506_789, '2026-02-03T04:05:06.789Z'],
    [1_770_091_506_780, '2026-02-03T04:05:06.78Z'],
    [1_770_091_506_000, '2026-02-03T04:05:06Z'],
  ])('writes %d as Go does', (timeMs, expected) => {
    expect(formatRfc3339(timeMs)).toBe(expected);
  });

  it('writes times for people without fractions', () => {
    expect(formatForPeople(1_770_091_506_789)).toBe('2026-02-03 04:05:06 UTC');
  });

  it.each([
    '',
    'tomorrow',
    '2026-02-03',
    'Tue, 03 Foo 2026 04:05:06 GMT',
    'Tue, 03 Feb 2026 25:05:06 GMT',
  ])('takes %j for no date', (text) => {
    expect(parseHttpDate(text)).toBeNull();
  });

  it('counts days from the epoch', () => {
    expect(daysFromDate(1970, 1, 1)).toBe(0);
    expect(daysFromDate(2000, 3, 1)).toBe(11_017);
  });
});
