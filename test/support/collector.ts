import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';

/** A collector within the process of the test, which can reach its parts. Whoever starts it closes `app`. */
export interface Collector {
  readonly app: NestFastifyApplication;
  readonly url: string;
}

/**
 * Starts a collector on a free port, without a log.
 * @param folder gets the configuration as `NAME.yml`, and the data in `NAME`
 */
export async function startCollector(
  folder: string,
  config: string,
  { name = 'collector', env = {} }: { name?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Collector> {
  const configFile = join(folder, `${name}.yml`);
  await writeFile(configFile, config);
  const address = { host: '127.0.0.1', port: 0 };
  const app = await createApp(
    { configFile, dataDir: join(folder, name), listen: address, logLevel: 'silent' },
    env,
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  try {
    const { port } = await listen(app, address);
    return { app, url: `http://127.0.0.1:${port}` };
  } catch (error) {
    await app.close();
    throw error;
  }
}
