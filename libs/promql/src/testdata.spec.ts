import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { QueryEngine } from './execute/query-engine.ts';
import { parseScript } from './script/parse-script.ts';
import { runScript } from './script/run-script.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'testdata');
const engine = new QueryEngine({
  nowMs: () => performance.now(),
  yieldToLoop: () => new Promise((resolve) => setImmediate(resolve)),
  delayedNameRemoval: true,
  startTimestamps: true,
});

// The language in scripts of our own, one topic a file.
for (const file of readdirSync(folder).toSorted()) {
  describe(`the script ${file}`, () => {
    const commands = parseScript(readFileSync(join(folder, file), 'utf8'));
    const failures = new Map<number, string | null>();
    beforeAll(async () => {
      for await (const { line, failure } of runScript(commands, engine)) {
        failures.set(line, failure);
      }
    });
    for (const command of commands) {
      if (command.kind !== 'eval') continue;
      const { line, query } = command;
      it(`${line} ${query}`, () => {
        expect(failures.get(line)).toBeNull();
      });
    }
  });
}
