import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { runToEnd, temporaryFolder } from '../support/processes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20);

/** Makes and ends silences until nobody answers; notes what was answered with yes. */
async function silenceUntilKilled(url: string, states: Map<string, string>): Promise<void> {
  for (let count = 0; ; count++) {
    const silence = {
      matchers: [{ name: 'alertname', value: `A${count}`, isRegex: false }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
      createdBy: 'test',
      comment: 'x'.repeat(count % 200),
    };
    const posted = await fetch(`${url}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(silence),
    }).catch(() => null);
    if (posted === null) return;
    const answer = (await posted.json().catch(() => null)) as { silenceID: string } | null;
    if (answer === null) return;
    states.set(answer.silenceID, 'active');
    if (count % 3 > 0) continue;
    // Until it is answered it may have ended or not.
    states.set(answer.silenceID, 'unknown');
    const ended = await fetch(`${url}/api/v2/silence/${answer.silenceID}`, {
      method: 'DELETE',
    }).catch(() => null);
    if (ended === null) return;
    states.set(answer.silenceID, 'expired');
  }
}

describe('kill -9 of the engine while people silence', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let engine: BuiltApp | null = null;

  beforeEach(async () => {
    folder = await temporaryFolder();
    const build = `import('./scripts/lib/workspace.mjs').then((tools) => tools.ensureBuilt())`;
    const { code, output } = await runToEnd(process.execPath, ['-e', build], { cwd: ROOT });
    if (code !== 0) throw new Error(output);
    await writeFile(join(folder.path, 'engine.yml'), '{}');
  });
  afterEach(async () => {
    await engine?.process.stop('SIGKILL');
    await folder.remove();
  });

  async function start(): Promise<BuiltApp> {
    return startBuiltApp(
      'alert-engine',
      join(folder.path, 'engine.yml'),
      join(folder.path, 'data'),
    );
  }

  it(
    `keeps each that was answered, in ${ROUNDS} kills`,
    async () => {
      const states = new Map<string, string>();
      for (let round = 0; round < ROUNDS; round++) {
        engine = await start();
        const before = states.size;
        const people = silenceUntilKilled(engine.url, states);
        while (states.size <= before) await sleep(5);
        await sleep(Math.random() * 200);
        await engine.process.stop('SIGKILL');
        await people;
      }
      engine = await start();
      const response = await fetch(`${engine.url}/api/v2/silences`);
      const listed = (await response.json()) as { id: string; status: { state: string } }[];
      const found = new Map(listed.map(({ id, status }) => [id, status.state]));
      const wrong = [...states].filter(([id, state]) =>
        state === 'unknown' ? !found.has(id) : found.get(id) !== state,
      );
      expect(states.size).toBeGreaterThan(ROUNDS);
      expect(wrong).toEqual([]);
    },
    ROUNDS * 60_000 + 120_000,
  );
});
