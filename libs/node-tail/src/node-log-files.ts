import { constants, fstatSync, type FSWatcher, readSync, statSync, watch } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, matchesGlob, sep } from 'node:path';
import {
  type FileId,
  type FoundLogFile,
  LogFileError,
  type LogFileFailure,
  type LogFileHandle,
  type LogFiles,
  type LogFileStat,
} from '#libs/log-tail';
import { GzipLogFileHandle } from './gzip-log-file.ts';
import { type FolderEntry, PatternWalk } from './pattern-walk.ts';

/** Which files belong to a group. */
export interface FileGroup {
  readonly name: string;
  /** Absolute glob patterns: `*`, `**`, `?`, `[…]`, `{a,b}`. */
  readonly include: readonly string[];
  /** Absolute patterns whose matches are left out. */
  readonly exclude: readonly string[];
  /**
   * Folders outside of the patterns' own that symbolic links may lead to. A link to anywhere else is refused, so that
   * whoever may write into a log folder can't have any file of the machine read.
   */
  readonly linkTargets?: readonly string[];
}

/** Most files of one group that are looked at. */
const MAX_FOUND = 250_000;
/** Most names beyond it that are counted. */
const MAX_IGNORED = 250_000;
/** Most folders that are watched; beyond it, polling has to do. */
const MAX_WATCHED_FOLDERS = 2_000;
/** What is known of a file whose folder has not changed is looked at again after so long. */
const REFRESH_MS = 10_000;
/** Stands among the groups for the folders above those with log files. */
const ABOVE = '';
/** Several tailers that look at the same moment are told the same. */
const SHARED_MS = 30;

/** A folder of which we are told what happens there. */
interface FolderWatch {
  readonly watcher: FSWatcher;
  /** When names last came or went, as `performance.now` tells. */
  namesMs: number;
}

/** What was found of a group, and when. */
interface Found {
  readonly files: readonly FoundLogFile[];
  /** Names that matched beyond as many as are looked at. */
  readonly ignored: number;
  readonly atMs: number;
}

/** Told when names in a folder came or went, or a file in it was written to. */
export type FileChangeListener = (kind: 'names' | 'content', folder: string) => void;

/** The files of this machine. */
export class NodeLogFiles implements LogFiles {
  readonly #groups: ReadonlyMap<string, FileGroup>;
  readonly #watchers = new Map<string, FolderWatch>();
  readonly #foldersOf = new Map<string, ReadonlySet<string>>();
  readonly #onChange: FileChangeListener | null;
  readonly #maxFound: number;
  readonly #walk = new PatternWalk((folder, sinceMs) => this.#isQuiet(folder, sinceMs));
  readonly #found = new Map<string, Found>();
  /** What is known of regular files; an entry lives until something happens in its folder. */
  #known = new WeakMap<FolderEntry, FoundLogFile>();
  #freshMs = Number.NEGATIVE_INFINITY;
  readonly #changedFolders = new Set<string>();
  #isClosed = false;

  /**
   * @param onChange called when a folder with log files says that something happened there; a hint, which may be
   *   missing (network file systems, too many watches), so look at intervals as well
   * @param maxFound most files of one group that are looked at; further ones are counted
   */
  constructor(
    groups: readonly FileGroup[],
    onChange: FileChangeListener | null = null,
    maxFound: number = MAX_FOUND,
  ) {
    this.#maxFound = maxFound;
    this.#groups = new Map(groups.map((group) => [group.name, group]));
    this.#onChange = onChange;
  }

