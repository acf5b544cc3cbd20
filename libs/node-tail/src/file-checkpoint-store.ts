import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Checkpoint, CheckpointStore } from '#libs/log-tail';
import { errorCode, writeFileAtomically } from '#libs/node-files';
import { z } from 'zod';

const VERSION = 1;

const fileSchema = z.object({
  version: z.literal(VERSION),
  checkpoints: z.array(
    z.object({
      group: z.string(),
      path: z.string(),
      device: z.string(),
      inode: z.string(),
      fingerprint: z.object({ lengthBytes: z.int().min(0).max(4096), hash: z.string() }),
      offset: z.int().min(0),
      isInsideLongLine: z.boolean(),
      isDone: z.boolean(),
      seenMs: z.number(),
    }),
  ),
});

/**
 * Checkpoints in one JSON file that is replaced as a whole, so that after a power cut there is the old file or the new
 * one. A file that can't be understood is set aside.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #path: string;
  /** Where a damaged file was put at the last load, or null. */
  setAside: string | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<readonly Checkpoint[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
    const parsed = fileSchema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data.checkpoints;
    this.setAside = `${this.#path}.damaged`;
    await rename(this.#path, this.setAside);
    return [];
  }

  async save(checkpoints: readonly Checkpoint[]): Promise<void> {
    const text = JSON.stringify({ version: VERSION, checkpoints });
    try {
      await writeFileAtomically(this.#path, text);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFileAtomically(this.#path, text);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
