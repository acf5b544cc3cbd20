import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parseScript, QueryEngine, runScript } from '#libs/promql';
import { describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { PROMQL_SCRIPTS_KNOWN_FAILURES } from './promql-scripts.known-failures.ts';

/** Upstream runs its scripts with every feature flag on. */
const engine = new QueryEngine({
  nowMs: () => performance.now(),
  yieldToLoop: () => new Promise((resolve) => setImmediate(resolve)),
  delayedNameRemoval: true,
  startTimestamps: true,
});

describeConformance('Prometheus’s test scripts', ['promql'], (folder) => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.test'));
  for (const file of files.toSorted()) {
    describe(`the script ${file}`, () => {
      const commands = parseScript(readFileSync(join(folder, file), 'utf8'));
      const failures = new Map<number, string | null>();
      beforeAll(async () => {
        for await (const { line, failure } of runScript(commands, engine)) {
          failures.set(line, failure);
        }
      });
      const known = new KnownFailures(PROMQL_SCRIPTS_KNOWN_FAILURES[file] ?? []);
      for (const command of commands) {
        if (command.kind !== 'eval') continue;
        const { line, query } = command;
        it(`${line} ${query}`, () =>
          known.run(`${line}`, () => {
            expect(failures.get(line)).toBeNull();
          }));
      }

      it('lists no known failure that is not there', () => {
        expect(known.unseen).toEqual([]);
      });
    });
  }
});
