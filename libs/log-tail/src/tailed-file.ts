import { assert } from '#libs/invariant';
import type { ByteFlow } from './byte-flow.ts';
import { FINGERPRINT_BYTES, fingerprintOf, NO_FINGERPRINT } from './fingerprint.ts';
import {
  type Checkpoint,
  type FileId,
  type Fingerprint,
  type FoundLogFile,
  LogFileError,
  type LogFileHandle,
  type LogFileStat,
} from './log-files.ts';
import { OffsetLedger } from './offset-ledger.ts';

/**
 * What a file is to its path: `active` is under it, `rotated` was and has another name or none now. A rotated file is
 * read to its end and then kept open for a while, since its writer may not know yet.
 */
export type TailedFileState = 'active' | 'rotated';

/**
 * One file being read. Everything about it is in its offset: an unfinished line is read again when it has grown. It may be
 * closed while there is nothing to read.
 */
export class TailedFile {
  readonly key: string;
  readonly group: string;
  readonly path: string;
  readonly folder: string;
  readonly id: FileId;
  readonly ledger: OffsetLedger;
  state: TailedFileState;
  fingerprint: Fingerprint = NO_FINGERPRINT;
  /** Up to here lines have been handed out. */
  offset: number;
  isInsideLongLine = false;
  /** Up to here the file was looked at; between `offset` and it lies an unfinished line. */
  scannedOffset: number;
  sizeBytes = 0;
  /** When it was last seen under its path. */
  seenMs: number;
  /** When the file system was last asked about it; something happened to it since if that is long ago. */
  lookedMs = Number.NEGATIVE_INFINITY;
  /** When it last grew, or was opened or renamed. */
  changedMs: number;
  /** Since when not everything is acknowledged, or null when it is. */
  behindSinceMs: number | null = null;
  lastError: string | null = null;
  /** Somebody is reading it just now. */
  isBusy = false;
  /**
   * Where a line begins that the leading tailer's consumer holds back for its continuation, also on behalf of ours; null
   * when it holds nothing, or we read for ourselves.
   */
  borrowedFrom: number | null = null;
  /** The file this one follows under the same path: read to its end first. */
  predecessor: TailedFile | null = null;
  /** Shared by the files whose bytes are counted together. */
  readonly #flow: ByteFlow;
  /** Up to here bytes were counted as seen. */
  #countedSeen: number;
  /** Up to here they were counted as shipped. */
  #countedShipped: number;
  /** Its size tells nothing of what is in it. */
  #isArchive: boolean;
  #handle: LogFileHandle | null;
  /** When it had last been written to as it was closed. */
  #closedModifiedMs = 0;

  /** @param begin how far an earlier run came, and how much of the file it has seen */
  constructor(
    group: string,
    path: string,
    handle: LogFileHandle,
    begin: { readonly offset: number; readonly seenBytes: number },
    flow: ByteFlow,
    nowMs: number,
  ) {
    const { offset } = begin;
    this.#flow = flow;
    this.#countedSeen = Math.max(offset, begin.seenBytes);
    this.#countedShipped = offset;
    this.#isArchive = handle.isArchive;
    this.group = group;
    this.path = path;
    this.folder = folderOf(path);
    this.#handle = handle;
    this.id = handle.id;
    this.key = keyOf(handle.id);
    this.offset = offset;
    this.scannedOffset = offset;
    this.ledger = new OffsetLedger(offset);
    this.state = 'active';
    this.seenMs = nowMs;
    this.changedMs = nowMs;
  }

  get isOpen(): boolean {
    return this.#handle !== null;
  }

