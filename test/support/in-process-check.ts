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
  const file = join(scratch, 'config.yml');
  try {
    await writeFile(file, text);
    const files = { configFile: file };
    await (app === 'collector' ? readCollectorConfig(files, env) : readEngineConfig(files, env));
    return [];
  } catch (error) {
    if (error instanceof ConfigTextError) {
      const { file: other, problems } = error;
      return other === file ? problems : problems.map((one) => Object.assign({ file: other }, one));
    }
    throw error;
  } finally {
    await rm(scratch, { recursive: true });
  }
};
