import {
  type Checkpoint,
  type CheckpointStore,
  type FileId,
  type FoundLogFile,
  LogFileError,
  type LogFileHandle,
  type LogFiles,
  type LogFileStat,
} from './log-files.ts';

class MemoryFile {
  readonly inode: string;
  bytes = Buffer.alloc(0);
  modifiedMs = 0;
  links = 1;
  constructor(inode: string) {
    this.inode = inode;
  }
}

/**
 * A file system in memory with the operations of log rotation, for tests and the simulator. Everything below one folder
 * belongs to every group, except for rotated and compressed names.
 */
export class MemoryLogFiles implements LogFiles {
  /** Whether it claims to; whoever sets it tells the reader. */
  tellsOfChanges = false;
  nowMs = 0;
  /** Whether the inode of a file that is deleted goes to the next that is made, as on ext4. */
  reusesInodes = true;
  /** Which names a group finds; by default those ending in `.log`. */
  matches: (group: string, path: string) => boolean = (_, path) => path.endsWith('.log');
  /** Thrown by the next reads of a path, for as long as it is set. */
  readonly readErrors = new Map<string, LogFileError>();
  openHandles = 0;
  readonly #names = new Map<string, MemoryFile>();
  readonly #freeInodes: string[] = [];
  #nextInode = 1;

  append(path: string, text: string | Buffer): void {
    let file = this.#names.get(path);
    if (file === undefined) {
      file = new MemoryFile(this.#freeInodes.pop() ?? String(this.#nextInode++));
      this.#names.set(path, file);
    }
    file.bytes = Buffer.concat([file.bytes, Buffer.from(text)]);
    file.modifiedMs = this.nowMs;
  }

  rename(from: string, to: string): void {
    const file = this.#names.get(from);
    if (file === undefined) throw new LogFileError('missing', from);
    this.delete(to);
    this.#names.delete(from);
    this.#names.set(to, file);
  }

  /** As the kubelet does with files that were rotated before: another file with the same lines takes the place of one. */
  compress(path: string): void {
    const bytes = this.#names.get(path)?.bytes;
    if (bytes === undefined) throw new LogFileError('missing', path);
    this.append(`${path}.gz`, bytes);
    this.delete(path);
  }

  truncate(path: string): void {
    const file = this.#names.get(path);
    if (file === undefined) throw new LogFileError('missing', path);
    file.bytes = Buffer.alloc(0);
    file.modifiedMs = this.nowMs;
  }

  delete(path: string): void {
    const file = this.#names.get(path);
    if (file === undefined) return;
    this.#names.delete(path);
    file.links--;
    if (this.openHandles === 0 && this.reusesInodes) this.#freeInodes.push(file.inode);
  }

  find(group: string): Promise<readonly FoundLogFile[]> {
    const paths = [...this.#names.keys()].filter((path) => this.matches(group, path));
    return Promise.resolve(paths.map((path) => this.#found(path)));
  }

  ignoredFiles(): number {
    return 0;
  }

  siblings(path: string): Promise<readonly FoundLogFile[]> {
    const paths = [...this.#names.keys()].filter(
      (other) => other.startsWith(path) && other !== path,
    );
    return Promise.resolve(paths.map((other) => this.#found(other)));
  }

  isWatched(): boolean {
    return this.tellsOfChanges;
  }

  open(_group: string, path: string): Promise<LogFileHandle> {
    const file = this.#names.get(path);
    if (file === undefined) return Promise.reject(new LogFileError('missing', path));
    this.openHandles++;
    return Promise.resolve(new MemoryHandle(file, path, this));
  }

  #found(path: string): FoundLogFile {
    const file = this.#names.get(path)!;
    return {
      path,
      device: '1',
      inode: file.inode,
      sizeBytes: file.bytes.length,
      modifiedMs: file.modifiedMs,
    };
  }
}

class MemoryHandle implements LogFileHandle {
  readonly id: FileId;
  readonly isArchive: boolean;
  readonly #file: MemoryFile;
  readonly #path: string;
  readonly #files: MemoryLogFiles;

  constructor(file: MemoryFile, path: string, files: MemoryLogFiles) {
    this.id = { device: '1', inode: file.inode };
    this.isArchive = path.endsWith('.gz');
    this.#file = file;
    this.#path = path;
    this.#files = files;
  }

  contentBytes(): number {
    return this.#file.bytes.length;
  }

  stat(): LogFileStat {
    const { bytes, modifiedMs, links } = this.#file;
    return { sizeBytes: bytes.length, modifiedMs, isLinked: links > 0 };
  }

  // Rejects instead of throwing.
  // oxlint-disable-next-line require-await
  async read(buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    return this.readNow(buffer, offset, length, position);
  }

  readNow(buffer: Buffer, offset: number, length: number, position: number): number {
    const error = this.#files.readErrors.get(this.#path);
    if (error !== undefined) throw error;
    return this.#file.bytes.copy(buffer, offset, position, position + length);
  }

  close(): Promise<void> {
    this.#files.openHandles--;
    return Promise.resolve();
  }
}

/** Checkpoints that survive as long as the object does. */
export class MemoryCheckpointStore implements CheckpointStore {
  saved: readonly Checkpoint[] = [];

  load(): Promise<readonly Checkpoint[]> {
    return Promise.resolve(this.saved);
  }

  save(checkpoints: readonly Checkpoint[]): Promise<void> {
    // As a file would, it keeps a copy.
    this.saved = structuredClone(checkpoints);
    return Promise.resolve();
  }
}
