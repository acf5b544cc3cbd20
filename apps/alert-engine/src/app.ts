import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  AppLogger,
  configFolder,
  createHttpApp,
  readTlsAtStart,
  type RunOptions,
} from '#libs/platform';
import { AlertEngineModule } from './alert-engine.module.ts';
import { type Environment, readEngineConfig } from './config/engine-config.ts';

/**
 * The alert engine, wired but not listening: main.ts and the tests both start here.
 * @throws ConfigTextError for a bad configuration, PlainError for surroundings that won't do
 */
export async function createApp(
  options: RunOptions,
  env: Environment,
  logger: AppLogger = AppLogger.create({ app: 'alert-engine', level: options.logLevel }),
): Promise<NestFastifyApplication> {
  const config = await readEngineConfig(options, env);
  const module = AlertEngineModule.forApp(options, config, env, logger);
  return createHttpApp(module, logger, {}, await readTlsAtStart(config, configFolder(options)));
}
