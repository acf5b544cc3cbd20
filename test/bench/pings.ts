import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.ts';
import { timedGet } from './query-client.ts';

/**
 * Asks for the health every so many milliseconds, whether or not the answer before has come.
 * @returns how long each answer took
 */
export async function pings(
  contender: Contender,
  durationMs: number,
  everyMs: number,
): Promise<number[]> {
  const pending: Promise<number>[] = [];
  const untilMs = performance.now() + durationMs;
  while (performance.now() < untilMs) {
    // No answer is an endless wait, which the figures are to show.
    pending.push(
      timedGet(contender, '/livez', {}).then(
        ({ ms }) => ms,
        () => Infinity,
      ),
    );
    await sleep(everyMs);
  }
  return Promise.all(pending);
}
