import { LogLane } from '../../apps/collector/src/logs/log-lane.ts';
import type { LogChunk } from '../../apps/collector/src/logs/log-chunk.ts';
import { LogOutput } from '../../apps/collector/src/logs/log-output.ts';
import type { LogDelivery, LogTransport } from '../../apps/collector/src/logs/log-transport.ts';
import { logsConfigSchema } from '../../apps/collector/src/logs/logs-config.ts';
import { OutputSink } from '../../apps/collector/src/logs/output-sink.ts';
import { PipelineFactory } from '../../apps/collector/src/logs/pipeline-config.ts';
import { MsgpackReader } from '#libs/forward';
import { MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';
import { MemorySpoolFiles, Spool } from '#libs/spool';
import type { Simulation } from './simulation.ts';

/** What lines of a file may be read and not safe yet. */
export const IN_FLIGHT_BYTES = 64 * 1024;
/** What goes to the sink at once. */
const REQUEST_BYTES = 16 * 1024;
const POLL_MS = 1_000;
/** How long a request waits for an answer. */
const TIMEOUT_MS = 10_000;

/** A place that logs go to, which may be away: then it refuses, or says nothing. */
export class SimulatedSink implements LogTransport {
  readonly concurrency = 1;
  readonly #sim: Simulation;
  isAway = false;
  /** In the order they first came. */
  readonly arrived = new Map<string, number>();
  /** Those of which the collector was told. */
  readonly acknowledged = new Set<string>();

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  async deliver(chunks: readonly LogChunk[]): Promise<LogDelivery> {
    const isSilent = this.#sim.random.chance(0.5);
    await this.#pass(this.isAway && isSilent ? TIMEOUT_MS : this.#sim.random.between(5, 50));
    if (this.isAway) return { kind: 'retry', detail: 'away', afterMs: null };
    const messages = chunks.flatMap(messagesOf);
    for (const message of messages) {
      this.arrived.set(message, (this.arrived.get(message) ?? 0) + 1);
    }
    await this.#pass(this.#sim.random.between(5, 50));
    for (const message of messages) this.acknowledged.add(message);
    return { kind: 'delivered' };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#sim.after(ms, resolve);
    });
  }
}

function messagesOf({ entries }: LogChunk): string[] {
  const reader = new MsgpackReader(entries);
  const messages: string[] = [];
  while (!reader.isAtEnd) {
    const [, record] = reader.readValue() as [unknown, { message: string }];
    messages.push(record.message);
  }
  return messages;
}

/** One container that logs, and the kubelet that rotates its file and keeps the last few. */
export class SimulatedContainer {
  readonly name: string;
  lines = 0;
  readonly #files: MemoryLogFiles;
  readonly #rotateBytes: number;
  readonly #rotated: string[] = [];
  #bytes = 0;

