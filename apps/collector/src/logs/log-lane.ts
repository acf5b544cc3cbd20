import {
  LinePipeline,
  type LogSource,
  logSourceOf,
  type PodFields,
  type PodFinder,
  type RecordBatch,
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
import type { LogFileGroup } from './logs-config.ts';

/** Where the records of a lane go. */
export interface RecordSink {
  /** Takes records over; they are valid until `delivered` is called, which must happen once, at once or later. */
  accept(group: LogFileGroup, source: LogSource, records: RecordBatch, delivered: () => void): void;
  /** Nothing more comes of this source. */
  close(group: LogFileGroup, source: LogSource): void;
}

export interface LogLaneOptions {
  /** `metrics`, or the name of the output. */
  readonly name: string;
  readonly groups: readonly LogFileGroup[];
  readonly files: LogFiles;
  readonly checkpoints: CheckpointStore;
  readonly scanIntervalMs: number;
  readonly maxInFlightBytes: number;
  /** Null where there is no API server to know pods from. */
  readonly pods: PodFinder | null;
  readonly podFields: PodFields;
  /** How long the first lines of a file wait for its pod to become known. */
  readonly podWaitMs: number;
  readonly sink: RecordSink;
}

interface LaneGroup {
  readonly group: LogFileGroup;
  readonly lines: LinePipeline;
  /** Records that went on without their pod. */
  unenriched: number;
}

/** A file that is being read. */
interface OpenFile {
  readonly owner: LaneGroup;
  source: LogSource;
  /** Until when its lines wait for their pod. */
  readonly waitsUntilMs: number;
  waiting: LineBatch[];
  /** How far its lines have become records, or are held back. */
  processedOffset: number;
}

/**
 * The way of log lines to one destination: files, pipelines, sink, and offsets of its own. Each destination has a lane
 * to itself, so that one that is slow or gone holds up no other, and what is counted does not wait for what is forwarded.
 */
export class LogLane {
  readonly name: string;
  readonly groups = new Map<string, LaneGroup>();
  readonly #options: LogLaneOptions;
  readonly #tailer: LogTailer;
  readonly #sink: RecordSink;
  readonly #open = new Map<string, OpenFile>();
  #waitingBytes = 0;

  constructor(options: LogLaneOptions) {
    this.name = options.name;
    this.#options = options;
    this.#sink = options.sink;
    for (const group of options.groups) {
      const lines = new LinePipeline({
        format: group.format,
        maxMessageBytes: group.max_line_bytes,
      });
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
      sink: {
        accept: (batch) => this.#accept(batch, Date.now()),
        end: (fileKey) => this.#end(fileKey, Date.now()),
      },
    });
  }

  get counters(): TailCounters {
    return this.#tailer.counters;
  }

  start(): Promise<void> {
    return this.#tailer.start();
  }

  poll(nowMs: number): Promise<PollResult> {
    this.#advance(nowMs);
    return this.#tailer.poll(nowMs);
  }

  /** The next poll looks at the patterns again. */
  requestScan(): void {
    this.#tailer.requestScan();
  }

  /** Saves how far everything was delivered, and closes the files. */
  stop(nowMs: number): Promise<void> {
    return this.#tailer.stop(nowMs);
  }

  status(nowMs: number): TailedFileStatus[] {
    return this.#tailer.status(nowMs);
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
        this.#handOver(file, records, this.#tailer.release(fileKey, offset));
      }
    }
  }

  #accept(batch: LineBatch, nowMs: number): void {
    const file = this.#fileOf(batch, nowMs);
    if (!this.#mustWait(file, nowMs)) {
      this.#processWaiting(file, nowMs);
      this.#process(file, batch, nowMs);
      return;
    }
    file.waiting.push(batch);
    this.#waitingBytes += batch.bytes.length;
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
    for (const batch of waiting) {
      this.#waitingBytes -= batch.bytes.length;
      this.#process(file, batch, nowMs);
    }
  }

  #process(file: OpenFile, batch: LineBatch, nowMs: number): void {
    const { records, heldFromOffset } = file.owner.lines.process(batch, nowMs);
    file.processedOffset = batch.endOffset;
    this.#handOver(file, records, () => this.#tailer.acknowledge(batch, heldFromOffset));
  }

  #handOver(file: OpenFile, records: RecordBatch, delivered: () => void): void {
    if (this.#lacksPod(file)) file.owner.unenriched += records.count;
    this.#sink.accept(file.owner.group, file.source, records, delivered);
  }

  #end(fileKey: string, nowMs: number): void {
    const file = this.#open.get(fileKey);
    if (file === undefined) return;
    this.#processWaiting(file, nowMs);
    this.#open.delete(fileKey);
    const records = file.owner.lines.end(fileKey);
    if (records !== null) this.#handOver(file, records, () => {});
    this.#sink.close(file.owner.group, file.source);
  }
}
