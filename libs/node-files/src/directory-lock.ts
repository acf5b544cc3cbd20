import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DataDirectoryError, describeFileError } from './data-directory-error.ts';
import { errorCode } from './error-code.ts';

const LOCK_FILE = 'lock';
const ATTEMPTS = 5;
const CONFIRM_MS = 20;

/** A directory that this process alone writes to. */
export interface DirectoryLock {
  /** Lets others have it. Doing so twice is harmless. */
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  /** When the process began, as its kernel counts; null where that cannot be known. */
  readonly started: string | null;
}

let lockCount = 0;

/**
 * Takes the one writer's place in a directory. The lock names a process by number and start, so a lock left behind by a
 * process that was killed never blocks, even when its number is in use again.
 * @throws DataDirectoryError when another process that is alive has the place, or nothing can be written
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE);
  // The counter tells two locks of one process apart.
  const own = JSON.stringify({
    pid: process.pid,
    started: await startOf(process.pid),
    lock: lockCount++,
  });
  const mine = `${path}.${process.pid}.${lockCount}`;
  try {
    await writeFile(mine, own);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await isLinked(mine, path)) {
        // Whoever mistook this lock for the left-over one it replaced has moved it away by now.
        await setTimeout(CONFIRM_MS);
        const confirmed = await readFile(path, 'utf8').catch(() => null);
        if (confirmed === own) return { release: () => release(path, own) };
        continue;
      }
      const held = await readFile(path, 'utf8').catch(() => null);
      const holder = held === null ? null : parseHolder(held);
      if (holder !== null && (await isAlive(holder))) {
        throw new DataDirectoryError(
          `The data directory ${directory} is in use by the process ${holder.pid}; stop it or choose another directory.`,
        );
      }
      // Moved away before it is judged again: another process may have taken the left-over lock's place meanwhile.
      const stale = `${mine}.stale`;
      await rename(path, stale).catch(ignoreMissing);
      const moved = await readFile(stale, 'utf8').catch(() => null);
      if (moved !== null && moved !== held) await link(stale, path).catch(() => undefined);
      await rm(stale, { force: true });
    }
  } catch (error) {
    if (error instanceof DataDirectoryError) throw error;
    throw new DataDirectoryError(
      `The data directory ${directory} cannot be locked: ${describeFileError(error)}.`,
      { cause: error },
    );
  } finally {
    await rm(mine, { force: true }).catch(() => undefined);
  }
  throw new DataDirectoryError(
    `The data directory ${directory} cannot be locked: other processes are trying at the same time.`,
  );
}

async function isLinked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function release(path: string, own: string): Promise<void> {
  const held = await readFile(path, 'utf8').catch(() => null);
  if (held === own) await rm(path, { force: true });
}

function parseHolder(text: string): Holder | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed)) return null;
    const { pid } = parsed;
    const started = 'started' in parsed ? parsed.started : null;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return null;
    return { pid, started: typeof started === 'string' ? started : null };
  } catch {
    return null;
  }
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
  }
  return started === (await startOf(pid));
}

/** When a process began, in clock ticks since its machine's boot, together with the boot; Linux only. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold spaces; the start is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[19] === undefined ? null : `${boot}/${fields[19]}`;
  } catch {
    return null;
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}
