import type { Pace } from '#libs/block-files';
import type { Timer } from '#libs/record-log';

/** The machine's clock. */
export const TIMER: Timer = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};

const TURN_MS = 4;

/** Lets work in the background step back after some milliseconds. */
export function createPace(): Pace {
  let resumedMs = performance.now();
  return {
    isDue: () => performance.now() - resumedMs >= TURN_MS,
    rest: () =>
      new Promise((resolve) => {
        setImmediate(() => {
          resumedMs = performance.now();
          resolve();
        });
      }),
  };
}
