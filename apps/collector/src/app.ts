import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  AppLogger,
  configFolder,
  createHttpApp,
  readTlsAtStart,
  type RunOptions,
} from '#libs/platform';
import { CollectorModule } from './collector.module.ts';
import { type Environment, readCollectorConfig } from './config/collector-config.ts';

/**
 * The collector, wired but not listening: main.ts and the tests both start here.
 * @throws ConfigTextError for a bad configuration, PlainError for surroundings that won't do
 */
export async function createApp(
  options: RunOptions,
  env: Environment,
  logger: AppLogger = AppLogger.create({ app: 'collector', level: options.logLevel }),
): Promise<NestFastifyApplication> {
  const config = await readCollectorConfig(options, env);
  const module = CollectorModule.forApp(options, config, env, logger);
  return createHttpApp(module, logger, {}, await readTlsAtStart(config, configFolder(options)));
}
