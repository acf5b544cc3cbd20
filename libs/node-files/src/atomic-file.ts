import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataDirectoryError, describeFileError } from './data-directory-error.ts';
import { errorCode } from './error-code.ts';

/** Makes what happened in a directory (files made, renamed, removed) survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems refuse to sync a directory; they have nothing to offer beyond that.
    if (errorCode(error) !== 'EINVAL' && errorCode(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

let temporaryCount = 0;

/**
 * Replaces a file's content so that a reader, or a start after a power cut, finds the old content or the new, never a part.
 * When it resolves, the new content is durable.
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  const temporary = `${path}.${process.pid}.${temporaryCount++}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * Makes a data directory, with the directories above it, and tries whether files can be written there.
 * @throws DataDirectoryError
 */
export async function ensureDataDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
    const probe = join(directory, `.writable.${process.pid}`);
    await (await open(probe, 'w')).close();
    await rm(probe);
  } catch (error) {
    throw new DataDirectoryError(
      `The data directory ${directory} cannot be used: ${describeFileError(error)}.`,
      { cause: error },
    );
  }
}

/** Node's own recursive mkdir never returns where a parent exists and refuses with ENOENT, as in /proc. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory);
    return;
  } catch (error) {
    const parent = dirname(directory);
    if (errorCode(error) === 'EEXIST') {
      if ((await stat(directory)).isDirectory()) return;
      throw error;
    }
    if (errorCode(error) !== 'ENOENT' || parent === directory) throw error;
    await makeDirectory(parent);
  }
  await mkdir(directory);
}
