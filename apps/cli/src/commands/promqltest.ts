import { readFile } from 'node:fs/promises';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { parseScript, QueryEngine, runScript, ScriptSyntaxError } from '#libs/promql';
import { type Command, type CommandIo, CommandUsageError } from '../command.ts';

interface Tally {
  passed: number;
  failed: number;
}

/** `binnacle promqltest FILE…`: runs test scripts of Prometheus's PromQL engine on ours. */
export const promqltestCommand: Command = {
  name: 'promqltest',
  usage: 'FILE…',
  summary: 'run PromQL test scripts (promqltest) against the built-in query engine',
  async run(args, io) {
    const option = args.find((arg) => arg.startsWith('-'));
    if (option !== undefined) throw new CommandUsageError(`unknown option ${option}`);
    if (args.length === 0) throw new CommandUsageError('takes at least one file');
    const tally = { passed: 0, failed: 0 };
    for (const file of args) await runFile(file, io, tally);
    io.out(`${tally.passed} passed, ${tally.failed} failed\n`);
    return tally.failed === 0 ? 0 : 1;
  },
};

async function runFile(file: string, io: CommandIo, tally: Tally): Promise<void> {
  const fail = (line: number, reason: string): void => {
    tally.failed++;
    io.out(`FAIL ${file}:${line} ${reason.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  };
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandUsageError(`${file} cannot be read: ${String(error)}`);
  }
  try {
    // Upstream runs its scripts with every feature flag on.
    const engine = new QueryEngine({
      nowMs: () => performance.now(),
      yieldToLoop: () => yieldToLoop(),
      delayedNameRemoval: true,
      startTimestamps: true,
    });
    for await (const { line, query, failure } of runScript(parseScript(text), engine)) {
      if (failure === null) tally.passed++;
      else fail(line, `${query}: ${failure}`);
    }
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error;
    fail(error.line, error.reason);
  }
}
