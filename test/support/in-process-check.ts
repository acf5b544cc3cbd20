import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigTextError } from '#libs/yaml-config';
import { readEngineConfig } from '../../apps/alert-engine/src/config/engine-config.ts';
import type { CommandIo } from '../../apps/cli/src/command.ts';
import { readCollectorConfig } from '../../apps/collector/src/config/collector-config.ts';

/** What the services say of a configuration, without starting them. */
export const checkInProcess: NonNullable<CommandIo['askService']> = async (
  app,
  { text, folder, env },
) => {
  const scratch = await mkdtemp(join(folder, '.import-'));
  try {
    const file = join(scratch, 'config.yml');
    await writeFile(file, text);
    const files = { configFile: file };
    await (app === 'collector' ? readCollectorConfig(files, env) : readEngineConfig(files, env));
    return [];
  } catch (error) {
    if (error instanceof ConfigTextError) return error.problems;
    throw error;
  } finally {
    await rm(scratch, { recursive: true });
  }
};
