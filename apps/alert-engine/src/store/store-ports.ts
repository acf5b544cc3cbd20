import { setImmediate as immediately } from 'node:timers/promises';
import type { Pace } from '#libs/pace';
import type { Timer } from '#libs/record-log';
import { createPace } from '../turns/loop-turns.ts';

/** The machine's clock. */
export const TIMER: Timer = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};

/** Lets work in the background step back after some milliseconds, without waiting behind queries. */
export function createBackgroundPace(): Pace {
  return createPace(immediately);
}
