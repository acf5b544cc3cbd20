import { Worker } from 'node:worker_threads';
import { expect, it } from '@jest/globals';
import { hostileInput, type InputMaterial } from './hostile-input.ts';
import { Random } from './random.ts';

/** Inputs a decoder is given. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 2_000);
/** `FUZZ_SEED` replays a run, and `FUZZ_INPUT` with it one input of it. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const ONLY_INPUT = process.env['FUZZ_INPUT'];

/** Far above what any input may take, so that a busy machine fails no test; what is above it hangs. */
const MAX_CPU_MS = 2_000;
/** A decoder that never answers ends the process after so long, since nothing else can. */
const HANG_MS = 60_000;
const MAX_GROWTH_BYTES = 768 * 1024 * 1024;
const SHOWN_BYTES = 600;

/** Something whose text or bytes come from outside. */
export interface FuzzTarget extends InputMaterial {
  /** The decoder as a user would call it, for the test's name. */
  readonly name: string;
  /** The classes of errors it is documented to throw; anything else is a bug. */
  readonly refusals: readonly (new (...args: never[]) => Error)[];
  /** One input in so many of `FUZZ_RUNS` is tried, for decoders that cost more than the others. Default 1. */
  readonly divisor?: number;
  /**
   * Decodes the input and checks what comes out.
   * @returns whether the decoder took it (nothing at all also says so)
   * @throws one of `refusals` where it did not
   */
  readonly decode: (input: Buffer, random: Random) => Promise<boolean | void> | boolean | void;
}

/** Thrown by {@link FuzzTarget.decode} when what came out is wrong. */
class BrokenPromiseError extends Error {
  override readonly name = 'BrokenPromiseError';
}

/** Fails the input unless the condition holds; cheaper by far than `expect`. */
export function promise(condition: boolean, whatIsWrong: string | (() => string)): void {
  if (condition) return;
  throw new BrokenPromiseError(typeof whatIsWrong === 'string' ? whatIsWrong : whatIsWrong());
}

/**
 * Declares a test that gives a decoder hostile inputs: it may take or refuse each, but throw nothing it does not document,
 * not hang, and not keep growing.
 */
export function itWithstands(target: FuzzTarget): void {
  const runs = Math.max(1, Math.floor(RUNS / (target.divisor ?? 1)));
  it(
    `${target.name} withstands ${runs} inputs`,
    async () => {
      const indexes = ONLY_INPUT === undefined ? Array(runs).keys() : [Number(ONLY_INPUT)];
      const taken = await attemptAll(target, indexes);
      // Inputs of which none is taken try the first branch of a parser and no other.
      const least = runs >= 1_000 && ONLY_INPUT === undefined ? 1 : 0;
      expect(taken).toBeGreaterThanOrEqual(least);
    },
    30 * 60_000,
  );
}

/** @returns how many of the inputs were taken */
async function attemptAll(target: FuzzTarget, indexes: Iterable<number>): Promise<number> {
  const watchdog = new Watchdog(target.name);
  const growth = new GrowthCheck();
  let taken = 0;
  let slowest = { index: 0, cpuMs: 0 };
  try {
    for (const index of indexes) {
      const { isTaken, cpuMs } = await attempt(target, index, watchdog);
      if (isTaken) taken++;
      if (cpuMs > slowest.cpuMs) slowest = { index, cpuMs };
      if (index % 500 === 0) growth.check(() => replayHint(target, index));
    }
  } finally {
    await watchdog.stop();
  }
  if (process.env['FUZZ_VERBOSE'] !== undefined) {
    const { cpuMs, index } = slowest;
    const text = `${taken} taken, input ${index} took longest: ${cpuMs.toFixed(1)} ms`;
    process.stderr.write(`${target.name} (FUZZ_SEED=${SEED}): ${text}\n`);
  }
  return taken;
}

async function attempt(
  target: FuzzTarget,
  index: number,
  watchdog: Watchdog,
): Promise<{ readonly isTaken: boolean; readonly cpuMs: number }> {
  const random = new Random(SEED, hashOf(target.name), index);
  const input = hostileInput(random, target);
  watchdog.begin(index);
  const startedUs = cpuUs();
  let isTaken = true;
  try {
    isTaken = (await target.decode(input, random)) !== false;
  } catch (error) {
    isTaken = false;
    if (!target.refusals.some((refusal) => error instanceof refusal)) {
      throw new Error(`${replayHint(target, index)}\n${shown(input)}\n${String(error)}`, {
        cause: error,
      });
    }
  }
  const cpuMs = (cpuUs() - startedUs) / 1_000;
  if (cpuMs > MAX_CPU_MS) {
    throw new Error(`${replayHint(target, index)}\n${shown(input)}\nit took ${cpuMs} ms of CPU`);
  }
  return { isTaken, cpuMs };
}

/** Of this thread alone: other processes and Jest's other workers do not count. */
function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function replayHint({ name }: FuzzTarget, index: number): string {
  return `replay with FUZZ_SEED=${SEED} FUZZ_INPUT=${index} (without FUZZ_INPUT for all before it) -t '${name}'`;
}

function shown(input: Buffer): string {
  const cut = input.length > SHOWN_BYTES ? ` and ${input.length - SHOWN_BYTES} bytes more` : '';
  return `input of ${input.length} bytes: ${JSON.stringify(input.toString('latin1', 0, SHOWN_BYTES))}${cut}`;
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** Notices a decoder that keeps ever more. Garbage counts until it is collected, so the bound is wide. */
class GrowthCheck {
  readonly #before = bytesInUse();

  check(hint: () => string): void {
    const grown = bytesInUse() - this.#before;
    if (grown > MAX_GROWTH_BYTES) {
      throw new Error(`${hint()}\n${Math.round(grown / 2 ** 20)} MiB more are in use by now`);
    }
  }
}

function bytesInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const WATCH = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const current = new Int32Array(workerData.current);
let last = -1;
let sinceMs = Date.now();
setInterval(() => {
  const now = Atomics.load(current, 0);
  if (now !== last) { last = now; sinceMs = Date.now(); }
  else if (now >= 0 && Date.now() - sinceMs > workerData.hangMs) {
    writeSync(2, workerData.message + now + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, 500);
`;

/** Ends the process, with a word, when an input never comes to an end; a loop on this thread would stop every timer. */
class Watchdog {
  readonly #current = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;

  constructor(name: string) {
    this.#current[0] = -1;
    this.#worker = new Worker(WATCH, {
      eval: true,
      workerData: {
        current: this.#current.buffer,
        hangMs: HANG_MS,
        message: `${name} hangs: FUZZ_SEED=${SEED} FUZZ_INPUT=`,
      },
    });
  }

  begin(index: number): void {
    Atomics.store(this.#current, 0, index);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
