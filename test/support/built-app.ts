import { join } from 'node:path';
import { eventually, getText, type RunningProcess, startProcess } from './processes.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A built app that runs as a process of its own and listens. */
export interface BuiltApp {
  readonly process: RunningProcess;
  readonly url: string;
}

/**
 * Starts what `npm run build` has made, on a free port, and waits until it is ready.
 * @param config the configuration file
 */
export async function startBuiltApp(
  app: 'alert-engine' | 'collector',
  config: string,
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BuiltApp> {
  const main = join(ROOT, 'dist', 'apps', app, 'src', 'main.js');
  const args = [main, '--config', config, '--data', dataDir, '--listen', '127.0.0.1:0'];
  const running = startProcess(process.execPath, args, { env });
  const address = await eventually(`the ${app} to listen`, () => {
    if (running.child.exitCode !== null) return '';
    return /"address":"([^"]+)"/.exec(running.output())?.[1] ?? null;
  });
  // Nobody need wait for what has ended.
  if (address === '') throw new Error(running.output());
  const url = `http://${address}`;
  await eventually(`the ${app} to be ready`, () => {
    if (running.child.exitCode !== null) throw new Error(running.output());
    return getText(`${url}/readyz`);
  });
  return { process: running, url };
}