  async find(group: string): Promise<readonly FoundLogFile[]> {
    const { include, exclude } = this.#group(group);
    const last = this.#found.get(group);
    const nowMs = performance.now();
    if (last !== undefined && nowMs - last.atMs < SHARED_MS) return last.files;
    if (nowMs - this.#freshMs >= REFRESH_MS) {
      this.#known = new WeakMap();
      this.#freshMs = nowMs;
    }
    if (group === this.#groups.keys().next().value) this.#walk.beginRound();
    const found = new Map<string, FoundLogFile>();
    const folders = new Set<string>();
    const ignored = new Set<string>();
    for (const pattern of include) {
      await this.#walk.walk(pattern, (entry) => {
        if (exclude.some((excluded) => matchesGlob(entry.path, excluded))) return true;
        if (found.size >= this.#maxFound && !found.has(entry.path)) {
          if (entry.kind !== 'other') ignored.add(entry.path);
          return ignored.size < MAX_IGNORED;
        }
        const file = this.#look(entry);
        if (file === null) return true;
        found.set(entry.path, file);
        folders.add(dirname(entry.path));
        return true;
      });
    }
    this.#watchFolders(group, folders);
    if (group === [...this.#groups.keys()].at(-1)) {
      this.#changedFolders.clear();
      // Names of pods and containers come and go in them, and nobody writes to a file there.
      this.#watchFolders(ABOVE, new Set(this.#walk.foldersOfFolders()));
    }
    const all = [...found.values()];
    const isSame =
      last?.files.length === all.length && last.files.every((file, i) => file === all[i]);
    const files = isSame ? last.files : all;
    this.#found.set(group, { files, ignored: ignored.size, atMs: performance.now() });
    return files;
  }

  ignoredFiles(group: string): number {
    return this.#found.get(group)?.ignored ?? 0;
  }

  /** The names in a folder with log files are as they were, and whatever happens there is told at once. */
  isWatched(folder: string): boolean {
    return this.#watchers.has(folder);
  }

  /** Whether no name came or went in a folder since a time; from time to time it is asked all the same. */
  #isQuiet(folder: string, sinceMs: number): boolean {
    const watched = this.#watchers.get(folder);
    if (watched === undefined || performance.now() - sinceMs >= REFRESH_MS) return false;
    return watched.namesMs < sinceMs;
  }

  #look(entry: FolderEntry): FoundLogFile | null {
    if (entry.kind === 'other' || entry.kind === 'folder') return null;
    const isKnown = entry.kind === 'file' && !this.#changedFolders.has(dirname(entry.path));
    const known = isKnown ? this.#known.get(entry) : undefined;
    if (known !== undefined) return known;
    const file = statOrNull(entry.path);
    if (file !== null) this.#known.set(entry, file);
    return file;
  }

  async siblings(path: string): Promise<readonly FoundLogFile[]> {
    const folder = dirname(path);
    const name = basename(path);
    let names: string[];
    try {
      names = await readdir(folder);
    } catch {
      // The folder has gone together with its files.
      return [];
    }
    return names
      .filter((other) => other.startsWith(name) && other !== name)
      .map((other) => statOrNull(join(folder, other)))
      .filter((file) => file !== null);
  }

  async open(group: string, path: string): Promise<LogFileHandle> {
    try {
      await this.#assertInside(this.#group(group), path);
      // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) {
        await handle.close();
        throw new LogFileError('not_a_file', path);
      }
      const id = { device: String(stat.dev), inode: String(stat.ino) };
      return path.endsWith('.gz')
        ? new GzipLogFileHandle(path, handle, id)
        : new NodeLogFileHandle(path, handle, id);
    } catch (error) {
      throw toLogFileError(error, path);
    }
  }

  /** Ends all watching. */
  close(): void {
    this.#isClosed = true;
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #group(name: string): FileGroup {
    const group = this.#groups.get(name);
    if (group === undefined) throw new RangeError(`no group of files is named ${name}`);
    return group;
  }

  async #assertInside(group: FileGroup, path: string): Promise<void> {
    const real = await realpath(path);
    const roots = [...group.include.map(fixedFolder), ...(group.linkTargets ?? [])];
    for (const root of roots) {
      const realRoot = await realpath(root).catch(() => null);
      if (realRoot === null) continue;
      if (realRoot === sep || real.startsWith(`${realRoot}${sep}`)) return;
    }
    throw new LogFileError('outside_root', path);
  }

  #watchFolders(group: string, folders: ReadonlySet<string>): void {
    if (this.#onChange === null || this.#isClosed) return;
    this.#foldersOf.set(group, folders);
    const wanted = [...this.#foldersOf.values()];
    for (const [folder, { watcher }] of this.#watchers) {
      if (wanted.some((set) => set.has(folder))) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder) || this.#watchers.size >= MAX_WATCHED_FOLDERS) continue;
      if (!this.#watch(folder)) return;
    }
  }

  /** The next look watches what is there by then. */
  #unwatchBelow(path: string): void {
    for (const [folder, { watcher }] of this.#watchers) {
      if (folder !== path && !folder.startsWith(`${path}${sep}`)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
  }

  /** @returns false where there are no watches left on this machine, or the folder has gone: polling sees to it */
  #watch(folder: string): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        this.#changedFolders.add(folder);
        if (event === 'rename') watched.namesMs = performance.now();
        // What was moved or removed is still watched, and what has its path now is not.
        if (event === 'rename' && name === basename(folder)) this.#unwatchBelow(folder);
        else if (event === 'rename' && name !== null && this.#foldersOf.get(ABOVE)?.has(folder)) {
          this.#unwatchBelow(join(folder, name));
        }
        this.#onChange?.(event === 'rename' ? 'names' : 'content', folder);
      });
      // What happened before is not told.
      const watched: FolderWatch = { watcher, namesMs: performance.now() };
      const forget = (): void => {
        watcher.close();
        if (this.#watchers.get(folder) === watched) this.#watchers.delete(folder);
      };
      watcher.on('error', forget);
      this.#watchers.set(folder, watched);
      return true;
    } catch {
      return false;
    }
  }
}

