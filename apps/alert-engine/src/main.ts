import 'reflect-metadata';
import {
  AppLogger,
  closeOnSignals,
  listen,
  parseRunOptions,
  runMain,
  startTracing,
} from '#libs/platform';
import { createApp } from './app.ts';
import { checkConfig } from './check-config.ts';

/** How long Kubernetes and an impatient user wait before they kill. */
const GRACE_MS = 15_000;

const exit = (code: number): void => process.exit(code);

await runMain(async () => {
  const args = process.argv.slice(2);
  const isCheck = args.includes('--check');
  const runArgs = args.filter((arg) => arg !== '--check');
  const options = parseRunOptions(runArgs, process.env, {
    app: 'engine',
    dataDir: './var/engine',
    port: 9370,
  });
  if (isCheck) {
    process.stdout.write(`${await checkConfig(options, process.env)}\n`);
    return;
  }
  const stopTracing = await startTracing('binnacle-alert-engine', process.env);
  const logger = AppLogger.create({ app: 'alert-engine', level: options.logLevel });
  const app = await createApp(options, process.env, logger);
  const address = await listen(app, options.listen);
  closeOnSignals(app, logger, GRACE_MS, (code) => {
    stopTracing().then(
      () => exit(code),
      () => exit(code),
    );
  });
  logger.info('listening', { address: `${address.host}:${address.port}` });
}, exit);
