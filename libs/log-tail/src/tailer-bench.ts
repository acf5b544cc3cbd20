import {
  type LineBatch,
  LogTailer,
  type LogTailerOptions,
  MemoryCheckpointStore,
  MemoryLogFiles,
  type TailGroup,
} from './index.ts';

const GROUP: TailGroup = { name: 'pods', from: 'beginning', maxLineBytes: 1000 };
/** The file most specs follow. */
export const LOG = '/pods/0.log';

/** A tailer over a file system in memory that is stopped, killed and started again. */
export class Bench {
  readonly files = new MemoryLogFiles();
  readonly store = new MemoryCheckpointStore();
  readonly lines: string[] = [];
  readonly ended: string[] = [];
  readonly waiting: LineBatch[] = [];
  nowMs = 1_000_000;
  acknowledges = true;
  tailer!: LogTailer;

  async start(
    options: Partial<LogTailerOptions> = {},
    group: Partial<TailGroup> = {},
  ): Promise<void> {
    this.tailer = new LogTailer({
      files: this.files,
      checkpoints: this.store,
      sink: {
        accept: (batch) => this.#accept(batch),
        end: (key) => this.ended.push(key),
      },
      groups: [{ ...GROUP, ...group }],
      scanIntervalMs: 0,
      checkpointIntervalMs: 0,
      ...options,
    });
    await this.tailer.start();
  }

  async poll(times = 1, stepMs = 100): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.nowMs += stepMs;
      this.files.nowMs = this.nowMs;
      while ((await this.tailer.poll(this.nowMs)).hasMore && this.acknowledges) {
        // Read on at once.
      }
    }
  }

  /** Long enough for rotated files to be closed. */
  async settle(): Promise<void> {
    await this.poll(3, 10_000);
  }

  acknowledgeAll(): void {
    for (const batch of this.waiting.splice(0)) this.tailer.acknowledge(batch);
  }

  #accept(batch: LineBatch): void {
    for (let i = 0; i < batch.lineCount; i++) {
      this.lines.push(batch.bytes.toString('utf8', batch.lineStarts[i], batch.lineEnds[i]));
    }
    if (this.acknowledges) this.tailer.acknowledge(batch);
    else this.waiting.push(batch);
  }
}

/** A bench whose tailer runs. */
export async function started(
  options: Partial<LogTailerOptions> = {},
  group: Partial<TailGroup> = {},
): Promise<Bench> {
  const bench = new Bench();
  await bench.start(options, group);
  return bench;
}

/** `line 3`, `line 4` and so on, without the last. */
export function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

/** As a file has them. */
export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Gives the file another name, and another file its name. @returns that name */
export function rotate(bench: Bench, number: number): string {
  const rotated = `${LOG}.20260301-08000${number}`;
  bench.files.rename(LOG, rotated);
  bench.files.append(LOG, '');
  return rotated;
}
