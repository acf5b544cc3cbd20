import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PlainError } from '#libs/platform';
import { postgresConfigSchema, type StateConfig } from '#libs/node-state';

/** What a Secret of a database holds, as CloudNativePG names it. */
const URL_FILE = 'uri';
const CA_FILE = 'ca.crt';

/**
 * Where nothing is configured, the database of the folder that the environment names: `uri` holds its URL, and `ca.crt`,
 * where it is there, the authority of its certificate.
 * @throws PlainError where that folder has none: whoever names it wants the state there
 */
export async function withStateFolder(
  config: StateConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<StateConfig> {
  const folder = env['BINNACLE_STATE_DIR'] ?? '';
  if (folder === '' || config.postgres !== undefined) return config;
  const urlFile = join(resolve(folder), URL_FILE);
  const caFile = join(resolve(folder), CA_FILE);
  if (!(await isThere(urlFile))) {
    throw new PlainError(`BINNACLE_STATE_DIR: ${folder} has no file ${URL_FILE}.`);
  }
  const hasCa = await isThere(caFile);
  return {
    postgres: postgresConfigSchema.parse({
      url_file: urlFile,
      ...(hasCa ? { tls_config: { ca_file: caFile } } : {}),
    }),
  };
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
