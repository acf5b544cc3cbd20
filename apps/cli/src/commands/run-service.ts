import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command, ExitCode } from '../command.ts';

type Environment = Readonly<Record<string, string>>;

// The services are programs of their own, which this one starts and stands in for: it passes signals on and ends as they
// end. It finds them beside itself, since apps do not import each other.
function serviceCommand(
  name: string,
  folder: string,
  summary: string,
  env: Environment = {},
): Command {
  return {
    name,
    usage: '[--config FILE]… [--data DIR] [--listen HOST:PORT] [--log-level LEVEL]',
    summary,
    run: (args) => runService(folder, args, env),
  };
}

export const engineCommand = serviceCommand(
  'engine',
  'alert-engine',
  'run the alert engine: store, rules, notifications, HTTP APIs',
);

export const collectorCommand = serviceCommand(
  'collector',
  'collector',
  'run the node agent: scraping, host metrics, probes, logs',
  // Blocks that were freed are kept for all threads together, not for each; docs/adr/0034 has the figures.
  { MALLOC_ARENA_MAX: '1' },
);

/**
 * Runs a service to its end.
 * @param app the folder of its app
 * @param env where this process has not been told otherwise
 */
export function runService(
  app: string,
  args: readonly string[],
  env: Environment = {},
): Promise<ExitCode> {
  const entry = fileURLToPath(new URL(`../../../${app}/src/main.js`, import.meta.url));
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: 'inherit',
    env: { ...env, ...process.env },
  });
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  const signals: NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      for (const signal of signals) process.off(signal, passOn);
      resolve(code === 0 ? 0 : code === 2 ? 2 : 1);
    });
  });
}
