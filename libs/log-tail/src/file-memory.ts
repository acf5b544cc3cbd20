import type { Checkpoint, FileId, FoundLogFile } from './log-files.ts';
import { keyOf, type TailedFile } from './tailed-file.ts';

/** The file that was last seen under a path. */
interface PathHistory {
  readonly key: string;
  readonly seenMs: number;
}

/** Paths whose last file is remembered. */
const MAX_PATHS = 100_000;
/** Finished files remembered per path, so that they are not taken for missed ones. */
const MAX_DONE_PER_PATH = 16;
const MAX_DONE = 20_000;

/** What is known of files that are not being read: those of an earlier run, and those that are done with. */
export class FileMemory {
  /** From an earlier run and not yet met again, by device and inode. */
  readonly resumable = new Map<string, Checkpoint>();
  /** There was an earlier run, and nobody knows how far it came. */
  hasForgotten = false;
  readonly #done = new Map<string, Checkpoint>();
  readonly #history = new Map<string, PathHistory>();

  /** Recalls how far an earlier run came; null when that is not known, and all is read once more. */
  recall(checkpoints: readonly Checkpoint[] | null, groups: ReadonlyMap<string, unknown>): void {
    this.hasForgotten = checkpoints === null;
    for (const checkpoint of checkpoints ?? []) {
      if (!groups.has(checkpoint.group)) continue;
      (checkpoint.isDone ? this.#done : this.resumable).set(keyOf(checkpoint), checkpoint);
      const known = this.#history.get(checkpoint.path);
      if (known === undefined || known.seenMs < checkpoint.seenMs) {
        this.#history.set(checkpoint.path, { key: keyOf(checkpoint), seenMs: checkpoint.seenMs });
      }
    }
  }

  checkpoints(): Checkpoint[] {
    return [...this.resumable.values(), ...this.#done.values()];
  }

  /** How far a file was read that is read again; from here on it is not remembered here. */
  take(key: string): Checkpoint | undefined {
    const checkpoint = this.resumable.get(key) ?? this.#done.get(key);
    this.resumable.delete(key);
    this.#done.delete(key);
    return checkpoint;
  }

  /** A rotated or deleted file was read to its end. */
  finish(file: TailedFile): void {
    // Also one without a name: it may have been compressed, and is then known by how it begins.
    this.#done.set(file.key, { ...file.toCheckpoint(true), offset: file.offset });
  }

  isDone(key: string): boolean {
    return this.#done.has(key);
  }

  /** Whether a file was read to its end. One of another size has grown late, or is another file that got the inode. */
  isRead(found: FoundLogFile): boolean {
    const done = this.#done.get(keyOf(found));
    return done !== undefined && found.sizeBytes === done.offset;
  }

  /** The file that was last seen under a path. */
  lastUnder(path: string): PathHistory | undefined {
    return this.#history.get(path);
  }

  /** A file is no longer under its path. */
  left(file: TailedFile): void {
    this.#history.set(file.path, { key: file.key, seenMs: file.seenMs });
  }

  /**
   * Finds the file of which an archive was made, by how it begins. What was not read to its end is known as the archive
   * from here on.
   * @returns whether it was read to its end
   */
  recognizeArchive(path: string, archive: FileId, isSame: (known: Checkpoint) => boolean): boolean {
    for (const checkpoint of this.#done.values()) {
      if (checkpoint.path === path && isSame(checkpoint)) return true;
    }
    for (const [key, checkpoint] of this.resumable) {
      if (checkpoint.path !== path || !isSame(checkpoint)) continue;
      this.resumable.delete(key);
      this.resumable.set(keyOf(archive), { ...checkpoint, ...archive });
      break;
    }
    return false;
  }

  /** Finished files are remembered only as long as they could be met again, and paths within bounds. */
  forget(): void {
    const perPath = new Map<string, number>();
    for (const [key, checkpoint] of [...this.#done].toReversed()) {
      const count = (perPath.get(checkpoint.path) ?? 0) + 1;
      perPath.set(checkpoint.path, count);
      if (count > MAX_DONE_PER_PATH) this.#done.delete(key);
    }
    while (this.#done.size > MAX_DONE) this.#done.delete(this.#done.keys().next().value!);
    while (this.#history.size > MAX_PATHS) {
      this.#history.delete(this.#history.keys().next().value!);
    }
  }
}
