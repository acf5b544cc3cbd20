import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something to close, but not for ever: a disk that hangs must not keep the process from going down. */
export async function closeWithin(ms: number, closing: Promise<void>): Promise<void> {
  const giveUp = new AbortController();
  try {
    await Promise.race([closing, sleep(ms, undefined, { signal: giveUp.signal })]);
  } finally {
    giveUp.abort();
  }
}
