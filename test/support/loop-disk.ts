import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { runToEnd } from './processes.ts';

const MIB = 1_024 * 1_024;
/** Nothing but a sync brings anything to the disk within the time of a test. */
const MOUNT_OPTIONS = 'loop,noatime,commit=600';
/** Whatever becomes of the test: thawed, unmounted, gone. */
const JANITOR = `cat >/dev/null
for place in "$1"/mount-*; do fsfreeze -u "$place"; umount -l "$place"; done
rm -rf --one-file-system "$1"`;

/**
 * A disk of its own for a test: an ext4 file system in a file, mounted through a loop device. What is written and not
 * synced is in the kernel's memory and not in the file, so that a copy of the file is what a power cut leaves.
 */
export class LoopDisk {
  readonly #folder: string;
  readonly #janitor: ChildProcess;
  readonly #image: string;
  #mounts = 0;
  /** Where it is mounted. */
  readonly path: string;

  private constructor(folder: string, janitor: ChildProcess) {
    this.#folder = folder;
    this.#janitor = janitor;
    this.#image = join(folder, 'image');
    this.path = join(folder, 'mount-0');
  }

  static async create(mebibytes: number): Promise<LoopDisk> {
    const folder = mkdtempSync(join(tmpdir(), 'binnacle-disk-'));
    // It ends when this process does, in whatever way, and cleans up.
    const janitor = spawn('sh', ['-c', JANITOR, 'sh', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const disk = new LoopDisk(folder, janitor);
    const image = await open(disk.#image, 'w');
    await image.truncate(mebibytes * MIB);
    await image.close();
    await command('mkfs.ext4', ['-q', '-F', '-m', '0', disk.#image]);
    await disk.#mount(disk.#image);
    return disk;
  }

  /** Mounts what the disk holds at this moment, as after a power cut. @returns where */
  async mountAfterPowerCut(): Promise<string> {
    const copy = `${this.#image}.${this.#mounts}`;
    await copyFile(this.#image, copy);
    return this.#mount(copy);
  }

  /** Unmounts a copy. */
  async unmount(path: string): Promise<void> {
    await command('umount', ['-d', path]);
  }

  /** Everything that writes to the disk waits from here on. */
  async freeze(): Promise<void> {
    await command('fsfreeze', ['-f', this.path]);
  }

  async thaw(): Promise<void> {
    await command('fsfreeze', ['-u', this.path]);
  }

  /** Takes all of the disk's room but so much; with 0, until nothing more can be written. @returns how to give it back */
  async fill(freeBytes: number): Promise<() => Promise<void>> {
    const path = join(this.path, 'filler');
    const file = await open(path, 'w');
    try {
      for (const piece of [Buffer.alloc(MIB), Buffer.alloc(4_096)]) {
        while ((await this.#freeBytes()) >= freeBytes + piece.length) await file.write(piece);
      }
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('ENOSPC'))) throw error;
    } finally {
      await file.close();
    }
    return () => rm(path);
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Thaws, unmounts and removes all of it. Those who have files on it must have ended. */
  async remove(): Promise<void> {
    const ended = new Promise((resolve) => {
      this.#janitor.once('close', resolve);
    });
    this.#janitor.stdin?.end();
    await ended;
  }

  async #mount(image: string): Promise<string> {
    const place = join(this.#folder, `mount-${this.#mounts++}`);
    await mkdir(place);
    await command('mount', ['-o', MOUNT_OPTIONS, image, place]);
    return place;
  }
}

async function command(program: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runToEnd(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${output}`);
}

/** Why no {@link LoopDisk} can be had on this machine, or null. */
function refusal(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-disk-'));
  try {
    const image = join(folder, 'image');
    const place = join(folder, 'mount');
    mkdirSync(place);
    const steps: readonly [string, ...string[]][] = [
      ['truncate', '-s', '16M', image],
      ['mkfs.ext4', '-q', '-F', image],
      ['mount', '-o', MOUNT_OPTIONS, image, place],
      ['fsfreeze', '-f', place],
      ['fsfreeze', '-u', place],
      ['umount', '-d', place],
    ];
    for (const [program, ...args] of steps) {
      const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
      if (error !== undefined) return error.message;
      if (status !== 0) return stderr.trim().split('\n')[0] ?? `${program} failed`;
    }
    return null;
  } finally {
    spawnSync('umount', ['-l', join(folder, 'mount')]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A suite that needs {@link LoopDisk}s. Where none can be had it is one skipped test whose name says why. */
export function describeOnLoopDisk(name: string, body: () => void): void {
  const reason = refusal();
  if (reason === null) {
    describe(name, body);
    return;
  }
  const need = `needs to mount a file system of its own, which this machine refuses: ${reason}`;
  // Jest does not list the tests of a file in which all are skipped.
  process.stdout.write(`skipped: ${name}: ${need}\n`);
  describe(name, () => {
    it.skip(need, () => {});
  });
}
