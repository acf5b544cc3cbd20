import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CronSchedule, CronSyntaxError } from './cron-schedule.ts';

const next = (schedule: string, after: string, timeZone = '') => {
  const timeMs = new CronSchedule(schedule, timeZone).nextMs(Date.parse(after));
  return timeMs === null ? null : new Date(timeMs).toISOString();
};

const field = (most: number, least = 0) =>
  fc.oneof(fc.constant('*'), fc.integer({ min: least, max: most }).map(String));

describe('CronSchedule', () => {
  it.each([
    ['*/5 * * * *', '2026-03-01T08:05:00Z', '2026-03-01T08:10:00.000Z'],
    ['*/5 * * * *', '2026-03-01T08:04:59Z', '2026-03-01T08:05:00.000Z'],
    ['@hourly', '2026-03-01T08:00:00Z', '2026-03-01T09:00:00.000Z'],
    ['30 2 * * 1-5', '2026-02-27T02:30:00Z', '2026-03-02T02:30:00.000Z'],
    ['0 0 * * sun', '2026-03-01T00:00:00Z', '2026-03-08T00:00:00.000Z'],
    ['0 0 * * 7', '2026-03-01T00:00:00Z', '2026-03-08T00:00:00.000Z'],
    ['0 0 29 2 *', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 13 * fri', '2026-03-01T00:00:00Z', '2026-03-06T00:00:00.000Z'],
    ['5/20 1,3 * JAN *', '2026-01-01T01:26:00Z', '2026-01-01T01:45:00.000Z'],
    ['@every 1h30m', '2026-03-01T08:00:00Z', '2026-03-01T09:30:00.000Z'],
    ['TZ=Asia/Tokyo 0 9 * * *', '2026-03-01T01:00:00Z', '2026-03-02T00:00:00.000Z'],
  ])('%s after %s comes %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it.each([
    // Summer time begins on 29 March 2026 at 02:00 in Berlin, and ends on 25 October at 03:00.
    ['30 2 * * *', '2026-03-28T12:00:00Z', '2026-03-30T00:30:00.000Z'],
    ['30 2 * * *', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00.000Z'],
    ['30 2 * * *', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00.000Z'],
    ['0 12 * * *', '2026-03-29T00:00:00Z', '2026-03-29T10:00:00.000Z'],
  ])('%s in Berlin after %s comes %s', (schedule, after, expected) => {
    expect(next(schedule, after, 'Europe/Berlin')).toBe(expected);
  });

  it('has no next time for a day that never comes', () => {
    expect(next('0 0 30 2 *', '2026-03-01T00:00:00Z')).toBeNull();
  });

  it.each([
    ['* * * *', 'expected five fields'],
    ['60 * * * *', 'is no minute'],
    ['* * 0 * *', 'is no day of month'],
    ['* * * foo *', 'is no month'],
    ['*/0 * * * *', 'is no minute'],
    ['5-1 * * * *', 'is no minute'],
    ['@every soon', 'is no duration'],
  ])('refuses %s', (schedule, expected) => {
    expect(() => new CronSchedule(schedule)).toThrow(expected);
  });

  it('refuses a time zone that is none', () => {
    expect(() => new CronSchedule('* * * * *', 'Mars/Olympus')).toThrow(CronSyntaxError);
  });

  it('is always later than asked, at a whole minute', () => {
    fc.assert(
      fc.property(
        fc.tuple(field(59), field(23), field(28, 1), field(12, 1), field(6)),
        fc.integer({ min: 0, max: 4e12 }),
        (fields, afterMs) => {
          const timeMs = new CronSchedule(fields.join(' ')).nextMs(afterMs);
          expect(timeMs! > afterMs && timeMs! % 60_000 === 0).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });
});
