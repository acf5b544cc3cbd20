import { daysInMonth } from '#libs/calendar';
import type { LocalClock } from './local-clock.ts';

/** An inclusive range of whole numbers. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of instants: those that satisfy every field given, and within a field at least one of its ranges. An absent
 * field is satisfied by all.
 */
export interface TimeInterval {
  /** Minutes since midnight; `last` does not belong to the range. */
  readonly times: readonly NumberRange[] | null;
  /** 0 is Sunday. */
  readonly weekdays: readonly NumberRange[] | null;
  /** From 1; below 0 counts from the month's end, -1 being its last day. */
  readonly daysOfMonth: readonly NumberRange[] | null;
  /** From 1. */
  readonly months: readonly NumberRange[] | null;
  readonly years: readonly NumberRange[] | null;
  /** The zone whose wall clock is meant. */
  readonly clock: LocalClock;
}

/** Whether an instant lies in an interval. */
export function containsInstant(interval: TimeInterval, nowMs: number): boolean {
  const { times, weekdays, daysOfMonth, months, years } = interval;
  const local = interval.clock.read(nowMs);
  if (times !== null && !times.some(({ first, last }) => isBetween(local.minute, first, last - 1)))
    return false;
  if (daysOfMonth !== null) {
    const days = daysInMonth(local.year, local.month);
    if (!daysOfMonth.some((range) => containsDay(range, local.day, days))) return false;
  }
  return (
    isInOne(weekdays, local.weekday) && isInOne(months, local.month) && isInOne(years, local.year)
  );
}

/** Days counted from the end are placed in this month; ranges reaching beyond it are cut at its ends. */
function containsDay({ first, last }: NumberRange, day: number, days: number): boolean {
  const from = first < 0 ? days + first + 1 : first;
  const to = last < 0 ? days + last + 1 : last;
  // A range such as 31 in February lies wholly outside the month.
  if (from > days || to < 1) return false;
  return isBetween(day, Math.max(from, 1), Math.min(to, days));
}

function isInOne(ranges: readonly NumberRange[] | null, value: number): boolean {
  return ranges === null || ranges.some(({ first, last }) => isBetween(value, first, last));
}

function isBetween(value: number, first: number, last: number): boolean {
  return value >= first && value <= last;
}
