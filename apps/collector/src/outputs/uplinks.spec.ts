import { describe, expect, it } from '@jest/globals';
import { Uplinks } from './uplinks.ts';

const ENGINE = 'http://engine:9370/api/v1/write';
const LOGS = 'http://engine:9370/loki/api/v1/push';
const [ONE, OTHER] = [{}, {}];

/** Which of some promises are resolved by now. */
async function resolved(...promises: readonly Promise<void>[]): Promise<boolean[]> {
  const done = promises.map(() => false);
  promises.forEach((promise, i) => void promise.then(() => (done[i] = true)));
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('ways to receivers', () => {
  it('are free while no samples wait for them', async () => {
    const uplinks = new Uplinks(3_600_000);
    uplinks.note(ONE, 'http://other:9370/', true);
    expect(await resolved(uplinks.turn(LOGS))).toEqual([true]);
    uplinks.note(ONE, 'http://other:9370/', false);
  });

  it('are of the samples first, of whatever output', async () => {
    const uplinks = new Uplinks(3_600_000);
    uplinks.note(ONE, ENGINE, true);
    uplinks.note(OTHER, ENGINE, true);
    const turns = [uplinks.turn(LOGS), uplinks.turn(LOGS)];
    expect(await resolved(...turns)).toEqual([false, false]);
    uplinks.note(ONE, ENGINE, false);
    uplinks.note(ONE, ENGINE, false);
    expect(await resolved(...turns)).toEqual([false, false]);
    uplinks.note(OTHER, ENGINE, false);
    expect(await resolved(...turns)).toEqual([true, true]);
  });

  it('are not kept from logs for ever', async () => {
    const uplinks = new Uplinks(1);
    uplinks.note(ONE, ENGINE, true);
    await expect(uplinks.turn(LOGS)).resolves.toBeUndefined();
  });
});
