import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { timeIntervalSchema } from '../config/time-interval-schema.ts';
import { containsInstant } from './time-interval.ts';

function contains(yaml: string, instant: string): boolean {
  const interval = parseYamlConfig(yaml, timeIntervalSchema, { file: 'c.yml' });
  return containsInstant(interval, Date.parse(instant));
}

describe('a time interval', () => {
  it.each([
    ['{}', '2026-01-01T00:00:00Z', true],
    ["times: [{start_time: '09:00', end_time: '17:00'}]", '2026-03-02T09:00:00Z', true],
    ["times: [{start_time: '09:00', end_time: '17:00'}]", '2026-03-02T16:59:59.999Z', true],
    ["times: [{start_time: '09:00', end_time: '17:00'}]", '2026-03-02T17:00:00Z', false],
    ["times: [{start_time: '22:00', end_time: '24:00'}]", '2026-03-02T23:59:59Z', true],
    ["weekdays: ['monday:friday']", '2026-03-02T00:00:00Z', true],
    ["weekdays: ['Saturday', 'sunday']", '2026-03-02T00:00:00Z', false],
    ["days_of_month: ['-1']", '2024-02-29T12:00:00Z', true],
    ["days_of_month: ['-1']", '2024-02-28T12:00:00Z', false],
    ["days_of_month: ['31']", '2026-02-28T12:00:00Z', false],
    ["days_of_month: ['29:31']", '2026-02-28T12:00:00Z', false],
    ["days_of_month: ['1:31']", '2026-02-28T12:00:00Z', true],
    ["months: ['may:july']", '2026-06-01T00:00:00Z', true],
    ["months: ['13']", '2026-01-01T00:00:00Z', false],
    ["years: ['2020:2025']", '2026-01-01T00:00:00Z', false],
    // The hour that summer time skips, and the one that autumn has twice.
    [
      "location: 'Europe/Berlin'\ntimes: [{start_time: '02:00', end_time: '03:00'}]",
      '2026-03-29T01:30:00Z',
      false,
    ],
    [
      "location: 'Europe/Berlin'\ntimes: [{start_time: '02:00', end_time: '03:00'}]",
      '2026-10-25T00:30:00Z',
      true,
    ],
    [
      "location: 'Europe/Berlin'\ntimes: [{start_time: '02:00', end_time: '03:00'}]",
      '2026-10-25T01:30:00Z',
      true,
    ],
    ["location: 'Australia/Sydney'\nyears: ['2027']", '2026-12-31T13:30:00Z', true],
  ])('%j at %s: %j', (yaml, instant, expected) => {
    expect(contains(yaml, instant)).toBe(expected);
  });

  it.each([
    ["times: [{start_time: '17:00', end_time: '09:00'}]", /start must be before the end/],
    [
      "times: [{start_time: '9:00', end_time: '17:00'}]",
      /times\[0\]\.start_time: .*00:00 to 24:00/,
    ],
    ["weekdays: ['friday:monday']", /weekdays\[0\]: the end is before the start/],
    ["weekdays: ['mon']", /expected sunday, monday/],
    ["days_of_month: ['0']", /1 to 31 or from -31 to -1/],
    ["days_of_month: ['-1:1']", /below 0 where the start is/],
    ["days_of_month: ['5:1']", /always before/],
    ["months: ['1:2:3']", /START:END/],
    ["years: ['abc']", /expected a year/],
    ["location: 'Nowhere/City'", /Europe\/Berlin/],
    ['hours: [1]', /unknown key "hours"; accepted are days_of_month, location/],
  ])('refuses %j', (yaml, expected) => {
    expect(() => contains(yaml, '2026-01-01T00:00:00Z')).toThrow(expected);
  });
});
