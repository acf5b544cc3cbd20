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
