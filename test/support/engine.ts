import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { eventually, getText } from './processes.ts';

/** An alert engine within the process of the test, which can reach its parts. Whoever starts it closes `app`. */
export interface Engine {
  readonly app: NestFastifyApplication;
  readonly url: string;
}

/**
 * Starts the engine on a free port, without a log, and waits until it is ready.
 * @param configFile null for an engine without configuration
 */
export async function startEngine(
  dataDir: string,
  configFile: string | null = null,
): Promise<Engine> {
  const address = { host: '127.0.0.1', port: 0 };
  const app = await createApp(
    { configFile, dataDir, listen: address, logLevel: 'silent' },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  try {
    const { port } = await listen(app, address);
    const url = `http://127.0.0.1:${port}`;
    await eventually('the engine to be ready', () => getText(`${url}/readyz`));
    return { app, url };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/**
 * Starts the engine with what a folder holds: its configuration `am.yml` for Alertmanager, and `data`. Waits until it takes
 * alerts.
 */
export async function startAlertingEngine(folder: string): Promise<Engine> {
  const configFile = join(folder, 'engine.yml');
  await writeFile(configFile, 'alertmanager_config: am.yml\n');
  const engine = await startEngine(join(folder, 'data'), configFile);
  await eventually('the engine to take alerts', () => getText(`${engine.url}/api/v2/alerts`));
  return engine;
}
