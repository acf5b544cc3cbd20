import { readFile, stat } from 'node:fs/promises';

/** No credential, and no chain of certificates, is larger. */
const MAX_SECRET_BYTES = 1024 * 1024;

/**
 * The text of a file that holds a credential or certificates.
 * @throws Error of Node's, or one that says that the file is larger than 1 MiB; neither holds any of its content
 */
export async function readSecretFile(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > MAX_SECRET_BYTES) throw new Error('it is larger than 1 MiB');
  return readFile(file, 'utf8');
}