  constructor(name: string, files: MemoryLogFiles, rotateBytes: number) {
    this.name = name;
    this.#files = files;
    this.#rotateBytes = rotateBytes;
    files.append(this.#path, '');
  }

  write(count: number): void {
    let text = '';
    for (let i = 0; i < count; i++) {
      text += `2026-03-01T08:00:00.000000000Z stdout F ${this.name} ${this.lines++}\n`;
    }
    this.#files.append(this.#path, text);
    this.#bytes += text.length;
    if (this.#bytes < this.#rotateBytes) return;
    this.#bytes = 0;
    const rotated = `${this.#path}.20260301-${String(this.lines).padStart(6, '0')}`;
    this.#files.rename(this.#path, rotated);
    this.#files.append(this.#path, '');
    this.#rotated.push(rotated);
    if (this.#rotated.length > 4) this.#files.delete(this.#rotated.shift()!);
  }

  get #path(): string {
    return `/pods/${this.name}/0.log`;
  }
}

export interface LogPathOptions {
  readonly spoolBytes: number;
  /** Without one, what is read waits in memory and in the files. */
  readonly hasSpool: boolean;
}

/** The way of lines from files to a sink, in simulated time, with what of it is on disk surviving its process. */
export class SimulatedLogPath {
  readonly files = new MemoryLogFiles();
  readonly disk = new MemorySpoolFiles();
  readonly sink: SimulatedSink;
  readonly #sim: Simulation;
  readonly #options: LogPathOptions;
  readonly #checkpoints = new MemoryCheckpointStore();
  #output: LogOutput | null = null;
  #droppedBefore = 0;
  #life = 0;
  /** The most there ever was. */
  mostQueued = 0;
  mostDiskBytes = 0;
  mostOpenFiles = 0;

  constructor(sim: Simulation, options: LogPathOptions) {
    this.#sim = sim;
    this.#options = options;
    this.sink = new SimulatedSink(sim);
  }

  /** Records that were given up, over all lives. */
  get dropped(): number {
    return this.#droppedBefore + (this.#output?.spool?.counters.droppedRecords ?? 0);
  }

  /** Nothing waits in memory or on disk. */
  get isIdle(): boolean {
    const output = this.#output!;
    return output.queuedRecords === 0 && output.spool?.isEmpty !== false;
  }

  start(): void {
    const life = ++this.#life;
    const sim = this.#sim;
    const config = logsConfigSchema.parse({
      files: [{ name: 'pods', include: ['/pods/*/*.log'], format: 'cri', from: 'beginning' }],
    });
    const pipelines = new PipelineFactory(config);
    const output = new LogOutput(
      {
        transport: this.sink,
        minBackoffMs: 500,
        maxBackoffMs: 30_000,
        maxRequestBytes: REQUEST_BYTES,
        spoolAfterMs: 5_000,
        openSpool: this.#options.hasSpool
          ? () =>
              Spool.open({
                files: this.disk,
                maxBytes: this.#options.spoolBytes,
                policy: 'drop_oldest',
              })
          : null,
        clock: sim,
      },
      {
        sent: () => {},
        failed: () => {},
        rejected: (_, detail) => sim.note(`rejected: ${detail}`),
        queued: (records) => {
          this.mostQueued = Math.max(this.mostQueued, records);
        },
        spooled: () => this.#measure(),
        spoolFailed: (error) => sim.note(`spool: ${String(error)}`),
        stateChanged: (isUp) => sim.note(isUp ? 'sink is up' : 'sink is down'),
      },
    );
    this.#output = output;
    const lane = new LogLane({
      name: 'sink',
      groups: config.files,
      createPipeline: (group) => pipelines.create(group),
      files: this.files,
      checkpoints: this.#checkpoints,
      scanIntervalMs: 2_000,
      maxInFlightBytes: IN_FLIGHT_BYTES,
      maxOpenFiles: 100,
      closeQuietMs: 300_000,
      pods: null,
      podFields: config.pods,
      podWaitMs: 0,
      leader: null,
      sink: new OutputSink(output, 'sim', () => {}),
    });
    void output.open();
    let isStarted = false;
    const poll = async (): Promise<void> => {
      if (life !== this.#life) return;
      if (!isStarted) await lane.start();
      isStarted = true;
      this.files.nowMs = sim.nowMs();
      const { hasMore, isBlocked } = await lane.poll(sim.nowMs());
      this.#measure();
      sim.after(hasMore && !isBlocked ? 1 : POLL_MS, poll);
    };
    sim.after(0, poll);
  }

  /** The process is gone from one moment to the next. */
  async kill(): Promise<void> {
    this.#life++;
    this.#droppedBefore = this.dropped;
    await this.#output!.close();
    this.#output = null;
  }

  #measure(): void {
    let bytes = 0;
    for (const { length } of this.disk.segments.values()) bytes += length;
    this.mostDiskBytes = Math.max(this.mostDiskBytes, bytes);
    this.mostOpenFiles = Math.max(this.mostOpenFiles, this.files.openHandles);
  }
}
