import type { Pace } from '#libs/pace';

/** Longest that is computed before the event loop turns. */
const TURN_MS = 4;

const waiting: (() => void)[] = [];
let isScheduled = false;

/**
 * Waits for a turn of the event loop of one's own. Whatever computes for long calls this every few milliseconds. One of
 * the callers goes on in each turn, in the order they came: with setImmediate alone all of them would, and twenty queries
 * of 4 ms a piece would keep sockets and timers waiting for 80 ms. There is one queue because there is one event loop.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    schedule();
  });
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(() => {
    isScheduled = false;
    waiting.shift()?.();
    if (waiting.length > 0) schedule();
  });
}

/**
 * What a long computation asks now and then: it gives null, or after some milliseconds a turn of the event loop to wait
 * for.
 * @param onTurn called after each turn; what it throws ends the computation
 */
export function createPause(onTurn: () => void = () => {}): () => Promise<void> | null {
  let resumedMs = performance.now();
  return () => {
    if (performance.now() - resumedMs < TURN_MS) return null;
    return nextTurn().then(() => {
      onTurn();
      resumedMs = performance.now();
    });
  };
}

/** Lets work stand back after some milliseconds. @param rest waits for a turn */
export function createPace(rest: () => Promise<void> = nextTurn): Pace {
  let resumedMs = performance.now();
  return {
    isDue: () => performance.now() - resumedMs >= TURN_MS,
    rest: async () => {
      await rest();
      resumedMs = performance.now();
    },
  };
}