/** The part of a pattern before its first special character, as a folder. */
function fixedFolder(pattern: string): string {
  const special = pattern.search(/[*?[{]/);
  return special < 0 ? dirname(pattern) : dirname(`${pattern.slice(0, special)}x`);
}

/** Whether a pattern can be used: absolute, and with a folder that is not the whole machine. */
export function isAcceptedPattern(pattern: string): boolean {
  return isAbsolute(pattern) && !pattern.includes('\0') && fixedFolder(pattern) !== sep;
}

class NodeLogFileHandle implements LogFileHandle {
  readonly id: FileId;
  readonly isArchive = false;
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle, id: FileId) {
    this.#path = path;
    this.#handle = handle;
    this.id = id;
  }

  contentBytes(): number {
    return this.stat().sizeBytes;
  }

  stat(): LogFileStat {
    try {
      const { size, mtimeMs, nlink } = fstatSync(this.#handle.fd);
      return { sizeBytes: size, modifiedMs: mtimeMs, isLinked: nlink > 0 };
    } catch (error) {
      throw toLogFileError(error, this.#path);
    }
  }

  async read(buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(buffer, offset, length, position);
      return bytesRead;
    } catch (error) {
      throw toLogFileError(error, this.#path);
    }
  }

  readNow(buffer: Buffer, offset: number, length: number, position: number): number {
    try {
      return readSync(this.#handle.fd, buffer, offset, length, position);
    } catch (error) {
      throw toLogFileError(error, this.#path);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** A stat costs three microseconds on the spot and thirty through the thread pool, for each of hundreds of files. */
function statOrNull(path: string): FoundLogFile | null {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return null;
    return {
      path,
      device: String(stat.dev),
      inode: String(stat.ino),
      sizeBytes: Number(stat.size),
      modifiedMs: Number(stat.mtimeNs) / 1e6,
    };
  } catch {
    return null;
  }
}

const FAILURES: Readonly<Record<string, LogFileFailure>> = {
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EACCES: 'denied',
  EPERM: 'denied',
  EMFILE: 'too_many_open',
  ENFILE: 'too_many_open',
  ENXIO: 'not_a_file',
  EISDIR: 'not_a_file',
};

function toLogFileError(error: unknown, path: string): LogFileError {
  if (error instanceof LogFileError) return error;
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return new LogFileError(FAILURES[code] ?? 'unreadable', path, { cause: error });
}
