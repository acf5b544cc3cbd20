import type { Checkpoint, FoundLogFile, LogFileHandle } from './log-files.ts';
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
  /** Keys of files that are looked for. */
  readonly #displaced = new Set<string>();
  readonly #seen = new Map<string, FoundLogFile>();
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

  /** What is known of the file that had an inode. */
  knownAs(key: string): Checkpoint | undefined {
    return this.resumable.get(key) ?? this.#done.get(key);
  }

  /** An inode has gone to another file. What it belonged to may be found in an archive, by how it begins. */
  displace(key: string, checkpoint: Checkpoint): void {
    this.take(key);
    (checkpoint.isDone ? this.#done : this.resumable).set(displaced(key), checkpoint);
    this.#displaced.add(key);
  }

  /** Files are being looked for whose inodes have gone to others. */
  get hasDisplaced(): boolean {
    return this.#displaced.size > 0;
  }

  /** Ends the search for all files of an earlier run. */
  giveUp(): void {
    this.resumable.clear();
    this.#displaced.clear();
  }

  /** Ends the search for it. @returns what is known of it, undefined where it was found */
  forgetDisplaced(key: string): Checkpoint | undefined {
    this.#displaced.delete(key);
    const checkpoint = this.resumable.get(displaced(key));
    this.resumable.delete(displaced(key));
    return checkpoint;
  }

  /** A rotated or deleted file was read to its end. */
  finish(file: TailedFile): void {
    // Also one without a name: it may have been compressed, and is then known by how it begins.
    this.#done.set(file.key, { ...file.toCheckpoint(true), offset: file.offset });
  }

  /** What is known of a file of that inode and size that was read to its end; it may be another file that has both. */
  readAs(found: FoundLogFile): Checkpoint | undefined {
    const done = this.#done.get(keyOf(found));
    return done !== undefined && found.sizeBytes === done.offset ? done : undefined;
  }

  /** It was made sure that there is nothing to read in a file, as it was found. */
  seenAs(found: FoundLogFile): void {
    const key = keyOf(found);
    this.#seen.delete(key);
    this.#seen.set(key, found);
    if (this.#seen.size > MAX_DONE) this.#seen.delete(this.#seen.keys().next().value!);
  }

  /** Whether that was made sure of it and it has not been written to since. */
  isSeenAs(found: FoundLogFile): boolean {
    const seen = this.#seen.get(keyOf(found));
    return (
      seen !== undefined &&
      seen.modifiedMs === found.modifiedMs &&
      seen.sizeBytes === found.sizeBytes
    );
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
  recognizeArchive(
    path: string,
    archive: Pick<LogFileHandle, 'id' | 'contentBytes'>,
    isSame: (known: Checkpoint) => boolean,
  ): boolean {
    let best: { readonly from: Map<string, Checkpoint>; readonly key: string } | null = null;
    let longest = 0;
    for (const from of [this.#done, this.resumable]) {
      for (const [key, checkpoint] of from) {
        // Of those that were still short when they were last looked at, several may begin alike.
        const { lengthBytes } = checkpoint.fingerprint;
        if (checkpoint.path !== path || lengthBytes <= longest || !isSame(checkpoint)) continue;
        best = { from, key };
        longest = lengthBytes;
      }
    }
    if (best === null) return false;
    const { from, key } = best;
    const checkpoint = from.get(key)!;
    if (from === this.#done && !hasGrown(archive.contentBytes(), checkpoint.offset)) return true;
    from.delete(key);
    this.resumable.set(keyOf(archive.id), { ...checkpoint, ...archive.id, isDone: false });
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

/**
 * Whether an archive holds more than was read of the file it was made of: somebody wrote to it after it was closed here.
 * @param contentBytes what it says it holds, of which it keeps 32 bits; null where it does not say
 */
function hasGrown(contentBytes: number | null, offset: number): boolean {
  if (contentBytes === null) return false;
  const more = (contentBytes - offset) >>> 0;
  return more > 0 && more < 2 ** 31;
}

/** Stands for the file that had an inode before. */
function displaced(key: string): string {
  return `${key} before`;
}
