import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { dueSlot, nextSlotAfter, scheduleOf, slotAt } from './group-schedule.ts';

describe('a group’s schedule', () => {
  it('spreads groups over the interval, the same way each time', () => {
    const offsets = Array.from({ length: 200 }, (_, i) => scheduleOf(`f;${i}`, 60_000).offsetMs);
    expect(new Set(offsets).size).toBeGreaterThan(190);
    expect(Math.max(...offsets) - Math.min(...offsets)).toBeGreaterThan(50_000);
    expect(scheduleOf('f;1', 60_000).offsetMs).toBe(offsets[1]);
  });
  it('puts every moment between a slot and the next', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000_000_000_000 }),
        fc.integer({ min: 1_000, max: 3_600_000 }),
        fc.string(),
        (nowMs, intervalMs, key) => {
          const schedule = scheduleOf(key, intervalMs);
          const slot = slotAt(schedule, nowMs);
          expect(slot).toBeLessThanOrEqual(nowMs);
          expect(nextSlotAfter(schedule, nowMs)).toBeGreaterThan(nowMs);
          expect(nextSlotAfter(schedule, nowMs) - slot).toBe(intervalMs);
          expect(dueSlot(schedule, slot, nowMs)).toBeNull();
          expect(dueSlot(schedule, slot - 4 * intervalMs, nowMs)).toEqual({
            slotMs: slot,
            missed: 3,
          });
        },
      ),
    );
  });
  it('waits out a clock that was set back a little, and follows one that was set back far', () => {
    const schedule = { intervalMs: 60_000, offsetMs: 0 };
    expect(dueSlot(schedule, 600_000, 540_000)).toBeNull();
    expect(dueSlot(schedule, 600_000, 60_000)).toEqual({ slotMs: 60_000, missed: 0 });
  });
});
