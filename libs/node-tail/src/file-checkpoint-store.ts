import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Checkpoint, CheckpointStore } from '#libs/log-tail';
import { errorCode, writeFileAtomically } from '#libs/node-files';
import { z } from 'zod';

/**
 * The version of the format. New keys do not change it, since earlier versions pass over them; it is raised only when an
 * earlier version would misread what is written.
 */
const VERSION = 1;

const anyVersionSchema = z.object({ version: z.int().min(1) });

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
      seenBytes: z.int().min(0).optional(),
    }),
  ),
});

const FAULTS = ['damaged', 'newer'] as const;

/** Why a file of checkpoints could not be used. */
export type CheckpointFileFault = (typeof FAULTS)[number];

/**
 * Checkpoints in one JSON file that is replaced as a whole, so that after a power cut there is the old file or the new
 * one. A file that can't be understood, because it is damaged or of a later version, is set aside.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #path: string;
  readonly #onSetAside: (path: string, reason: CheckpointFileFault) => void;

  /** @param onSetAside called with the name that a file was given that can't be understood */
  constructor(
    path: string,
    onSetAside: (path: string, reason: CheckpointFileFault) => void = () => {},
  ) {
    this.#path = path;
    this.#onSetAside = onSetAside;
  }

  async load(): Promise<readonly Checkpoint[] | null> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      // One that was set aside and never followed by another is still not understood.
      return (await this.#hasAside()) ? null : [];
    }
    const content = parseJson(text);
    const parsed = fileSchema.safeParse(content);
    if (parsed.success) return parsed.data.checkpoints;
    const other = anyVersionSchema.safeParse(content);
    const reason = other.success && other.data.version > VERSION ? 'newer' : 'damaged';
    const setAside = `${this.#path}.${reason}`;
    await rename(this.#path, setAside);
    this.#onSetAside(setAside, reason);
    return null;
  }

  async #hasAside(): Promise<boolean> {
    for (const reason of FAULTS) {
      const found = await stat(`${this.#path}.${reason}`).catch(() => null);
      if (found !== null) return true;
    }
    return false;
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
