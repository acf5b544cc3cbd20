import {
  type LogSource,
  logSourceOf,
  type PodFields,
  type PodFinder,
  type RecordBatch,
  type RecordPipeline,
} from '#libs/log-pipeline';
import {
  type CheckpointStore,
  type LineBatch,
  type LogFiles,
  LogTailer,
  type PollResult,
  type TailCounters,
  type TailedFileStatus,
} from '#libs/log-tail';
import { type LaneFlow, LaneFlows } from './lane-flows.ts';
import type { LogFileGroup } from './logs-config.ts';

/** Where the records of a lane go. */
export interface RecordSink {
  /** Takes records over; they are valid until this returns. `delivered` must be called once, at once or later. */
  accept(group: LogFileGroup, source: LogSource, records: RecordBatch, delivered: () => void): void;
  /** It is given every record, also those that are not to be shipped. */
  readonly wantsAll: boolean;
  /** What is left of them for shipping, where it is given all; valid until this returns. */
  shipped?(source: LogSource, records: RecordBatch): void;
  /** Nothing more comes of this source. */
  close(group: LogFileGroup, source: LogSource): void;
}

export interface LogLaneOptions {
  /** `metrics`, or the name of the output. */
  readonly name: string;
  readonly groups: readonly LogFileGroup[];
  readonly createPipeline: (group: LogFileGroup) => RecordPipeline;
  readonly files: LogFiles;
  readonly checkpoints: CheckpointStore;
  readonly scanIntervalMs: number;
  readonly maxInFlightBytes: number;
  /** Most files open at a time. */
  readonly maxOpenFiles: number;
  /** A file that has not grown for so long is closed until it does. */
  readonly closeQuietMs: number;
  /** Null where there is no API server to know pods from. */
  readonly pods: PodFinder | null;
  readonly podFields: PodFields;
  /** How long the first lines of a file wait for its pod to become known. */
  readonly podWaitMs: number;
  readonly sink: RecordSink;
  /** The lane that reads the same files and hands on what this one has not read yet; null for one that reads alone. */
  readonly leader: LogLane | null;
}

/** For how long a lane that is full holds up those it was in step with. */
const PATIENCE_MS = 1_000;

interface LaneGroup {
  readonly group: LogFileGroup;
  readonly lines: RecordPipeline;
  /** Records that went on without their pod. */
  unenriched: number;
}

/** A file that is being read. */
interface OpenFile {
  readonly owner: LaneGroup;
  source: LogSource;
  /** Until when its lines wait for their pod. */
  readonly waitsUntilMs: number;
  waiting: WaitingBatch[];
  /** How far its lines have become records, or are held back. */
  processedOffset: number;
}

/** Lines that wait for what is known of their pod, in memory of their own. */
interface WaitingBatch {
  readonly batch: LineBatch;
  readonly copy: LineBatch;
}

/**
 * The way of log lines to one destination: files, pipelines, sink, and offsets of its own. Each destination has a lane
 * to itself, so that one that is slow or gone holds up no other for longer than a moment, and what is counted does not
 * wait for what is forwarded. Lanes in step with the leading one are handed its records, so that a file is read and its
 * lines are understood once for all; a lane that fell behind reads for itself until it has caught up.
 */
export class LogLane {
  readonly name: string;
  readonly groups = new Map<string, LaneGroup>();
  readonly #options: LogLaneOptions;
  readonly #tailer: LogTailer;
  readonly #sink: RecordSink;
  readonly #flows = new LaneFlows();
  readonly #followers: LogLane[] = [];
  /** Nothing was left to read when this lane last looked. */
  #isInStep = false;
  #isStarted = false;
  #isPolling = false;
  /** The leading lane has it look for files. */
  #scanning: Promise<void> | null = null;
  #fullSinceMs: number | null = null;
  readonly #open = new Map<string, OpenFile>();
  #waitingBytes = 0;

