import { resolve } from 'node:path';
import type { SecretSource } from '#libs/dispatch';
import { readSecretFile } from '#libs/node-files';
import { DeliveryError, type SecretReader } from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { codeOrText } from './connection-error.ts';

/** Reads secrets from their files each time, so that a rotated one counts at once. */
export class FileSecretReader implements SecretReader {
  readonly #baseDir: string;

  /** @param baseDir what relative paths are relative to: the folder of the configuration */
  constructor(baseDir: string) {
    this.#baseDir = baseDir;
  }

  /** The secret without white space around it. @throws DeliveryError `misconfigured`, naming the file */
  async read(source: SecretSource): Promise<Secret> {
    if (source.kind === 'inline') return source.secret;
    return new Secret((await this.readFile(source.path)).trim());
  }

  /** A file as it is. @throws DeliveryError `misconfigured`, naming the file */
  async readFile(path: string): Promise<string> {
    const file = resolve(this.#baseDir, path);
    try {
      return await readSecretFile(file);
    } catch (error) {
      const reason = codeOrText(error);
      throw new DeliveryError('misconfigured', `cannot read ${file}: ${reason}`, { cause: error });
    }
  }
}
