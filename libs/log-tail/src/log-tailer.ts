import { assert } from '#libs/invariant';
import { type ByteFlow, noFlow } from './byte-flow.ts';
import { DescriptorBudget } from './descriptor-budget.ts';
import { FileRoster } from './file-roster.ts';
import { FINGERPRINT_BYTES } from './fingerprint.ts';
import type { LineBatch, LineColumns } from './line-batch.ts';
import { LineReader } from './line-reader.ts';
import type { CheckpointStore, LogFiles } from './log-files.ts';
import { noteReadError, type TailCounters } from './tail-counters.ts';
import type { TailGroup } from './tail-group.ts';
import type { TailedFile } from './tailed-file.ts';
import { failedStatus, statusOf, type TailedFileStatus } from './tailed-file-status.ts';

/** Where lines go. */
export interface LineSink {
  /**
   * Takes a batch over; whoever does must {@link LogTailer.acknowledge} it, at once or later, in any order. Its bytes and
   * columns are used again when this returns.
   */
  accept(batch: LineBatch): void;
  /** No more batches of this file will come; what was held back for a continuation is due. */
  end(fileKey: string): void;
}

export interface LogTailerOptions {
  readonly files: LogFiles;
  readonly checkpoints: CheckpointStore;
  readonly sink: LineSink;
  readonly groups: readonly TailGroup[];
  /** Bytes read from one file before the next has its turn. Default 256 KiB. */
  readonly chunkBytes?: number;
  /** Most bytes handed out and not acknowledged; reading stops there. Default 16 MiB. */
  readonly maxInFlightBytes?: number;
  /** Most bytes read in one poll, before files are looked at again. Default 8 MiB. */
  readonly maxPollBytes?: number;
  /** Most files read at a time; further ones are counted and not read. Default 5,000. */
  readonly maxFiles?: number;
  /** Most files open at a time; those that have not grown for longest are closed for others. Default 1,000. */
  readonly maxOpenFiles?: number;
  /** A file that has not grown for so long is closed until it does. Default 5 min. */
  readonly closeQuietMs?: number;
  /** How often the patterns are looked at again. Default 1 s. */
  readonly scanIntervalMs?: number;
  /** How long a renamed or deleted file is kept open after it last grew. Default 5 s. */
  readonly rotatedGraceMs?: number;
  /** How often checkpoints are saved while they change. Default 1 s. */
  readonly checkpointIntervalMs?: number;
  /**
   * A tailer of the same groups whose consumer hands its batches on to this one ({@link LogTailer.take}), so that a file
   * is read once for both. What it has not handed on is read here as far as it has come.
   */
  readonly leader?: LogTailer | null;
  /** Whether reading has to wait a moment for somebody else; default: never. */
  readonly isHeldUp?: (nowMs: number) => boolean;
  /** Where the bytes of a file are counted; default: nowhere. */
  readonly flowOf?: (group: string, path: string) => ByteFlow;
}

/** What the caller should know after a poll. */
export interface PollResult {
  /** There is more to read at once. */
  readonly hasMore: boolean;
  /** Reading waits for acknowledgements. */
  readonly isBlocked: boolean;
  /** Everything was read, acknowledged and saved, and the file system tells of what comes: the next look has time. */
  readonly isAtRest: boolean;
}

interface InFlight {
  readonly file: TailedFile;
  readonly ticket: object;
  readonly byteCount: number;
}

/** A file of which we are told what happens is looked at so seldom all the same: some file systems tell nothing. */
const LOOK_INTERVAL_MS = 5_000;

/**
 * Follows log files through growth, rotation, truncation and deletion and hands their lines out in batches. It is driven
 * by {@link poll}, keeps no clock, and moves a file's offset only when what lies before has been acknowledged.
 */
