import { LinePipeline, type RecordBatch } from '#libs/log-pipeline';
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
  /**
   * Takes records over; they are valid until `delivered` is called, which must happen once, at once or later.
   * @param path the file they are from
   */
  accept(group: LogFileGroup, path: string, records: RecordBatch, delivered: () => void): void;
}

export interface LogLaneOptions {
  /** `metrics`, or the name of the output. */
  readonly name: string;
  readonly groups: readonly LogFileGroup[];
  readonly files: LogFiles;
  readonly checkpoints: CheckpointStore;
  readonly scanIntervalMs: number;
  readonly maxInFlightBytes: number;
  readonly sink: RecordSink;
}

/**
 * The way of log lines to one destination: files, pipelines, sink, and offsets of its own. Each destination has a lane
 * to itself, so that one that is slow or gone holds up no other, and what is counted does not wait for what is forwarded.
 */
export class LogLane {
  readonly name: string;
  readonly pipelines = new Map<
    string,
    { readonly group: LogFileGroup; readonly lines: LinePipeline }
  >();
  readonly #tailer: LogTailer;
  readonly #sink: RecordSink;
  /** Group and path of each open file. */
  readonly #origins = new Map<string, { readonly group: string; readonly path: string }>();

  constructor(options: LogLaneOptions) {
    this.name = options.name;
    this.#sink = options.sink;
    for (const group of options.groups) {
      const lines = new LinePipeline({
        format: group.format,
        maxMessageBytes: group.max_line_bytes,
      });
      this.pipelines.set(group.name, { group, lines });
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
        accept: (batch) => this.#accept(batch),
        end: (fileKey) => this.#end(fileKey),
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
    for (const { group, lines } of this.pipelines.values()) {
      for (const [fileKey, records] of lines.flushOverdue(nowMs)) {
        this.#sink.accept(group, this.#origins.get(fileKey)?.path ?? '', records, () => {});
      }
    }
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

  #accept(batch: LineBatch): void {
    const { group, lines } = this.pipelines.get(batch.group)!;
    if (!this.#origins.has(batch.fileKey)) {
      this.#origins.set(batch.fileKey, { group: batch.group, path: batch.path });
    }
    const { records, heldFromOffset } = lines.process(batch, Date.now());
    this.#sink.accept(group, batch.path, records, () =>
      this.#tailer.acknowledge(batch, heldFromOffset),
    );
  }

  #end(fileKey: string): void {
    const origin = this.#origins.get(fileKey);
    if (origin === undefined) return;
    this.#origins.delete(fileKey);
    const { group, lines } = this.pipelines.get(origin.group)!;
    const records = lines.end(fileKey);
    if (records !== null) this.#sink.accept(group, origin.path, records, () => {});
  }
}
