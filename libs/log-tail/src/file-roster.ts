import type { ByteFlow } from './byte-flow.ts';
import { type DescriptorBudget, openCount } from './descriptor-budget.ts';
import { FileMemory } from './file-memory.ts';
import { type ArchiveUse, FileIdentity } from './file-identity.ts';
import { FINGERPRINT_BYTES } from './fingerprint.ts';
import {
  type Checkpoint,
  type FoundLogFile,
  LogFileError,
  type LogFileHandle,
  type LogFiles,
} from './log-files.ts';
import { missedRotations, originalOf, recentArchives } from './rotation.ts';
import { noteReadError, type TailCounters } from './tail-counters.ts';
import type { TailGroup } from './tail-group.ts';
import { folderOf, keyOf, TailedFile } from './tailed-file.ts';

/** How long after the start files of an earlier run are looked for. */
const RESUME_WITHIN_MS = 60_000;
export interface FileRosterOptions {
  readonly files: LogFiles;
  readonly groups: readonly TailGroup[];
  readonly maxFiles: number;
  readonly budget: DescriptorBudget;
  readonly counters: TailCounters;
  readonly flowOf: (group: string, path: string) => ByteFlow;
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
  readonly #memory = new FileMemory();
  readonly #head = Buffer.alloc(FINGERPRINT_BYTES);
  readonly #identity: FileIdentity;
  /** Folders with files that are not open because there is nothing in them. */
  readonly #unopened = new Set<string>();
  /** What the last look found, and how many files were open after it; null unless it changed nothing. */
  #lastLook: {
    readonly found: readonly (readonly FoundLogFile[])[];
    readonly open: number;
  } | null = null;
  #firstScanMs: number | null = null;
  #lastScanMs = 0;

  constructor(options: FileRosterOptions) {
    this.#options = options;
    this.#groups = new Map(options.groups.map((group) => [group.name, group]));
    this.#identity = new FileIdentity({
      memory: this.#memory,
      tailed: this.#tailed,
      counters: options.counters,
      open: (group, path) => this.#open(group, path),
    });
  }

  /** Recalls how far an earlier run came; null when that is not known, and all is read once more. */
  recall(checkpoints: readonly Checkpoint[] | null): void {
    this.#memory.recall(checkpoints, this.#groups);
  }

  /** Whether files in a folder were left closed because there was nothing in them to read. */
  hasUnopened(folder: string): boolean {
    return this.#unopened.has(folder);
  }

  /** The open files, those that were opened first in front. */
  get files(): IterableIterator<TailedFile> {
    return this.#tailed.values();
  }

  /** How many files are open. */
  get openCount(): number {
    return openCount(this.#tailed);
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
    const checkpoints = this.#memory.checkpoints();
    for (const file of this.#tailed.values()) checkpoints.push(file.toCheckpoint(false));
    return checkpoints;
  }

  /** A rotated or deleted file has been read and is closed. */
  async finish(file: TailedFile): Promise<void> {
    this.#tailed.delete(file.key);
    this.hasChanged = true;
    file.count();
    this.#memory.finish(file);
    await file.close();
  }

  async closeAll(): Promise<void> {
    for (const file of this.#tailed.values()) await file.close();
    this.#tailed.clear();
    this.#active.clear();
  }

  /** Looks at the patterns. Rejects when they can't be looked at. */
  async scan(nowMs: number): Promise<void> {
    await this.#options.budget.closeQuiet(this.#tailed, nowMs);
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
    const { files, counters } = this.#options;
    counters.skippedFiles = 0;
    for (const name of this.#groups.keys()) counters.skippedFiles += files.ignoredFiles(name);
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
    for (const [path, file] of this.#active)
      if (!present.has(path)) await this.#retire(file, nowMs);
    this.#firstScanMs ??= nowMs;
    this.#lastScanMs = nowMs;
    if (this.#memory.resumable.size > 0) await this.#resumeRenamed(nowMs);
    this.#memory.forget();
    const isSteady =
      !this.#hasMoved && this.#memory.resumable.size === 0 && this.openFailures.size === 0;
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
      if (!active.isOpen && active.hasChangedSinceClosed(found)) {
        await this.#openAgain(group, active, nowMs);
      }
      active.seenMs = nowMs;
      return;
    }
    // A pattern such as `*.log*` matches a file again under its rotated name.
    if (this.#tailed.has(keyOf(found)) || (await this.#identity.isRead(group, found))) return;
    // Where there are very many, those in which there is nothing are left for those in which there is.
    const isCrowded =
      this.#tailed.size >= this.#options.maxFiles / 2 ||
      this.#options.budget.isScarce(this.#tailed);
    if (isCrowded && found.sizeBytes === 0 && active === undefined) {
      this.#unopened.add(folderOf(found.path));
      return;
    }
    if (this.#tailed.size >= this.#options.maxFiles || !(await this.#hasRoom())) {
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
    const original = handle.isArchive ? originalOf(found.path) : null;
    if (original !== null) {
      const use = await this.#identity.recognize(original, handle);
      if (use === 'known') this.#memory.seenAs(found);
      if (isLeft(use)) await handle.close();
      if (use !== 'new') return;
    }
    if (active !== undefined) await this.#retire(active, nowMs);
    const history = this.#memory.lastUnder(found.path);
    const hasOldInode = await this.#identity.hasOldInode(handle);
    let last = this.#lastUnder(found.path);
    if (history === undefined || history.key !== key || hasOldInode) {
      // Whatever came before the file just opened has been renamed by now, so this look misses none.
      last = (await this.#resumeUnder(group, found.path, nowMs)) ?? last;
      const sinceMs = history?.seenMs ?? (this.#firstScanMs === null ? null : this.#lastScanMs);
      if (sinceMs !== null) {
        last = await this.#adoptMissed(group, found.path, sinceMs, key, last, nowMs);
      }
    }
    if (hasOldInode) this.#forgetOverwritten(key);
    const file = await this.#adopt(group, found.path, handle, nowMs);
    file.predecessor = last;
    this.#active.set(found.path, file);
  }

  /** Whether one more may be open; if not, the next look tries again. */
  async #hasRoom(): Promise<boolean> {
    const hasRoom = await this.#options.budget.makeRoom(this.#tailed);
    if (!hasRoom) this.#hasMoved = true;
    return hasRoom;
  }

  /** A file that was closed has been written to. */
  async #openAgain(group: TailGroup, file: TailedFile, nowMs: number): Promise<void> {
    if (!(await this.#hasRoom())) {
      this.#options.counters.skippedFiles++;
      return;
    }
    const handle = await this.#open(group, file.path);
    if (handle === null) return;
    // Its name has just gone to another; the next look finds it.
    if (keyOf(handle.id) === file.key) await this.#attach(file, handle, nowMs);
    else await handle.close();
  }

  async #attach(file: TailedFile, handle: LogFileHandle, nowMs: number): Promise<void> {
    file.attach(handle);
    file.changedMs = nowMs;
    file.isBusy = true;
    try {
      const isKnown = file.fingerprint.lengthBytes > 0;
      if (!isKnown || !(await file.hasSameBeginning(this.#head))) {
        await this.#startAnew(file, nowMs);
      }
    } catch (error) {
      noteReadError(file, error, this.#options.counters);
    } finally {
      file.isBusy = false;
    }
  }

  /** A file was truncated while it was closed, or deleted or compressed and its inode given to another. */
  async #startAnew(file: TailedFile, nowMs: number): Promise<void> {
    const { path, key, seenMs } = file;
    this.hasChanged = true;
    this.#memory.displace(key, file.toCheckpoint(false));
    this.#options.counters.lostBytes += file.restart();
    const group = this.group(file);
    file.predecessor = await this.#adoptMissed(group, path, seenMs, key, null, nowMs);
    if (this.#memory.forgetDisplaced(key) !== undefined) this.#options.counters.truncations++;
  }

  /** What an earlier run was reading is neither under another name nor in an archive. */
  #forgetOverwritten(key: string): void {
    const old = this.#memory.forgetDisplaced(key);
    if (old === undefined || old.isDone) return;
    const { counters, flowOf } = this.#options;
    const lost = Math.max(0, (old.seenBytes ?? old.offset) - old.offset);
    counters.truncations++;
    counters.lostBytes += lost;
    flowOf(old.group, old.path).lostBytes += lost;
  }

  /** The newest of the files that were under a path and are still being read. */
  #lastUnder(path: string): TailedFile | null {
    const files = [...this.#tailed.values()].filter((file) => file.path === path);
    const followed = new Set(files.map(({ predecessor }) => predecessor));
    return files.findLast((file) => !followed.has(file)) ?? null;
  }

  /** Starts to read an open file, where an earlier run stopped if it is known from there. */
  async #adopt(
    group: TailGroup,
    path: string,
    handle: LogFileHandle,
    nowMs: number,
  ): Promise<TailedFile> {
    const key = keyOf(handle.id);
    const memory = this.#memory;
    const checkpoint = memory.take(key);
    const isNew =
      checkpoint === undefined && memory.lastUnder(path) === undefined && !memory.hasForgotten;
    const begin = { offset: checkpoint?.offset ?? 0, seenBytes: checkpoint?.seenBytes ?? 0 };
    const flow = this.#options.flowOf(group.name, path);
    const file = new TailedFile(group.name, path, handle, begin, flow, nowMs);
    this.#tailed.set(key, file);
    this.hasChanged = true;
    this.#hasMoved = true;
    file.isBusy = true;
    try {
      file.observe(handle.stat(), nowMs);
      if (checkpoint !== undefined) {
        file.fingerprint = checkpoint.fingerprint;
        file.isInsideLongLine = checkpoint.isInsideLongLine;
        if (!(await file.hasSameBeginning(this.#head))) {
          // Another file got the inode of the one we knew, or the same one was truncated.
          if (!checkpoint.isDone && checkpoint.offset > 0) this.#options.counters.truncations++;
          this.#options.counters.lostBytes += file.restart();
        }
      } else if (isNew && this.#firstScanMs === null && group.from === 'end') {
        await this.#skipToEnd(file);
      }
      // Nothing else tells it from others.
      if (handle.isArchive) await file.hasSameBeginning(this.#head);
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
    file.skipTo(end);
    // What was begun before us is not told, not even its second half.
    file.isInsideLongLine = last === 1 && this.#head[0] !== 10;
  }

  /** The file is no longer under its path. */
  async #retire(file: TailedFile, nowMs: number): Promise<void> {
    // Its writer may not know yet, or have written more before it was renamed.
    if (!file.isOpen) await this.#openRenamed(file, nowMs);
    file.state = 'rotated';
    file.changedMs = nowMs;
    this.#hasMoved = true;
    this.#active.delete(file.path);
    this.#memory.left(file);
    this.#options.counters.rotations++;
  }

  /** Finds a closed file that was renamed. One that is nowhere stays closed: it was read as far as it was known. */
  async #openRenamed(file: TailedFile, nowMs: number): Promise<void> {
    const siblings = await this.#options.files.siblings(file.path);
    const sibling = siblings.find((candidate) => keyOf(candidate) === file.key);
    if (sibling === undefined) {
      await this.#openArchived(file, siblings);
      return;
    }
    const handle = await this.#open(this.group(file), sibling.path);
    if (handle === null) return;
    if (keyOf(handle.id) === file.key) await this.#attach(file, handle, nowMs);
    else await handle.close();
  }

  /** Finds a closed file that was renamed and compressed. */
  async #openArchived(file: TailedFile, siblings: readonly FoundLogFile[]): Promise<void> {
    for (const archive of recentArchives(file.path, siblings, file.seenMs)) {
      const handle = await this.#open(this.group(file), archive.path);
      if (handle === null) continue;
      const use = await this.#identity.useFor(file, handle);
      if (use === 'new') {
        await this.#identity.attachArchive(file, handle);
        return;
      }
      if (isLeft(use)) await handle.close();
    }
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
      (file) => this.#tailed.has(keyOf(file)),
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
    for (const sibling of missed) {
      if (await this.#identity.isRead(group, sibling)) continue;
      last = await this.#openRotated(group, path, sibling, last, nowMs);
    }
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
      // That it has the inode of one that was read tells nothing: inodes are given out again.
      if (this.#tailed.has(keyOf(archive))) continue;
      const handle = await this.#open(group, archive.path);
      if (handle === null) continue;
      const use = await this.#identity.recognize(path, handle);
      if (isLeft(use)) await handle.close();
      if (use !== 'new') continue;
      const file = await this.#adopt(group, path, handle, nowMs);
      file.state = 'rotated';
      file.predecessor = last;
      this.#options.counters.rotations++;
      last = file;
    }
    return last;
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
    // What was copied before it was truncated has been read as far as the original was.
    const use = this.#memory.hasDisplaced ? await this.#identity.recognize(path, handle) : 'new';
    if (use === 'attached') return predecessor;
    if (isLeft(use) || this.#tailed.has(keyOf(handle.id))) {
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
    const siblings = await this.#options.files.siblings(path);
    const { resumable } = this.#memory;
    for (const sibling of siblings.toSorted((a, b) => a.modifiedMs - b.modifiedMs)) {
      const known = resumable.get(keyOf(sibling));
      if (known?.path !== path || !(await this.#identity.isStill(known, group, sibling))) continue;
      last = await this.#openRotated(group, path, sibling, last, nowMs);
    }
    for (const { path: under, seenMs } of resumable.values()) {
      if (under !== path) continue;
      // It has another inode since it was compressed.
      const archives = recentArchives(path, siblings, seenMs);
      return this.#adoptArchives(group, path, archives, last, nowMs);
    }
    return last;
  }

  /** Files of an earlier run whose path has gone altogether, or that can't be found any more. */
  async #resumeRenamed(nowMs: number): Promise<void> {
    for (const checkpoint of this.#memory.resumable.values()) {
      const group = this.#groups.get(checkpoint.group)!;
      await this.#resumeUnder(group, checkpoint.path, nowMs);
    }
    if (nowMs < this.#firstScanMs! + RESUME_WITHIN_MS) return;
    // Neither under their path nor beside it: what was not read of them is lost.
    const { counters, flowOf } = this.#options;
    for (const { group, path, offset, seenBytes = offset } of this.#memory.resumable.values()) {
      const lost = Math.max(0, seenBytes - offset);
      counters.lostFiles++;
      counters.lostBytes += lost;
      flowOf(group, path).lostBytes += lost;
    }
    this.#memory.giveUp();
    this.hasChanged = true;
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
}

/** Whether an archive is not read, by this look at least. */
function isLeft(use: ArchiveUse): boolean {
  return use === 'known' || use === 'unreadable';
}