  get handle(): LogFileHandle {
    assert(this.#handle !== null, 'a file is read that is closed');
    return this.#handle;
  }

  /** Opened again. @param handle the same file, or an archive of it */
  attach(handle: LogFileHandle): void {
    assert(this.#handle === null, 'a file is opened twice');
    this.#handle = handle;
    this.#isArchive = handle.isArchive;
    this.lookedMs = Number.NEGATIVE_INFINITY;
  }

  /** What is known of it stays. */
  async close(): Promise<void> {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    try {
      this.#closedModifiedMs = handle.stat().modifiedMs;
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error;
    }
    await handle.close();
  }

  /** Whether it was written to since it was closed. What was found may be from before that. */
  hasChangedSinceClosed({ sizeBytes, modifiedMs }: FoundLogFile): boolean {
    return sizeBytes > this.sizeBytes || modifiedMs > this.#closedModifiedMs + TIME_SLACK_MS;
  }

  /** Whether there is nothing to hand out until the file grows. */
  get isAtEnd(): boolean {
    return this.scannedOffset >= this.sizeBytes;
  }

  /** Takes over what the file system says. @returns whether the file has shrunk below what was read */
  observe(stat: LogFileStat, nowMs: number): boolean {
    if (stat.sizeBytes !== this.sizeBytes) this.changedMs = nowMs;
    this.sizeBytes = stat.sizeBytes;
    return stat.sizeBytes < this.offset;
  }

  /** What was there before is not wanted. */
  skipTo(offset: number): void {
    this.offset = offset;
    this.scannedOffset = offset;
    this.ledger.reset(offset);
    this.#countedSeen = offset;
    this.#countedShipped = offset;
  }

  /** Counts what was seen and shipped since the last time. */
  count(): void {
    const seen = this.#isArchive
      ? this.scannedOffset
      : Math.max(this.sizeBytes, this.scannedOffset);
    if (seen > this.#countedSeen) {
      this.#flow.seenBytes += seen - this.#countedSeen;
      this.#countedSeen = seen;
    }
    this.#countShipped(this.ledger.committed);
  }

  #countShipped(upTo: number): void {
    if (upTo <= this.#countedShipped) return;
    this.#flow.shippedBytes += upTo - this.#countedShipped;
    this.#countedShipped = upTo;
  }

  /**
   * Begins again at the front: the same file holds other bytes now.
   * @returns how many bytes of the old ones are known and were not read
   */
  restart(): number {
    // What was handed out arrives, though nothing tells so any more.
    this.#countShipped(this.offset);
    const lost = Math.max(0, Math.max(this.#countedSeen, this.scannedOffset) - this.offset);
    this.#flow.seenBytes += Math.max(0, this.scannedOffset - this.#countedSeen);
    this.#flow.lostBytes += lost;
    this.#countedSeen = 0;
    this.#countedShipped = 0;
    this.offset = 0;
    this.scannedOffset = 0;
    this.isInsideLongLine = false;
    this.borrowedFrom = null;
    this.fingerprint = NO_FINGERPRINT;
    this.ledger.reset(0);
    return lost;
  }

  /**
   * Whether the file still begins as it did; a longer beginning is taken over.
   * @param head scratch space of at least {@link FINGERPRINT_BYTES}
   */
  async hasSameBeginning(head: Buffer): Promise<boolean> {
    return this.#isBeginning(head, await this.handle.read(head, 0, FINGERPRINT_BYTES, 0));
  }

  /** The same on the spot, for a file that has just been written to. */
  hasSameBeginningNow(head: Buffer): boolean {
    return this.#isBeginning(head, this.handle.readNow(head, 0, FINGERPRINT_BYTES, 0));
  }

  #isBeginning(head: Buffer, length: number): boolean {
    const known = this.fingerprint;
    if (length < known.lengthBytes) return false;
    if (fingerprintOf(head, known.lengthBytes).hash !== known.hash) return false;
    if (length > known.lengthBytes) this.fingerprint = fingerprintOf(head, length);
    return true;
  }

  /** Lies where another reader of it lies, who knows what follows. */
  follow({ scannedOffset, sizeBytes, fingerprint }: TailedFile): void {
    this.scannedOffset = Math.max(this.offset, scannedOffset);
    this.sizeBytes = Math.max(this.sizeBytes, sizeBytes, this.scannedOffset);
    this.fingerprint = fingerprint;
  }

  /** What was held back on our behalf is read again, since nobody hands it out any more. */
  takeBack(): void {
    if (this.borrowedFrom === null) return;
    this.offset = this.borrowedFrom;
    this.scannedOffset = this.borrowedFrom;
    this.borrowedFrom = null;
  }

  /** Keeps `behindSinceMs` true to its meaning. */
  updateLag(nowMs: number): void {
    const isDelivered = this.isAtEnd && this.ledger.isEmpty;
    if (isDelivered) this.behindSinceMs = null;
    else this.behindSinceMs ??= nowMs;
    this.count();
  }

  toCheckpoint(isDone: boolean): Checkpoint {
    return {
      group: this.group,
      path: this.path,
      device: this.id.device,
      inode: this.id.inode,
      fingerprint: this.fingerprint,
      offset: this.ledger.committed,
      isInsideLongLine: this.isInsideLongLine && this.ledger.committed === this.offset,
      isDone,
      seenMs: this.seenMs,
      seenBytes: Math.max(this.#countedSeen, this.ledger.committed),
    };
  }
}

/** The same time is told a little differently for an open file and for a name. */
const TIME_SLACK_MS = 1;

/** Where a path lies. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** A text that names a file on this machine while it exists. */
export function keyOf(id: FileId): string {
  return `${id.device}:${id.inode}`;
}
