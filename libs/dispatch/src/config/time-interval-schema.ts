import { z } from 'zod';
import { LocalClock } from '../time/local-clock.ts';
import {
  parseDaysOfMonth,
  parseMonths,
  parseTimeOfDay,
  parseWeekdays,
  parseYears,
  TimeIntervalTextError,
} from '../time/parse-time-interval.ts';
import type { NumberRange, TimeInterval } from '../time/time-interval.ts';
import { maybe, text } from './yaml-values.ts';

function readWith<T>(read: (value: string) => T) {
  return text.transform((value, context): T => {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof TimeIntervalTextError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

const timeOfDay = readWith(parseTimeOfDay);

const timeRange = z
  .strictObject({ start_time: timeOfDay, end_time: timeOfDay })
  .transform((range, context): NumberRange => {
    if (range.end_time <= range.start_time) {
      context.addIssue({ code: 'custom', message: 'the start must be before the end' });
    }
    return { first: range.start_time, last: range.end_time };
  });

const clock = text.transform((value, context): LocalClock => {
  // The machine's own zone is the runtime's default.
  const zone = value === 'Local' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : value;
  try {
    return new LocalClock(zone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    context.addIssue({
      code: 'custom',
      message: 'expected a time zone such as Europe/Berlin, UTC or Local',
    });
    return z.NEVER;
  }
});

/** One entry of `time_intervals[].time_intervals`. */
export const timeIntervalSchema = z
  .strictObject({
    times: maybe(z.array(timeRange)),
    weekdays: maybe(z.array(readWith(parseWeekdays))),
    days_of_month: maybe(z.array(readWith(parseDaysOfMonth))),
    months: maybe(z.array(readWith(parseMonths))),
    years: maybe(z.array(readWith(parseYears))),
    location: maybe(clock),
  })
  .transform((raw): TimeInterval => ({
    times: nonEmpty(raw.times),
    weekdays: nonEmpty(raw.weekdays),
    daysOfMonth: nonEmpty(raw.days_of_month),
    months: nonEmpty(raw.months),
    years: nonEmpty(raw.years),
    clock: raw.location ?? new LocalClock('UTC'),
  }));

/** An empty list says nothing, as in Alertmanager. */
function nonEmpty(ranges: readonly NumberRange[] | null): readonly NumberRange[] | null {
  return ranges === null || ranges.length === 0 ? null : ranges;
}
