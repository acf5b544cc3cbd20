/** Why a log file could not be opened or read; the set is closed because it becomes a metric label. */
export type LogFileFailure =
  'missing' | 'denied' | 'not_a_file' | 'outside_root' | 'too_many_open' | 'unreadable';

/** A log file could not be opened or read. */
export class LogFileError extends Error {
  override readonly name = 'LogFileError';
  readonly code: LogFileFailure;
  readonly path: string;
  constructor(code: LogFileFailure, path: string, options?: ErrorOptions) {
    super(`${path}: ${code}`, options);
    this.code = code;
    this.path = path;
  }
}

/** A file as the file system knows it whatever its name is. Inodes are texts, since they can exceed 2^53. */
export interface FileId {
  readonly device: string;
  readonly inode: string;
}

/** A file that was found under a path. */
export interface FoundLogFile extends FileId {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** What changes about an open file. */
export interface LogFileStat {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Whether the file still has a name. */
  readonly isLinked: boolean;
}

/** An open log file; it stays the same file when its name goes to another. */
export interface LogFileHandle {
  readonly id: FileId;
  /** It can be read from the front only, and not on the spot; how large it is shows at its end. */
  readonly isArchive: boolean;
  /** How many bytes it holds, modulo 2^32 for an archive; null where that is not told. */
  contentBytes(): number | null;
  /** Answered from memory by the kernel for an open file, hence synchronous. @throws LogFileError */
  stat(): LogFileStat;
  /** Reads up to `length` bytes at `position` of the file into `buffer` at `offset`; 0 at the end. Rejects with LogFileError. */
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<number>;
  /**
   * Like {@link read}, on the spot: for a few bytes that the kernel has in memory, which is quicker than asking another
   * thread for them. @throws LogFileError
   */
  readNow(buffer: Buffer, offset: number, length: number, position: number): number;
  close(): Promise<void>;
}

/** The file system as the tailer sees it. */
export interface LogFiles {
  /** The regular files that belong to a group now, each once, in any order; the same array while nothing has changed. */
  find(group: string): Promise<readonly FoundLogFile[]>;
  /** How many more there were at the last look than are told at most. */
  ignoredFiles(group: string): number;
  /** Files beside `path` whose name begins with the name of `path`, which itself is not among them. */
  siblings(path: string): Promise<readonly FoundLogFile[]>;
  /** Whether {@link LogTailer.noteChange} will be called for whatever happens in the folder; if not, its files are looked at often. */
  isWatched(folder: string): boolean;
  /** Opens for reading; what is compressed (`.gz`) is read as it was before. Rejects with LogFileError. */
  open(group: string, path: string): Promise<LogFileHandle>;
}

/** The first bytes of a file, to tell it from another that got the same inode later. */
export interface Fingerprint {
  readonly lengthBytes: number;
  readonly hash: string;
}

/** How far a file has been delivered. */
export interface Checkpoint extends FileId {
  readonly group: string;
  /** The path under which it was tailed, also after it was renamed. */
  readonly path: string;
  readonly fingerprint: Fingerprint;
  /** Everything before it has been acknowledged. */
  readonly offset: number;
  /** The offset lies inside a line whose beginning was delivered cut off. */
  readonly isInsideLongLine: boolean;
  /** The file was read to its end and is not read again. */
  readonly isDone: boolean;
  /** When the file was last seen under its path. */
  readonly seenMs: number;
  /** How much of it was seen, be it read or not; absent where an earlier version wrote it. */
  readonly seenBytes?: number | undefined;
}

/** Where checkpoints survive a restart. */
export interface CheckpointStore {
  /** Null when there were some and they are not understood: then nothing is known of any file, new or old. */
  load(): Promise<readonly Checkpoint[] | null>;
  /** Replaces all; resolved when they would survive a power cut. */
  save(checkpoints: readonly Checkpoint[]): Promise<void>;
}
