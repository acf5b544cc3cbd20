import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode } from '#libs/node-files';
import { type NamedProbeModule, probeModulesSchema } from '#libs/probes';
import { ConfigTextError, parseYamlConfig } from '#libs/yaml-config';
import { z } from 'zod';

const MAX_LENGTH = 1024 * 1024;

/** A file of blackbox_exporter's. `${1}` in it is a group of an expression, and no variable of the environment. */
const fileSchema = z.strictObject({ modules: probeModulesSchema.prefault({}) });

/** Of the whole configuration what says which files there are; whatever else is wrong is said later. */
export const moduleFilesOfConfig = z.looseObject({
  probes: z
    .looseObject({ module_files: z.array(z.string()).catch([]) })
    .transform(({ module_files: files }) => files)
    .catch([])
    .optional(),
});

export interface ModuleFiles {
  readonly modules: ReadonlyMap<string, NamedProbeModule>;
  /** Absolute. */
  readonly files: readonly string[];
}

/**
 * Reads the modules of files that blackbox_exporter has.
 * @throws ConfigTextError for a file that cannot be read or is wrong, and for a name that two of them have
 */
export async function readModuleFiles(
  written: readonly string[],
  baseDir: string,
): Promise<ModuleFiles> {
  const modules = new Map<string, NamedProbeModule>();
  const files = written.map((file) => resolve(baseDir, file));
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      const message = `cannot be read: ${errorCode(error)}`;
      throw new ConfigTextError(file, [{ line: 0, path: '', message }]);
    });
    const { modules: found } = parseYamlConfig(text, fileSchema, { file, maxLength: MAX_LENGTH });
    for (const [name, module] of found) {
      if (modules.has(name)) {
        const message = 'another file of module_files has it too';
        throw new ConfigTextError(file, [{ line: 0, path: `modules.${name}`, message }]);
      }
      modules.set(name, module);
    }
  }
  return { modules, files };
}
