import { join } from 'node:path';
import {
  eventually,
  freePort,
  type RunningProcess,
  startProcess,
  temporaryFolder,
} from './processes.ts';

const START = join(import.meta.dirname, '..', '..', 'scripts', 'start.mjs');

/** What `npm start` runs, on ports and in a folder of its own. */
export interface LocalStack {
  readonly process: RunningProcess;
  readonly engineUrl: string;
  readonly collectorUrl: string;
  readonly dataDir: string;
  stop(): Promise<void>;
}

/**
 * Starts the stack as a user would and waits until it says that it runs.
 * @param args of `npm start`, such as `--demo`
 */
export async function startLocalStack(args: readonly string[] = []): Promise<LocalStack> {
  const folder = await temporaryFolder();
  const [engine, collector, demo] = [await freePort(), await freePort(), await freePort()];
  const stack = startProcess(process.execPath, [
    START,
    ...args,
    `--data=${folder.path}`,
    `--engine-port=${engine}`,
    `--collector-port=${collector}`,
    `--demo-port=${demo}`,
  ]);
  const stop = async (): Promise<void> => {
    await stack.stop('SIGINT');
    await folder.remove();
  };
  try {
    await eventually(
      'the stack to say that it runs',
      () => (stack.output().includes('Binnacle is running') ? true : null),
      240_000,
    );
  } catch (error) {
    await stop();
    throw new Error(`the stack did not start:\n${stack.output()}`, { cause: error });
  }
  return {
    process: stack,
    engineUrl: `http://127.0.0.1:${engine}`,
    collectorUrl: `http://127.0.0.1:${collector}`,
    dataDir: folder.path,
    stop,
  };
}
