import type { ServiceCheck } from './import/service-check.ts';

/** What a command may touch; handed in so that tests need no process. */
export interface CommandIo {
  /** Writes to standard output, as given. */
  out(text: string): void;
  /** Writes to standard error, as given. */
  err(text: string): void;
  /** Settles once standard output takes more; whoever writes much waits for it, or all of it lies in memory. */
  readonly outDrained?: () => Promise<void>;
  /** Standard input, to be read once. */
  readonly input?: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder where relative paths begin; the process's own where it is left out. */
  readonly cwd?: string;
  /** Everything on standard input. */
  readonly readInput?: () => Promise<string>;
  /** What a service says about a configuration; by default it is started to say so. */
  readonly askService?: ServiceCheck;
}

/** 0: fine. 1: the command found something wrong. 2: it was called wrongly. 3: a lint that was to be fatal found something. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface Command {
  /** One or two words: `query`, `check rules`. */
  readonly name: string;
  /** What follows the name: `FILE…`. */
  readonly usage: string;
  readonly summary: string;
  /** @throws CommandUsageError when the arguments are wrong */
  run(args: readonly string[], io: CommandIo): Promise<ExitCode>;
}

/** The arguments are wrong; the caller prints the message and the command's usage. */
export class CommandUsageError extends Error {
  override readonly name = 'CommandUsageError';
}