  constructor(options: LogLaneOptions) {
    this.name = options.name;
    this.#options = options;
    this.#sink = options.sink;
    for (const group of options.groups) {
      const lines = options.createPipeline(group);
      this.groups.set(group.name, { group, lines, unenriched: 0 });
    }
    this.#tailer = new LogTailer({
      files: options.files,
      checkpoints: options.checkpoints,
      groups: options.groups.map((group) => ({
        name: group.name,
        from: group.from,
        maxLineBytes: group.max_line_bytes,
      })),
      scanIntervalMs: options.scanIntervalMs,
      maxInFlightBytes: options.maxInFlightBytes,
      maxOpenFiles: options.maxOpenFiles,
      closeQuietMs: options.closeQuietMs,
      leader: options.leader === null ? null : options.leader.#tailer,
      flowOf: (group, path) => this.#flows.of(group, path),
      isHeldUp: (nowMs) => this.#followers.some((follower) => follower.#holdsUp(nowMs)),
      sink: {
        accept: (batch) => this.#accept(batch, Date.now()),
        end: (fileKey) => this.#end(fileKey, Date.now()),
      },
    });
    if (options.leader !== null) options.leader.#followers.push(this);
  }

  get counters(): TailCounters {
    return this.#tailer.counters;
  }

  /** How many files are open now. */
  get openFiles(): number {
    return this.#tailer.openFiles;
  }

  async start(): Promise<void> {
    await this.#tailer.start();
    this.#isStarted = true;
  }

  async poll(nowMs: number): Promise<PollResult> {
    await this.#scanning;
    this.#isPolling = true;
    try {
      this.#advance(nowMs);
      if (await this.#tailer.scan(nowMs)) await this.#showFollowers(nowMs);
      const result = await this.#tailer.poll(nowMs);
      if (!result.hasMore) this.#isInStep = true;
      return { ...result, isAtRest: result.isAtRest && this.#waitingBytes === 0 };
    } finally {
      this.#isPolling = false;
    }
  }

  /** Lanes that know of a new file before it is read can be handed what is read of it. */
  async #showFollowers(nowMs: number): Promise<void> {
    for (const follower of this.#followers) {
      if (follower.#isPolling || !follower.#isStarted) continue;
      const tailer = follower.#tailer;
      tailer.requestScan();
      // Its own poll tells what is wrong with it.
      follower.#scanning = tailer.scan(nowMs).then(
        () => {},
        () => tailer.requestScan(),
      );
      await follower.#scanning;
      follower.#scanning = null;
    }
  }

  /**
   * Something has happened in a folder.
   * @returns whether this lane should look soon; one in step is told what there is
   */
  noteChange(kind: 'names' | 'content', folder: string): boolean {
    if (kind === 'names') this.#tailer.requestScan();
    this.#tailer.noteChange(folder);
    return this.#options.leader === null || !this.#isInStep;
  }

  /** Saves how far everything was delivered, and closes the files. */
  stop(nowMs: number): Promise<void> {
    return this.#tailer.stop(nowMs);
  }

  status(nowMs: number): TailedFileStatus[] {
    return this.#tailer.status(nowMs);
  }

  /** What was seen of files and what came of it, by container. */
  flows(nowMs: number): LaneFlow[] {
    this.#tailer.countFlows();
    return this.#flows.list(this.#tailer.status(nowMs), nowMs);
  }

  /** Goes on with what has waited long enough. */
  #advance(nowMs: number): void {
    if (this.#waitingBytes > 0) {
      for (const file of this.#open.values()) {
        if (file.waiting.length > 0 && !this.#mustWait(file, nowMs)) {
          this.#processWaiting(file, nowMs);
        }
      }
    }
    for (const { lines } of this.groups.values()) {
      for (const [fileKey, { records, heldFromOffset }] of lines.flushOverdue(nowMs)) {
        const file = this.#open.get(fileKey);
        if (file === undefined) continue;
        const offset = Math.min(heldFromOffset, file.processedOffset);
        const released = this.#tailer.release(fileKey, offset);
        const shipped = this.#handOver(file, fileKey, records, released);
        for (const follower of this.#followers) {
          follower.#takeHeld(file, fileKey, shipped, heldFromOffset, offset);
        }
      }
    }
  }

  #accept(batch: LineBatch, nowMs: number): void {
    const file = this.#fileOf(batch, nowMs);
    if (!this.#mustWait(file, nowMs)) {
      this.#processWaiting(file, nowMs);
      this.#process(file, batch, batch, nowMs);
      return;
    }
    file.waiting.push({ batch, copy: copyOf(batch) });
    this.#waitingBytes += sizeOf(batch);
    // Files whose pods are known must go on meanwhile.
    if (this.#waitingBytes * 4 > this.#options.maxInFlightBytes) this.#processWaiting(file, nowMs);
  }

  #fileOf(batch: LineBatch, nowMs: number): OpenFile {
    const known = this.#open.get(batch.fileKey);
    if (known !== undefined) return known;
    const owner = this.groups.get(batch.group)!;
    const { path } = batch;
    const file: OpenFile = {
      owner,
      source: logSourceOf(path, null, owner.group.labels, this.#options.podFields),
      waitsUntilMs: nowMs + this.#options.podWaitMs,
      waiting: [],
      processedOffset: batch.firstOffset,
    };
    this.#open.set(batch.fileKey, file);
    return file;
  }

  #mustWait(file: OpenFile, nowMs: number): boolean {
    this.#lookUp(file);
    return this.#lacksPod(file) && nowMs < file.waitsUntilMs;
  }

  #lacksPod({ source }: OpenFile): boolean {
    return source.podPath !== null && source.pod === null && this.#options.pods !== null;
  }

  /** What is known of the pod now; what was known of one that is forgotten stays. */
  #lookUp(file: OpenFile): void {
    const { podPath, path, pod } = file.source;
    const found = podPath === null ? null : (this.#options.pods?.find(podPath) ?? null);
    if (found === null || found === pod) return;
    this.#sink.close(file.owner.group, file.source);
    file.source = logSourceOf(path, found, file.owner.group.labels, this.#options.podFields);
  }

  #processWaiting(file: OpenFile, nowMs: number): void {
    const { waiting } = file;
    if (waiting.length === 0) return;
    file.waiting = [];
    for (const { batch, copy } of waiting) {
      this.#waitingBytes -= sizeOf(batch);
      this.#process(file, batch, copy, nowMs);
    }
  }

  /** @param lines the batch, or a copy of what has been overwritten since */
  #process(file: OpenFile, batch: LineBatch, lines: LineBatch, nowMs: number): void {
    const pipeline = file.owner.lines;
    const isContinued = pipeline.heldFrom(batch.fileKey) !== Infinity;
    const { records, heldFromOffset } = pipeline.process(lines, file.source, nowMs);
    file.processedOffset = batch.endOffset;
    const shipped = this.#handOver(file, batch.fileKey, records, () =>
      this.#tailer.acknowledge(batch, heldFromOffset),
    );
    for (const follower of this.#followers) {
      follower.#take(file, batch, shipped, isContinued, heldFromOffset);
    }
  }

  /** Takes records of the leading lane, if they are what this lane would make next. */
  #take(
    { source }: OpenFile,
    batch: LineBatch,
    records: RecordBatch,
    isContinued: boolean,
    heldFromOffset: number,
  ): void {
    const { lines } = this.groups.get(batch.group)!;
    const known = this.#open.get(batch.fileKey);
    const isBusy = known !== undefined && known.waiting.length > 0;
    if (isBusy || lines.heldFrom(batch.fileKey) !== Infinity) return;
    if (!this.#tailer.take(batch, isContinued, heldFromOffset)) return;
    const file = this.#fileOf(batch, Date.now());
    this.#adoptSource(file, source);
    file.processedOffset = batch.endOffset;
    this.#accepted(file, records, () => this.#tailer.acknowledge(batch, heldFromOffset));
  }

  /** Takes records of the leading lane that it had held back for this one as well. */
  #takeHeld(
    { source }: OpenFile,
    fileKey: string,
    records: RecordBatch,
    heldFromOffset: number,
    processedOffset: number,
  ): void {
    const file = this.#open.get(fileKey);
    if (file === undefined || !this.#tailer.letGo(fileKey, heldFromOffset)) return;
    this.#adoptSource(file, source);
    this.#accepted(file, records, this.#tailer.release(fileKey, processedOffset));
  }

  /** What lanes in step say of a file is the same. */
  #adoptSource(file: OpenFile, source: LogSource): void {
    if (file.source === source) return;
    this.#sink.close(file.owner.group, file.source);
    file.source = source;
  }

  /** Whether this lane, with which others are in step, is full and will hardly be so for long. */
  #holdsUp(nowMs: number): boolean {
    if (!this.#tailer.isFull) {
      this.#fullSinceMs = null;
      return false;
    }
    this.#fullSinceMs ??= nowMs;
    if (nowMs - this.#fullSinceMs > PATIENCE_MS) this.#isInStep = false;
    return this.#isInStep;
  }

  /** @returns what is left of the records for shipping */
  #handOver(
    file: OpenFile,
    fileKey: string,
    records: RecordBatch,
    delivered: () => void,
  ): RecordBatch {
    if (this.#lacksPod(file)) file.owner.unenriched += records.count;
    if (this.#sink.wantsAll) this.#accepted(file, records, delivered);
    const shipped = file.owner.lines.ship(fileKey, records, Date.now());
    if (!this.#sink.wantsAll) this.#accepted(file, shipped, delivered);
    else this.#sink.shipped?.(file.source, shipped);
    return shipped;
  }

  #accepted(file: OpenFile, records: RecordBatch, delivered: () => void): void {
    this.#sink.accept(file.owner.group, file.source, records, delivered);
  }

  #end(fileKey: string, nowMs: number): void {
    const file = this.#open.get(fileKey);
    if (file === undefined) return;
    this.#processWaiting(file, nowMs);
    this.#open.delete(fileKey);
    const { lines } = file.owner;
    const records = lines.end(fileKey, nowMs);
    if (records !== null) {
      const shipped = this.#handOver(file, fileKey, records, () => {});
      for (const follower of this.#followers) {
        follower.#takeHeld(file, fileKey, shipped, Infinity, file.processedOffset);
      }
    }
    lines.forget(fileKey);
    this.#sink.close(file.owner.group, file.source);
  }
}

function sizeOf({ firstOffset, endOffset }: LineBatch): number {
  return endOffset - firstOffset;
}

function copyOf(batch: LineBatch): LineBatch {
  const { bytes, lineStarts, lineEnds, lineCount } = batch;
  const length = lineCount === 0 ? 0 : lineEnds[lineCount - 1]!;
  return {
    ...batch,
    bytes: Buffer.from(bytes.subarray(0, length)),
    lineStarts: lineStarts.slice(0, lineCount),
    lineEnds: lineEnds.slice(0, lineCount),
  };
}
