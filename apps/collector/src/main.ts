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

/** How long Kubernetes and an impatient user wait before they kill. */
const GRACE_MS = 10_000;

const exit = (code: number): void => process.exit(code);

await runMain(async () => {
  const options = parseRunOptions(process.argv.slice(2), process.env, {
    app: 'collector',
    dataDir: './var/collector',
    port: 9371,
  });
  const stopTracing = await startTracing('binnacle-collector', process.env);
  const logger = AppLogger.create({ app: 'collector', level: options.logLevel });
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