export class LogTailer {
  readonly counters: TailCounters = {
    readBytes: 0,
    readLines: 0,
    rotations: 0,
    truncations: 0,
    truncatedLines: 0,
    truncatedBytes: 0,
    lostFiles: 0,
    lostBytes: 0,
    openErrors: 0,
    readErrors: 0,
    skippedFiles: 0,
  };
  readonly #options: Required<LogTailerOptions>;
  readonly #roster: FileRoster;
  readonly #inFlight = new Map<LineBatch, InFlight>();
  readonly #reader: LineReader;
  readonly #head = Buffer.alloc(FINGERPRINT_BYTES);
  #inFlightBytes = 0;
  #nowMs = 0;
  #turn = 0;
  #nextScanMs = Number.NEGATIVE_INFINITY;
  #nextSaveMs = Number.NEGATIVE_INFINITY;

  constructor(options: LogTailerOptions) {
    this.#options = {
      chunkBytes: 256 * 1024,
      maxInFlightBytes: 16 * 1024 * 1024,
      maxPollBytes: 8 * 1024 * 1024,
      maxFiles: 5_000,
      maxOpenFiles: 1_000,
      closeQuietMs: 300_000,
      scanIntervalMs: 1_000,
      rotatedGraceMs: 5_000,
      checkpointIntervalMs: 1_000,
      leader: null,
      isHeldUp: () => false,
      flowOf: noFlow,
      ...options,
    };
    const { files, groups, maxFiles, chunkBytes } = this.#options;
    const names = new Set(groups.map((group) => group.name));
    assert(names.size === groups.length, 'two groups have the same name');
    this.#roster = new FileRoster({
      files,
      groups,
      maxFiles,
      budget: new DescriptorBudget(this.#options),
      counters: this.counters,
      flowOf: this.#options.flowOf,
    });
    this.#reader = new LineReader(chunkBytes, this.counters, (file, bytes, columns, firstOffset) =>
      this.#handOut(file, bytes, columns, firstOffset),
    );
  }

  /** Recalls how far an earlier run came. Before the first poll. */
  async start(): Promise<void> {
    this.#roster.recall(await this.#options.checkpoints.load());
  }

  /** The next poll looks at the patterns again, whenever the last look was. */
  requestScan(): void {
    this.#nextScanMs = Number.NEGATIVE_INFINITY;
  }

  /** Something has happened in a folder of which files are watched. */
  noteChange(folder: string): void {
    let hasClosed = this.#roster.hasUnopened(folder);
    for (const file of this.#roster.files) {
      if (file.folder !== folder) continue;
      file.lookedMs = Number.NEGATIVE_INFINITY;
      if (!file.isOpen) hasClosed = true;
    }
    if (hasClosed) this.requestScan();
  }

  /** Looks at the patterns if it is time to. Not while {@link poll} is under way. @returns whether it did */
  async scan(nowMs: number): Promise<boolean> {
    if (nowMs < this.#nextScanMs) return false;
    this.#nextScanMs = nowMs + this.#options.scanIntervalMs;
    await this.#roster.scan(nowMs);
    return true;
  }

  /** Looks for files if it is time to, and reads what there is within bounds. One call at a time. */
  async poll(nowMs: number): Promise<PollResult> {
    this.#nowMs = nowMs;
    await this.scan(nowMs);
    const hasMore = await this.#read(nowMs);
    await this.#closeFinished(nowMs);
    if (this.#roster.hasChanged && nowMs >= this.#nextSaveMs) await this.save(nowMs);
    return { hasMore, isBlocked: this.#isBlocked, isAtRest: !hasMore && this.#isAtRest };
  }

  /**
   * A batch has arrived where it belongs.
   * @param heldFromOffset where in the file a line begins that is held back for its continuation; default: none is
   */
  acknowledge(batch: LineBatch, heldFromOffset: number = batch.endOffset): void {
    const entry = this.#inFlight.get(batch);
    assert(entry !== undefined, 'a batch was acknowledged that is not under way');
    this.#inFlight.delete(batch);
    this.#inFlightBytes -= entry.byteCount;
    if (entry.file.ledger.acknowledge(entry.ticket, heldFromOffset)) this.#roster.hasChanged = true;
  }

  /**
   * Takes over lines that the leader has read, if they are just those this tailer would read next; then they have to be
   * acknowledged here as well. Otherwise nothing happens, and they are read here in time.
   * @param isContinued the leader's consumer held a line back that these lines may belong to
   * @param heldFromOffset where a line begins that it holds back now, or the end of the batch
   */
  take(batch: LineBatch, isContinued: boolean, heldFromOffset: number): boolean {
    const file = this.#roster.get(batch.fileKey);
    const ahead = this.#leading(batch.fileKey);
    if (file === undefined || ahead === undefined || file.isBusy || this.isFull) return false;
    if (!file.isOpen) return false;
    const isSame = file.group === batch.group && file.path === batch.path;
    if (!isSame || file.offset !== batch.firstOffset || file.lastError !== null) return false;
    if (file.isInsideLongLine || ahead.isInsideLongLine || !isNext(file)) return false;
    if (isContinued && file.borrowedFrom === null) return false;
    const byteCount = batch.endOffset - batch.firstOffset;
    file.offset = batch.endOffset;
    file.follow(ahead);
    file.borrowedFrom = heldFromOffset < batch.endOffset ? heldFromOffset : null;
    this.counters.readBytes += byteCount;
    this.counters.readLines += batch.lineCount;
    this.#await(file, batch, byteCount);
    return true;
  }

  /**
   * The leader's consumer has let go of lines that it held back of a file.
   * @param heldFromOffset where those begin that it still holds, or Infinity
   * @returns whether it held them on our behalf as well
   */
  letGo(fileKey: string, heldFromOffset: number): boolean {
    const file = this.#roster.get(fileKey);
    if (file === undefined || file.borrowedFrom === null) return false;
    file.borrowedFrom = heldFromOffset === Infinity ? null : heldFromOffset;
    return true;
  }

  /** As much is handed out and not acknowledged as may be. */
  get isFull(): boolean {
    return this.#inFlightBytes >= this.#options.maxInFlightBytes;
  }

  /**
   * Lines that were held back go out after all, as when their continuation has not come in time.
   * @param heldFromOffset where in the file a line begins that is held back still, or how far the file's lines are known
   * @returns to be called once they have arrived where they belong
   */
  release(fileKey: string, heldFromOffset: number): () => void {
    const file = this.#roster.get(fileKey);
    if (file === undefined) return () => {};
    // A file that was truncated meanwhile has no such place.
    const offset = Math.min(heldFromOffset, file.offset);
    const ticket = file.ledger.add(offset);
    return () => {
      if (file.ledger.acknowledge(ticket, offset)) this.#roster.hasChanged = true;
    };
  }

  /** Saves how far everything was acknowledged. */
  async save(nowMs: number): Promise<void> {
    this.#roster.hasChanged = false;
    this.#nextSaveMs = nowMs + this.#options.checkpointIntervalMs;
    const checkpoints = this.#roster.checkpoints();
    try {
      await this.#options.checkpoints.save(checkpoints);
    } catch (error) {
      this.#roster.hasChanged = true;
      throw error;
    }
  }

  /** Saves and closes everything. What was not acknowledged is read again by the next run. */
  async stop(nowMs: number): Promise<void> {
    try {
      await this.save(nowMs);
    } finally {
      await this.#roster.closeAll();
    }
  }

  /** How many files are open now. */
  get openFiles(): number {
    return this.#roster.openCount;
  }

  /** Counts what was seen and shipped up to now. */
  countFlows(): void {
    for (const file of this.#roster.files) file.count();
  }

  /** Bytes handed out and not acknowledged. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** All files being read and those that can't be. */
  status(nowMs: number): TailedFileStatus[] {
    const status: TailedFileStatus[] = [];
    for (const file of this.#roster.files) status.push(statusOf(file, nowMs));
    for (const failure of this.#roster.openFailures.values()) status.push(failedStatus(failure));
    return status;
  }

  get #isBlocked(): boolean {
    return this.isFull || this.#options.isHeldUp(this.#nowMs);
  }

  get #isAtRest(): boolean {
    if (this.#inFlight.size > 0 || this.#roster.hasChanged || this.#isBlocked) return false;
    if (this.#nextScanMs === Number.NEGATIVE_INFINITY) return false;
    for (const file of this.#roster.files) {
      if (file.lookedMs === Number.NEGATIVE_INFINITY) return false;
      if (!file.isAtEnd || file.state !== 'active' || file.lastError !== null) return false;
      if (file.ledger.committed !== file.offset) return false;
      if (!this.#options.files.isWatched(file.folder)) return false;
    }
    return true;
  }

  #leading(key: string): TailedFile | undefined {
    const { leader } = this.#options;
    return leader === null ? undefined : leader.#roster.get(key);
  }

  /** What the leader knows of a file that it will hand on; undefined where we read for ourselves. */
  #ahead(file: TailedFile): TailedFile | undefined {
    const ahead = this.#leading(file.key);
    return ahead === undefined || ahead.lastError !== null ? undefined : ahead;
  }

  /** Whether there is something to read in a file whose turn has come. */
  #hasTurn(file: TailedFile): boolean {
    if (!file.isOpen || file.isAtEnd || file.lastError !== null) return false;
    if (file.isBusy || !isNext(file)) return false;
    const ahead = this.#ahead(file);
    return ahead === undefined || ahead.offset > file.offset;
  }

  /** Turns of one chunk for each file, until all are read, the bounds are met, or what is handed out is too much. */
  async #read(nowMs: number): Promise<boolean> {
    let budget = this.#options.maxPollBytes;
    // All are looked at before any is read: whose turn it is depends on how far its predecessor has come.
    for (const file of this.#roster.files) {
      if (this.#isLookDue(file, nowMs)) this.#look(file, nowMs);
      else if (file.isOpen) this.#followAhead(file);
    }
    let waiting = this.#filesInTurn().filter((file) => this.#hasTurn(file));
    const verified = new Set<TailedFile>();
    while (waiting.length > 0) {
      const next: TailedFile[] = [];
      for (const file of waiting) {
        // It may have been handed on since.
        if (!this.#hasTurn(file)) continue;
        if (this.#isBlocked || budget <= 0) {
          this.#noteLag(nowMs);
          return true;
        }
        const before = this.counters.readBytes;
        const isVerified = verified.has(file);
        verified.add(file);
        if (await this.#readChunk(file, isVerified, nowMs)) next.push(file);
        budget -= this.counters.readBytes - before;
      }
      // A file whose predecessor has just been finished may have its first turn now.
      if (next.length === 0) {
        waiting = this.#filesInTurn().filter((file) => this.#hasTurn(file));
      } else {
        waiting = next;
      }
    }
    this.#noteLag(nowMs);
    return false;
  }

  #noteLag(nowMs: number): void {
    for (const file of this.#roster.files) file.updateLag(nowMs);
  }

  /** All files, beginning with another one at each poll so that a bound does not always meet the same ones. */
  #filesInTurn(): TailedFile[] {
    const files = [...this.#roster.files];
    if (files.length === 0) return files;
    this.#turn = (this.#turn + 1) % files.length;
    return [...files.slice(this.#turn), ...files.slice(0, this.#turn)];
  }

  /** Whether something may have happened to a file. */
  #isLookDue(file: TailedFile, nowMs: number): boolean {
    if (!file.isOpen) return false;
    if (!file.isAtEnd || file.lastError !== null || file.state === 'rotated') return true;
    return nowMs - file.lookedMs >= LOOK_INTERVAL_MS || !this.#options.files.isWatched(file.folder);
  }

  #followAhead(file: TailedFile): void {
    const ahead = this.#ahead(file);
    if (ahead !== undefined && ahead.offset === file.offset) file.follow(ahead);
  }

  /** Asks the file system about a file. */
  #look(file: TailedFile, nowMs: number): void {
    file.lookedMs = nowMs;
    try {
      const hasShrunk = file.observe(file.handle.stat(), nowMs);
      file.lastError = null;
      if (hasShrunk && !file.isBusy) this.#restart(file);
      this.#followAhead(file);
    } catch (error) {
      noteReadError(file, error, this.counters);
    }
  }

  #restart(file: TailedFile): void {
    this.counters.truncations++;
    this.counters.lostBytes += file.restart();
    this.#roster.hasChanged = true;
  }

  /** @returns whether there is more to read at once */
  async #readChunk(file: TailedFile, isVerified: boolean, nowMs: number): Promise<boolean> {
    file.isBusy = true;
    try {
      // A file that was truncated may have grown beyond our offset before we looked again.
      if (!isVerified && !file.handle.isArchive && !file.hasSameBeginningNow(this.#head)) {
        this.#restart(file);
        file.observe(file.handle.stat(), nowMs);
        if (file.isAtEnd) return false;
      }
      return await this.#readLines(file, false);
    } catch (error) {
      noteReadError(file, error, this.counters);
      return false;
    } finally {
      file.isBusy = false;
    }
  }

  /**
   * Reads at the file's offset and hands the lines out.
   * @param isFinal take the last line also without its newline
   */
  #readLines(file: TailedFile, isFinal: boolean): Promise<boolean> {
    const { maxLineBytes } = this.#roster.group(file);
    file.takeBack();
    // What the leader has not come to yet will be handed on.
    const limit = isFinal ? Infinity : (this.#ahead(file)?.offset ?? Infinity);
    return this.#reader.read(file, { maxLineBytes, limit, isFinal });
  }

  #handOut(file: TailedFile, bytes: Buffer, columns: LineColumns, firstOffset: number): void {
    const byteCount = file.offset - firstOffset;
    const batch: LineBatch = {
      group: file.group,
      path: file.path,
      fileKey: file.key,
      bytes,
      lineCount: columns.count,
      lineStarts: columns.starts,
      lineEnds: columns.ends,
      firstOffset,
      endOffset: file.offset,
    };
    this.#await(file, batch, byteCount);
    this.#options.sink.accept(batch);
  }

  /** A batch is under way until it is acknowledged. */
  #await(file: TailedFile, batch: LineBatch, byteCount: number): void {
    const ticket = file.ledger.add(file.offset);
    this.#inFlight.set(batch, { file, ticket, byteCount });
    this.#inFlightBytes += byteCount;
  }

  /** Closes files that have another name or none, were read to the end and have not grown for a while. */
  async #closeFinished(nowMs: number): Promise<void> {
    for (const file of this.#roster.files) {
      if (file.predecessor !== null && !this.#roster.has(file.predecessor)) file.predecessor = null;
      if (file.state === 'active' || nowMs - file.changedMs < this.#options.rotatedGraceMs)
        continue;
      if (!file.isAtEnd || this.#isBlocked || file.isBusy) continue;
      // The leader hands on the last line, and what was held back.
      if (this.#ahead(file) !== undefined) continue;
      file.takeBack();
      if (!file.isAtEnd) continue;
      if (file.offset < file.scannedOffset && file.lastError === null) {
        // The last line never got its newline.
        file.isBusy = true;
        await this.#readLines(file, true).catch((error: unknown) =>
          noteReadError(file, error, this.counters),
        );
        file.isBusy = false;
      }
      if (!file.ledger.isEmpty) continue;
      this.#options.sink.end(file.key);
      await this.#roster.finish(file);
    }
  }
}

/** The file before it under the same path has been read to its end. */
function isNext({ predecessor }: TailedFile): boolean {
  if (predecessor === null) return true;
  // One that can no longer be read must not hold up those after it.
  return (predecessor.isAtEnd || predecessor.lastError !== null) && isNext(predecessor);
}
