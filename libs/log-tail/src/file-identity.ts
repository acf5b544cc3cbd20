import type { FileMemory } from './file-memory.ts';
import { FINGERPRINT_BYTES, fingerprintOf } from './fingerprint.ts';
import {
  type Checkpoint,
  type Fingerprint,
  type FoundLogFile,
  LogFileError,
  type LogFileHandle,
} from './log-files.ts';
import { noteReadError, type TailCounters } from './tail-counters.ts';
import type { TailGroup } from './tail-group.ts';
import { keyOf, type TailedFile } from './tailed-file.ts';

/**
 * What there is to do with an archive: nothing, since what it was made of was or is being read; nothing any more, since a
 * file that had been closed is now read from it; to read it; or, where it cannot be read now, to look at it again.
 */
export type ArchiveUse = 'known' | 'attached' | 'new' | 'unreadable';

export interface FileIdentityOptions {
  readonly memory: FileMemory;
  /** By device and inode. */
  readonly tailed: ReadonlyMap<string, TailedFile>;
  readonly counters: TailCounters;
  /** Null where it cannot be opened, which has been told then. */
  readonly open: (group: TailGroup, path: string) => Promise<LogFileHandle | null>;
}

/** Tells which file a file is by how it begins, since its inode may have been another's and its archive has one of its own. */
export class FileIdentity {
  readonly #memory: FileMemory;
  readonly #tailed: ReadonlyMap<string, TailedFile>;
  readonly #counters: TailCounters;
  readonly #open: FileIdentityOptions['open'];
  readonly #head = Buffer.alloc(FINGERPRINT_BYTES);

  constructor({ memory, tailed, counters, open }: FileIdentityOptions) {
    this.#memory = memory;
    this.#tailed = tailed;
    this.#counters = counters;
    this.#open = open;
  }

  /**
   * Finds the file of which an archive was made, by how it begins. What was not read to its end is continued.
   * @returns whether it is a file that was or is being read, one that had been closed and is now read from the archive,
   *   one that is new to us, or one of which nobody can tell at present
   */
  async recognize(path: string, handle: LogFileHandle): Promise<ArchiveUse> {
    for (const file of this.#tailed.values()) if (file.path === path) this.#renewFingerprint(file);
    const head = await this.#headOf(handle);
    if (head === null) return 'unreadable';
    for (const file of this.#tailed.values()) {
      if (file.path !== path || !isBeginning(head, file.fingerprint)) continue;
      if (file.isOpen || file.state === 'active') return 'known';
      await this.attachArchive(file, handle);
      return 'attached';
    }
    const isRead = this.#memory.recognizeArchive(path, handle, (known) =>
      isBeginning(head, known.fingerprint),
    );
    return isRead ? 'known' : 'new';
  }

  /** A file may have been written to and compressed since it was looked at. */
  #renewFingerprint(file: TailedFile): void {
    if (!file.isOpen || file.handle.isArchive || file.isBusy) return;
    if (file.fingerprint.lengthBytes === FINGERPRINT_BYTES) return;
    try {
      // Another beginning is that of a truncated file, which the next look at it finds out.
      file.hasSameBeginningNow(this.#head);
    } catch (error) {
      noteReadError(file, error, this.#counters);
    }
  }

  /** What is left of a file is read from its archive, which nobody writes to: what it begins with is known for good. */
  async attachArchive(file: TailedFile, handle: LogFileHandle): Promise<void> {
    file.attach(handle);
    try {
      await file.hasSameBeginning(this.#head);
    } catch (error) {
      noteReadError(file, error, this.#counters);
    }
  }

  /** Whether an archive was made of a file (`new`), is another's, or has been attached to another. */
  async useFor(file: TailedFile, handle: LogFileHandle): Promise<ArchiveUse> {
    // Of one that was empty when it was last looked at, any archive that nobody knows.
    if (file.fingerprint.lengthBytes === 0) return this.recognize(file.path, handle);
    const head = await this.#headOf(handle);
    if (head === null) return 'unreadable';
    return isBeginning(head, file.fingerprint) ? 'new' : 'known';
  }

  /** The first bytes of an archive, until the next are asked for; null where it cannot be read. */
  async #headOf(handle: LogFileHandle): Promise<Buffer | null> {
    try {
      return this.#head.subarray(0, await handle.read(this.#head, 0, FINGERPRINT_BYTES, 0));
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error;
      this.#counters.readErrors++;
      return null;
    }
  }

  /** Whether a file has the inode of one that an earlier run was reading and is another, or was truncated. */
  async hasOldInode(handle: LogFileHandle): Promise<boolean> {
    const key = keyOf(handle.id);
    const known = this.#memory.knownAs(key);
    if (known === undefined) return false;
    // Nothing is known by which it could be told from another.
    if (known.fingerprint.lengthBytes === 0) return true;
    const head = await this.#headOf(handle);
    if (head === null || isBeginning(head, known.fingerprint)) return false;
    this.#memory.displace(key, known);
    return true;
  }

  /** Whether a file is the one that had its inode in an earlier run. One that is not is looked for otherwise. */
  async isStill(known: Checkpoint, group: TailGroup, found: FoundLogFile): Promise<boolean> {
    const handle = await this.#open(group, found.path);
    if (handle === null) return false;
    const head = await this.#headOf(handle);
    await handle.close();
    const { isArchive } = handle;
    if (head === null) return true;
    // What was empty may have been written to, but if it had been compressed its inode would be another.
    const isSame =
      known.fingerprint.lengthBytes === 0 ? !isArchive : isBeginning(head, known.fingerprint);
    if (!isSame) this.#memory.displace(keyOf(found), known);
    return isSame;
  }

  /** Whether a file was read to its end, and is not another one that got its inode. */
  async isRead(group: TailGroup, found: FoundLogFile): Promise<boolean> {
    const memory = this.#memory;
    if (memory.isSeenAs(found)) return true;
    const known = memory.readAs(found);
    if (known === undefined) return false;
    const handle = await this.#open(group, found.path);
    // The next look tries again.
    if (handle === null) return true;
    const head = await this.#headOf(handle);
    await handle.close();
    const isSame = head !== null && (known.offset === 0 || isBeginning(head, known.fingerprint));
    if (isSame) memory.seenAs(found);
    return isSame;
  }
}

/** Whether a file that begins with `head` is the one of the fingerprint, or has grown out of it. */
function isBeginning(head: Buffer, { lengthBytes, hash }: Fingerprint): boolean {
  if (lengthBytes === 0 || lengthBytes > head.length) return false;
  return fingerprintOf(head, lengthBytes).hash === hash;
}
