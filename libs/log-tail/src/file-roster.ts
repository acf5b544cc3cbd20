import { FINGERPRINT_BYTES, fingerprintOf } from './fingerprint.ts';
import {
  type Checkpoint,
  type Fingerprint,
  type FoundLogFile,
  LogFileError,
  type LogFileHandle,
  type LogFiles,
} from './log-files.ts';
import { missedRotations, recentArchives } from './rotation.ts';
import { folderOf, keyOf, TailedFile } from './tailed-file.ts';

/** A set of files that are read alike. */
export interface TailGroup {
  readonly name: string;
  /** Where to begin in files that exist when the tailer starts and are not known from before. */
  readonly from: 'beginning' | 'end';
  /** A longer line keeps its beginning. */
  readonly maxLineBytes: number;
}

/** How the tailer fared since it was made. */
export interface TailCounters {
  readBytes: number;
  readLines: number;
  rotations: number;
  truncations: number;
  truncatedLines: number;
  truncatedBytes: number;
  /** Files that an earlier run had been reading and that could not be found again. */
  lostFiles: number;
  /** Bytes that were overwritten by a truncation before they were read, as far as is known. */
  lostBytes: number;
  openErrors: number;
  readErrors: number;
  /** Files that were found and not read because of `maxFiles`, at the last look. */
  skippedFiles: number;
}

/** The file that was last seen under a path. */
interface PathHistory {
  readonly key: string;
  readonly seenMs: number;
}

/** How long after the start files of an earlier run are looked for. */
const RESUME_WITHIN_MS = 60_000;
/** Paths whose last file is remembered. */
const MAX_PATHS = 100_000;
/** Finished files remembered per path, so that they are not taken for missed ones. */
const MAX_DONE_PER_PATH = 16;
const MAX_DONE = 20_000;

export interface FileRosterOptions {
  readonly files: LogFiles;
  readonly groups: readonly TailGroup[];
  readonly maxFiles: number;
  readonly counters: TailCounters;
}

/** A path that was found and could not be opened. */
export interface OpenFailure {
  readonly group: string;
  readonly path: string;
  readonly message: string;
}

/**
 * Which files there are to read: those that patterns find, those that were under these paths before and have another
 * name now, and those of an earlier run. It opens files and says where to begin; reading them is the tailer's part.
 */
