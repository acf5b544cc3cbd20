import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  eventually,
  getText,
  type RunningProcess,
  runToEnd,
  startProcess,
} from '../support/processes.ts';
import type { EngineFaults } from './engine-faults.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const ENGINE = join(ROOT, 'dist', 'apps', 'alert-engine', 'src', 'main.js');
const CLI = join(ROOT, 'dist', 'apps', 'cli', 'src', 'main.js');
/** To be loaded with `--import` by a process that is to fail as its environment's `FAULTS` says. */
export const FAULTS = pathToFileURL(join(import.meta.dirname, 'engine-faults.process.ts')).href;
const QUIET = '--disable-warning=ExperimentalWarning';

/** A built engine in a process of its own. */
export interface Engine {
  readonly process: RunningProcess;
  readonly url: string;
}

export interface EngineStart {
  /** The text of its configuration file. */
  readonly config?: string;
  readonly faults?: Partial<EngineFaults>;
}

/** Compiles what is not compiled yet: faults tests run what is shipped. */
export async function ensureBuilt(): Promise<void> {
  const build = `import('./scripts/lib/workspace.mjs').then((tools) => tools.ensureBuilt())`;
  const { code, output } = await runToEnd(process.execPath, ['-e', build], { cwd: ROOT });
  if (code !== 0) throw new Error(output);
}

/** Starts an engine and returns at once; it may never come to listen. */
export async function spawnEngine(
  dataDir: string,
  { config, faults }: EngineStart = {},
): Promise<RunningProcess> {
  const args = [ENGINE, '--data', dataDir, '--listen', '127.0.0.1:0'];
  if (config !== undefined) {
    const file = `${dataDir}.yml`;
    await writeFile(file, config);
    args.push('--config', file);
  }
  if (faults === undefined) return startProcess(process.execPath, args);
  return startProcess(process.execPath, [QUIET, '--import', FAULTS, ...args], {
    env: { FAULTS: JSON.stringify(faults) },
    takesMessages: true,
  });
}

/** Waits until a process that was started listens; null when it has ended before. */
export async function untilListening(running: RunningProcess): Promise<Engine | null> {
  const address = await eventually(`the engine to listen:\n${running.output()}`, () => {
    const found = /"address":"([^"]+)"/.exec(running.output())?.[1] ?? null;
    if (found !== null) return found;
    return running.child.exitCode !== null || running.child.signalCode !== null ? '' : null;
  });
  return address === '' ? null : { process: running, url: `http://${address}` };
}

/** Starts an engine that is expected to listen. */
export async function startEngine(dataDir: string, start: EngineStart = {}): Promise<Engine> {
  const running = await spawnEngine(dataDir, start);
  const engine = await untilListening(running);
  if (engine === null) throw new Error(running.output());
  return engine;
}

export async function untilReady({ url, process: running }: Engine): Promise<void> {
  await eventually(`the engine to be ready:\n${running.output()}`, () => getText(`${url}/readyz`));
}

/** Changes what goes wrong under a running engine. */
export async function setFaults(engine: Engine, faults: Partial<EngineFaults>): Promise<void> {
  const heard = once(engine.process.child, 'message');
  engine.process.child.send(faults);
  await heard;
}

/** What a command line program said, and its exit code. */
export interface Verdict {
  readonly code: number | null;
  readonly output: string;
}

/** `binnacle db verify`, `inspect` or `repair`. */
export function askDb(task: 'verify' | 'inspect' | 'repair', dataDir: string): Promise<Verdict> {
  return runToEnd(process.execPath, [CLI, 'db', task, '--data', dataDir]);
}
