import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger } from './app-logger.ts';
import { closeOnSignals, listen } from './http-app.ts';
import { parseRunOptions, runMain, type RunOptions } from './run-options.ts';
import { startTracing } from './tracing.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What tells one service from another at its start. */
export interface ServiceOptions {
  /** The word after `binnacle` that starts it. */
  readonly command: string;
  /** What its log lines and, after `binnacle-`, its spans call it. */
  readonly name: string;
  readonly defaultDataDir: string;
  readonly defaultPort: number;
  /** How long going down may take before the process ends all the same. */
  readonly graceMs: number;
  /** The service, wired but not listening. */
  readonly createApp: (
    options: RunOptions,
    env: Environment,
    logger: AppLogger,
  ) => Promise<NestFastifyApplication>;
  /** For `--check`: reads all configuration and says in a line what was found. */
  readonly checkConfig: (options: RunOptions, env: Environment) => Promise<string>;
}

/**
 * Runs a service from the command line of this process until a signal, or with `--check` only reads its configuration.
 * @param exit ends the process; called after a failure with 1, or 2 for a wrong command line, and after going down
 */
export async function runService(
  service: ServiceOptions,
  exit: (code: number) => void,
): Promise<void> {
  const { command, name, defaultDataDir, defaultPort, graceMs, createApp, checkConfig } = service;
  const { argv, env } = process;
  await runMain(async () => {
    const args = argv.slice(2);
    const options = parseRunOptions(
      args.filter((arg) => arg !== '--check'),
      env,
      { app: command, dataDir: defaultDataDir, port: defaultPort },
    );
    if (args.includes('--check')) {
      process.stdout.write(`${await checkConfig(options, env)}\n`);
      return;
    }
    const stopTracing = await startTracing(`binnacle-${name}`, env);
    const logger = AppLogger.create({ app: name, level: options.logLevel });
    const app = await createApp(options, env, logger);
    const address = await listen(app, options.listen);
    closeOnSignals(app, logger, graceMs, (code) => {
      stopTracing().then(
        () => exit(code),
        () => exit(code),
      );
    });
    logger.info('listening', { address: `${address.host}:${address.port}` });
  }, exit);
}
