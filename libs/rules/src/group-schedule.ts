import { createHash } from 'node:crypto';

/** When a group is due: every `intervalMs`, at an offset that spreads the groups over the interval. */
export interface GroupSchedule {
  readonly intervalMs: number;
  readonly offsetMs: number;
}

/** What identifies a group among all others. */
export function groupKeyOf(group: { readonly file: string; readonly name: string }): string {
  return `${group.file};${group.name}`;
}

/** The schedule of a group; the same file and name always get the same offset. */
export function scheduleOf(groupKey: string, intervalMs: number): GroupSchedule {
  const hash = createHash('sha1').update(groupKey).digest().readUIntBE(0, 6);
  return { intervalMs, offsetMs: hash % intervalMs };
}

/** The latest time at or before `nowMs` at which the group is due. */
export function slotAt({ intervalMs, offsetMs }: GroupSchedule, nowMs: number): number {
  return Math.floor((nowMs - offsetMs) / intervalMs) * intervalMs + offsetMs;
}

/** The first time after `nowMs` at which the group is due. */
export function nextSlotAfter(schedule: GroupSchedule, nowMs: number): number {
  return slotAt(schedule, nowMs) + schedule.intervalMs;
}

/**
 * What to do at `nowMs`: evaluate for which slot, and how many slots before it went by without an evaluation. They are
 * counted, never made up for.
 * @param lastSlotMs the slot evaluated last, or null at the start
 * @returns null when the slot has been evaluated already
 */
export function dueSlot(
  schedule: GroupSchedule,
  lastSlotMs: number | null,
  nowMs: number,
): { readonly slotMs: number; readonly missed: number } | null {
  const slotMs = slotAt(schedule, nowMs);
  if (lastSlotMs === null) return { slotMs, missed: 0 };
  // A clock that was set back waits until it has caught up, but not for longer than an interval.
  if (
    slotMs === lastSlotMs ||
    (slotMs < lastSlotMs && lastSlotMs - slotMs <= schedule.intervalMs)
  ) {
    return null;
  }
  const missed = Math.max(0, Math.round((slotMs - lastSlotMs) / schedule.intervalMs) - 1);
  return { slotMs, missed };
}