export class FileRoster {
  readonly openFailures = new Map<string, OpenFailure>();
  /** Something changed that belongs into the checkpoints. */
  hasChanged = false;
  /** A file was opened, or is no longer under its path, since the last look began. */
  #hasMoved = false;
  readonly #options: FileRosterOptions;
  readonly #groups: ReadonlyMap<string, TailGroup>;
  /** By device and inode. */
  readonly #tailed = new Map<string, TailedFile>();
  /** The file under each path now. */
  readonly #active = new Map<string, TailedFile>();
  /** From an earlier run and not yet met again. */
  readonly #resumable = new Map<string, Checkpoint>();
  readonly #done = new Map<string, Checkpoint>();
  readonly #history = new Map<string, PathHistory>();
  readonly #head = Buffer.alloc(FINGERPRINT_BYTES);
  /** Folders with files that are not open because there is nothing in them. */
  readonly #unopened = new Set<string>();
  /** What the last look found, and how many files were open after it; null unless it changed nothing. */
  #lastLook: {
    readonly found: readonly (readonly FoundLogFile[])[];
    readonly open: number;
  } | null = null;
  #firstScanMs: number | null = null;
  /** There was an earlier run, and nobody knows how far it came. */
  #hasForgotten = false;
  #lastScanMs = 0;

  constructor(options: FileRosterOptions) {
    this.#options = options;
    this.#groups = new Map(options.groups.map((group) => [group.name, group]));
  }

  /** Recalls how far an earlier run came; null when that is not known, and all is read once more. */
  recall(checkpoints: readonly Checkpoint[] | null): void {
    if (checkpoints === null) {
      this.#hasForgotten = true;
      return;
    }
    for (const checkpoint of checkpoints) {
      if (!this.#groups.has(checkpoint.group)) continue;
      (checkpoint.isDone ? this.#done : this.#resumable).set(keyOf(checkpoint), checkpoint);
      const known = this.#history.get(checkpoint.path);
      if (known === undefined || known.seenMs < checkpoint.seenMs) {
        this.#history.set(checkpoint.path, { key: keyOf(checkpoint), seenMs: checkpoint.seenMs });
      }
    }
  }

  /** Whether files in a folder were left closed because there was nothing in them to read. */
  hasUnopened(folder: string): boolean {
    return this.#unopened.has(folder);
  }

  /** The open files, those that were opened first in front. */
  get files(): IterableIterator<TailedFile> {
    return this.#tailed.values();
  }

  get fileCount(): number {
    return this.#tailed.size;
  }

  has(file: TailedFile): boolean {
    return this.#tailed.get(file.key) === file;
  }

  get(key: string): TailedFile | undefined {
    return this.#tailed.get(key);
  }

  group(file: TailedFile): TailGroup {
    return this.#groups.get(file.group)!;
  }

  /** How far everything is, those included that were not found again yet. */
  checkpoints(): Checkpoint[] {
    const checkpoints = [...this.#resumable.values(), ...this.#done.values()];
    for (const file of this.#tailed.values()) checkpoints.push(file.toCheckpoint(false));
    return checkpoints;
  }

  /** A rotated or deleted file has been read and is closed. */
  async finish(file: TailedFile): Promise<void> {
    this.#tailed.delete(file.key);
    this.hasChanged = true;
    // Also one without a name: it may have been compressed, and is then known by how it begins.
    this.#done.set(file.key, { ...file.toCheckpoint(true), offset: file.offset });
    await file.handle.close();
  }

  async closeAll(): Promise<void> {
    for (const file of this.#tailed.values()) await file.handle.close();
    this.#tailed.clear();
    this.#active.clear();
  }

  /** Looks at the patterns. Rejects when they can't be looked at. */
  async scan(nowMs: number): Promise<void> {
    const looks: (readonly FoundLogFile[])[] = [];
    for (const { name } of this.#groups.values()) {
      looks.push(await this.#options.files.find(name));
    }
    if (this.#isAsBefore(looks)) {
      for (const file of this.#active.values()) file.seenMs = nowMs;
      this.#lastScanMs = nowMs;
      return;
    }
    this.openFailures.clear();
    this.#unopened.clear();
    this.#options.counters.skippedFiles = 0;
    this.#hasMoved = false;
    const present = new Set<string>();
    for (const [index, group] of [...this.#groups.values()].entries()) {
      const found = looks[index]!;
      // Oldest first, so that what came first is also told first.
      const ordered = found.toSorted((a, b) => a.modifiedMs - b.modifiedMs);
      for (const file of ordered) {
        present.add(file.path);
        await this.#meet(group, file, nowMs);
      }
    }
    for (const [path, file] of this.#active) if (!present.has(path)) this.#retire(file, nowMs);
    this.#firstScanMs ??= nowMs;
    this.#lastScanMs = nowMs;
    if (this.#resumable.size > 0) await this.#resumeRenamed(nowMs);
    this.#forget();
    const isSteady = !this.#hasMoved && this.#resumable.size === 0 && this.openFailures.size === 0;
    this.#lastLook = isSteady ? { found: looks, open: this.#tailed.size } : null;
  }

  /** Nothing has come, gone or been renamed since a look after which there was nothing to do. */
  #isAsBefore(looks: readonly (readonly FoundLogFile[])[]): boolean {
    const last = this.#lastLook;
    return (
      last !== null &&
      last.open === this.#tailed.size &&
      looks.every((found, index) => found === last.found[index])
    );
  }

  /** A path was found to name a file. */
  async #meet(group: TailGroup, found: FoundLogFile, nowMs: number): Promise<void> {
    const active = this.#active.get(found.path);
    if (active !== undefined && active.key === keyOf(found)) {
      active.seenMs = nowMs;
      return;
    }
    // A pattern such as `*.log*` matches a file again under its rotated name.
    if (this.#isKnown(found)) return;
    // Where there are very many, those in which there is nothing are left for those in which there is.
    const isCrowded = this.#tailed.size >= this.#options.maxFiles / 2;
    if (isCrowded && found.sizeBytes === 0 && active === undefined) {
      this.#unopened.add(folderOf(found.path));
      return;
    }
    if (this.#tailed.size >= this.#options.maxFiles) {
      this.#options.counters.skippedFiles++;
      return;
    }
    const handle = await this.#open(group, found.path);
    if (handle === null) return;
    const key = keyOf(handle.id);
    // The name may have gone to another file between finding and opening.
    if (this.#tailed.has(key)) {
      await handle.close();
      return;
    }
    if (active !== undefined) this.#retire(active, nowMs);
    const history = this.#history.get(found.path);
    let last = this.#lastUnder(found.path);
    if (history === undefined || history.key !== key) {
      // Whatever came before the file just opened has been renamed by now, so this look misses none.
      last = (await this.#resumeUnder(group, found.path, nowMs)) ?? last;
      const sinceMs = history?.seenMs ?? (this.#firstScanMs === null ? null : this.#lastScanMs);
      if (sinceMs !== null) {
        last = await this.#adoptMissed(group, found.path, sinceMs, key, last, nowMs);
      }
    }
    const file = await this.#adopt(group, found.path, handle, nowMs);
    file.predecessor = last;
    this.#active.set(found.path, file);
  }

  /** The newest of the files that were under a path and are still being read. */
  #lastUnder(path: string): TailedFile | null {
    let last: TailedFile | null = null;
    for (const file of this.#tailed.values()) if (file.path === path) last = file;
    return last;
  }

  /** Starts to read an open file, where an earlier run stopped if it is known from there. */
  async #adopt(
    group: TailGroup,
    path: string,
    handle: LogFileHandle,
    nowMs: number,
  ): Promise<TailedFile> {
    const key = keyOf(handle.id);
    const checkpoint = this.#resumable.get(key) ?? this.#done.get(key);
    const isNew = checkpoint === undefined && !this.#history.has(path) && !this.#hasForgotten;
    const file = new TailedFile(group.name, path, handle, checkpoint?.offset ?? 0, nowMs);
    this.#tailed.set(key, file);
    this.hasChanged = true;
    this.#hasMoved = true;
    file.isBusy = true;
    try {
      file.observe(handle.stat(), nowMs);
      if (checkpoint !== undefined) {
        this.#resumable.delete(key);
        this.#done.delete(key);
        file.fingerprint = checkpoint.fingerprint;
        file.isInsideLongLine = checkpoint.isInsideLongLine;
        if (!(await file.hasSameBeginning(this.#head))) {
          // Another file got the inode of the one we knew, or the same one was truncated.
          if (!checkpoint.isDone && checkpoint.offset > 0) this.#options.counters.truncations++;
          file.restart();
        }
      } else if (isNew && this.#firstScanMs === null && group.from === 'end') {
        await this.#skipToEnd(file);
      }
    } catch (error) {
      noteReadError(file, error, this.#options.counters);
    } finally {
      file.isBusy = false;
    }
    return file;
  }

  async #skipToEnd(file: TailedFile): Promise<void> {
    const end = file.sizeBytes;
    if (end === 0) return;
    const last = await file.handle.read(this.#head, 0, 1, end - 1);
    file.offset = end;
    file.scannedOffset = end;
    file.ledger.reset(end);
    // What was begun before us is not told, not even its second half.
    file.isInsideLongLine = last === 1 && this.#head[0] !== 10;
  }

  /** The file is no longer under its path. */
  #retire(file: TailedFile, nowMs: number): void {
    file.state = 'rotated';
    file.changedMs = nowMs;
    this.#hasMoved = true;
    this.#active.delete(file.path);
    this.#history.set(file.path, { key: file.key, seenMs: file.seenMs });
    this.#options.counters.rotations++;
  }

  /** Reads files that were made and renamed while nobody looked. @returns the last in the line */
  async #adoptMissed(
    group: TailGroup,
    path: string,
    sinceMs: number,
    currentKey: string,
    first: TailedFile | null,
    nowMs: number,
  ): Promise<TailedFile | null> {
    const siblings = await this.#options.files.siblings(path);
    const missed = missedRotations(
      path,
      siblings,
      (file) => this.#isKnown(file),
      (file) => keyOf(file) === currentKey,
      sinceMs,
    );
    let last = await this.#adoptArchives(
      group,
      path,
      recentArchives(path, siblings, sinceMs),
      first,
      nowMs,
    );
    for (const sibling of missed) last = await this.#openRotated(group, path, sibling, last, nowMs);
    return last;
  }

  /** Reads files that were compressed before they were read, or before they were read to their end. */
  async #adoptArchives(
    group: TailGroup,
    path: string,
    archives: readonly FoundLogFile[],
    first: TailedFile | null,
    nowMs: number,
  ): Promise<TailedFile | null> {
    let last = first;
    for (const archive of archives) {
      const key = keyOf(archive);
      if (this.#tailed.has(key) || this.#done.has(key)) continue;
      const handle = await this.#open(group, archive.path);
      if (handle === null) continue;
      const isWanted = await this.#recognize(path, handle).catch((error: unknown) => {
        if (!(error instanceof LogFileError)) throw error;
        this.#options.counters.readErrors++;
        return false;
      });
      if (!isWanted) {
        await handle.close();
        continue;
      }
      const file = await this.#adopt(group, path, handle, nowMs);
      file.state = 'rotated';
      file.predecessor = last;
      this.#options.counters.rotations++;
      last = file;
    }
    return last;
  }

  /**
   * Finds the file of which an archive was made, by how it begins.
   * @returns false for one that was or is being read; what was not read to its end is continued
   */
  async #recognize(path: string, handle: LogFileHandle): Promise<boolean> {
    const length = await handle.read(this.#head, 0, FINGERPRINT_BYTES, 0);
    const isSame = ({ lengthBytes, hash }: Fingerprint): boolean =>
      lengthBytes > 0 &&
      lengthBytes <= length &&
      fingerprintOf(this.#head, lengthBytes).hash === hash;
    for (const file of this.#tailed.values()) {
      if (file.path === path && isSame(file.fingerprint)) return false;
    }
    for (const checkpoint of this.#done.values()) {
      if (checkpoint.path === path && isSame(checkpoint.fingerprint)) return false;
    }
    for (const [key, checkpoint] of this.#resumable) {
      if (checkpoint.path !== path || !isSame(checkpoint.fingerprint)) continue;
      this.#resumable.delete(key);
      this.#resumable.set(keyOf(handle.id), { ...checkpoint, ...handle.id });
      break;
    }
    return true;
  }

  async #openRotated(
    group: TailGroup,
    path: string,
    sibling: FoundLogFile,
    predecessor: TailedFile | null,
    nowMs: number,
  ): Promise<TailedFile | null> {
    const handle = await this.#open(group, sibling.path);
    if (handle === null) return predecessor;
    if (this.#tailed.has(keyOf(handle.id))) {
      await handle.close();
      return predecessor;
    }
    const file = await this.#adopt(group, path, handle, nowMs);
    file.state = 'rotated';
    file.predecessor = predecessor;
    this.#options.counters.rotations++;
    return file;
  }

  /** The file an earlier run read under `path`, if it now has a rotated name. */
  async #resumeUnder(group: TailGroup, path: string, nowMs: number): Promise<TailedFile | null> {
    let last: TailedFile | null = null;
    const siblings = (await this.#options.files.siblings(path)).toSorted(
      (a, b) => a.modifiedMs - b.modifiedMs,
    );
    for (const sibling of siblings) {
      const checkpoint = this.#resumable.get(keyOf(sibling));
      if (checkpoint === undefined || checkpoint.path !== path) continue;
      last = await this.#openRotated(group, path, sibling, last, nowMs);
    }
    return last;
  }

  /** Files of an earlier run whose path has gone altogether, or that can't be found any more. */
  async #resumeRenamed(nowMs: number): Promise<void> {
    for (const checkpoint of this.#resumable.values()) {
      const group = this.#groups.get(checkpoint.group)!;
      await this.#resumeUnder(group, checkpoint.path, nowMs);
    }
    if (nowMs < this.#firstScanMs! + RESUME_WITHIN_MS) return;
    // Neither under their path nor beside it: what was not read of them is lost.
    this.#options.counters.lostFiles += this.#resumable.size;
    this.#resumable.clear();
    this.hasChanged = true;
  }

  #isKnown(found: FoundLogFile): boolean {
    const key = keyOf(found);
    if (this.#tailed.has(key)) return true;
    const done = this.#done.get(key);
    // One of another size has grown late, or is another file that got the inode.
    return done !== undefined && found.sizeBytes === done.offset;
  }

  async #open(group: TailGroup, path: string): Promise<LogFileHandle | null> {
    try {
      return await this.#options.files.open(group.name, path);
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error;
      // A file that has gone since it was found will be found under its other name, or is gone.
      if (error.code === 'missing') return null;
      this.#options.counters.openErrors++;
      this.openFailures.set(path, { group: group.name, path, message: error.message });
      return null;
    }
  }

  /** Finished files are remembered only as long as they could be met again, and paths within bounds. */
  #forget(): void {
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

/** A file can't be read for now; the error is shown with it. */
export function noteReadError(file: TailedFile, error: unknown, counters: TailCounters): void {
  if (!(error instanceof LogFileError)) throw error;
  file.lastError = error.message;
  counters.readErrors++;
}
