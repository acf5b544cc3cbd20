import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe } from '@jest/globals';
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
  for (const file of files.sort()) {
    describe(file, () => {
      const commands = parseScript(readFileSync(join(folder, file), 'utf8'));
      const failures = new Map<number, string | null>();
      beforeAll(async () => {
        for await (const { line, failure } of runScript(commands, engine)) {
          failures.set(line, failure);
        }
      }, 60_000);
      const cases = new KnownFailures(PROMQL_SCRIPTS_KNOWN_FAILURES[file] ?? []);
      for (const command of commands) {
        if (command.kind !== 'eval') continue;
        const { line, query } = command;
        cases.it(`${line}`, query, () => {
          const failure = failures.get(line);
          if (failure === null) return;
          throw new Error(`${file}:${line} ${query}\n${failure ?? 'was not reached'}`);
        });
      }
    });
  }
});
