import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describeFileError, errorCode, writeFileAtomically } from '#libs/node-files';
import { PlainError } from '#libs/platform';

const UUID = /^[0-9a-f-]{36}$/;

/**
 * What tells the engine of a data directory from all others: the file `engine-id` there, and where that lies, so that a copy of
 * the directory is another engine. Whoever comes back with it has the directory's lock, so the process before is gone.
 * @throws PlainError
 */
export async function engineIdOf(dataDir: string): Promise<string> {
  const path = join(dataDir, 'engine-id');
  const id = await idIn(path);
  const { ino } = await stat(path);
  return `${id} ${ino} ${hostname()}`;
}

/** Reads the file, or makes it. */
async function idIn(path: string): Promise<string> {
  try {
    const kept = (await readFile(path, 'utf8')).trim();
    if (UUID.test(kept)) return kept;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw new PlainError(`cannot read ${path}: ${describeFileError(error)}.`, { cause: error });
    }
  }
  const id = randomUUID();
  await writeFileAtomically(path, `${id}\n`);
  return id;
}
