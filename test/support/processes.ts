import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program started by a test, with what it wrote. */
export interface RunningProcess {
  readonly child: ChildProcess;
  /** Standard output and standard error so far, together. */
  readonly output: () => string;
  /** Resolves with the exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
  /** Sends the signal and waits for the end; harmless when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a program in the background. The test that starts it stops it. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** Whether messages can be sent to it, and by it. */
    readonly takesMessages?: boolean;
    /** Whom it runs as, where the test runs as root. */
    readonly user?: number | null;
  } = {},
): RunningProcess {
  const streams = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(command, [...args], {
    stdio: options.takesMessages === true ? [...streams, 'ipc'] : [...streams],
    cwd: options.cwd,
    env: { ...process.env, NODE_OPTIONS: '', KUBECONFIG: '', ...options.env },
    ...(typeof options.user === 'number' && { uid: options.user, gid: options.user }),
  });
  let output = '';
  const collect = (chunk: unknown): void => {
    output = (output + String(chunk)).slice(-256 * 1024);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  return {
    child,
    output: () => output,
    ended,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return ended;
    },
  };
}

/** Runs a program to its end. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly user?: number | null;
  } = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const running = startProcess(command, args, options);
  return { code: await running.ended, output: running.output() };
}

/** A folder of its own for a test, and how to be rid of it. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'binnacle-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Below what kernels hand out to connections and to those who ask for any port: nobody else takes one meanwhile. */
const PORTS_OF_A_WORKER = 2_500;
const FIRST_PORT = 12_000;

/**
 * A port on loopback that is free, for programs that cannot choose one themselves. Jest's workers draw from ranges of
 * their own, so that none is given away between here and the start of the program.
 */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 1) % 8;
  for (;;) {
    const port = FIRST_PORT + worker * PORTS_OF_A_WORKER + randomInt(PORTS_OF_A_WORKER);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * Asks again and again until `probe` gives something other than null.
 * @throws Error that says what was waited for, after `timeoutMs`
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null> | T | null,
  timeoutMs = 90_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown = null;
  while (Date.now() < deadline) {
    try {
      const found = await probe();
      if (found !== null) return found;
    } catch (error) {
      lastError = error;
    }
    await sleep(50);
  }
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: lastError });
}

/** Until `check` passes. @throws what it threw last, after `timeoutMs` */
export async function untilPasses(check: () => unknown, timeoutMs = 90_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await sleep(50);
  }
}

/** GET as text, or null where nothing answers or the status is not 200. */
export async function getText(url: string): Promise<string | null> {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000) }).catch(() => null);
  return response?.status === 200 ? response.text() : null;
}
