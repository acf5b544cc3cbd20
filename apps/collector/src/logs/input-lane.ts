import type { Spool, SpoolItem } from '#libs/spool';
import { fromSpoolItem, type LogChunk, toSpoolItem } from './log-chunk.ts';
import type { LogOutput } from './log-output.ts';

export interface InputLaneOptions {
  readonly output: Pick<LogOutput, 'accept'>;
  readonly openSpool: () => Promise<Spool>;
  /** Most bytes on disk; when they are used, whoever sends has to wait. */
  readonly maxSpoolBytes: number;
  /** How long to wait after something went wrong with the disk. */
  readonly retryMs: number;
}

export interface InputLaneEvents {
  /** What waits on disk has changed. */
  spooled(spool: Spool): void;
  /** The disk does not do what it should. */
  failed(error: unknown): void;
}

interface Waiting {
  readonly chunk: LogChunk;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What goes to disk, and to the output, at once. */
const BATCH_BYTES = 1024 * 1024;
/** How often it is looked whether there is room for what waits. */
const ROOM_MS = 250;

/** Nothing more is taken: the collector stops, or its outputs change. */
class LaneStoppedError extends Error {
  override readonly name = 'LaneStoppedError';
}

/**
 * The way of records that have no file to be read again from to one output: they are on disk before their sender is
 * told that they are safe, and stay there until the output has them safe.
 */
export class InputLane {
  readonly #options: InputLaneOptions;
  readonly #events: InputLaneEvents;
  #spool: Spool | null = null;
  #waiting: Waiting[] = [];
  #isAppending = false;
  #isStopped = false;
  #wake: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  #roomTimer: NodeJS.Timeout | null = null;
  readonly #stopped: Promise<void>;
  #tellStopped: () => void = () => {};

  constructor(options: InputLaneOptions, events: InputLaneEvents) {
    this.#options = options;
    this.#events = events;
    this.#stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the chunk would survive a power cut. @throws LaneStoppedError, or what the disk said */
  append(chunk: LogChunk): Promise<void> {
    if (this.#isStopped) return Promise.reject(new LaneStoppedError('the output is gone'));
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ chunk, resolve, reject });
      void this.#pump();
    });
  }

  /** What is on disk stays there for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#tellStopped();
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    if (this.#roomTimer !== null) clearTimeout(this.#roomTimer);
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new LaneStoppedError('the collector stops'));
    }
    this.#wake?.();
    await this.#running;
    this.#spool?.close();
  }

  async #pump(): Promise<void> {
    const spool = this.#spool;
    if (spool === null || this.#isAppending || this.#isStopped) return;
    const batch = this.#takeBatch(spool);
    if (batch.length === 0) {
      // Room may come of others, who tell nobody.
      if (this.#waiting.length > 0) this.#lookAgain();
      return;
    }
    this.#isAppending = true;
    try {
      await spool.append(itemsOf(batch.map(({ chunk }) => chunk)));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      this.#events.failed(error);
      const reason = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of batch) reject(reason);
    }
    this.#isAppending = false;
    this.#events.spooled(spool);
    this.#wake?.();
    void this.#pump();
  }

  #lookAgain(): void {
    this.#roomTimer ??= setTimeout(() => {
      this.#roomTimer = null;
      void this.#pump();
    }, ROOM_MS);
  }

  #takeBatch(spool: Spool): Waiting[] {
    let room = Math.min(this.#options.maxSpoolBytes - spool.sizeBytes, spool.roomBytes);
    let size = 0;
    let count = 0;
    for (const { chunk } of this.#waiting) {
      const bytes = chunk.entries.length;
      // A chunk that is alone is let in, however large it is.
      const fits = bytes <= room || (spool.isEmpty && count === 0);
      if (!fits || (count > 0 && size + bytes > BATCH_BYTES)) break;
      room -= bytes;
      size += bytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        this.#spool ??= await this.#options.openSpool();
        this.#events.spooled(this.#spool);
        void this.#pump();
        await this.#deliver(this.#spool);
      } catch (error) {
        this.#events.failed(error);
        await this.#pause(this.#options.retryMs);
      }
    }
  }

  async #deliver(spool: Spool): Promise<void> {
    while (!this.#isStopped) {
      const read = spool.isEmpty ? null : await spool.next(BATCH_BYTES);
      if (read === null) {
        await this.#pause(null);
        continue;
      }
      const safe = Promise.all(
        read.items.map(
          (item) =>
            new Promise<void>((resolve) => {
              this.#options.output.accept(fromSpoolItem(item), resolve);
            }),
        ),
      );
      // An output that closes never tells that it has something safe.
      await Promise.race([safe, this.#stopped]);
      if (this.#isStopped) return;
      await spool.acknowledge(read);
      this.#events.spooled(spool);
      void this.#pump();
    }
  }

  /** Until something has been appended, the time is over, or the lane stops. */
  async #pause(ms: number | null): Promise<void> {
    if (this.#isStopped || (ms === null && this.#spool?.isEmpty === false)) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (ms !== null) this.#retryTimer = setTimeout(resolve, ms);
    });
    this.#wake = null;
  }
}

/** Neighbours of one tag go to disk together. */
function itemsOf(chunks: readonly LogChunk[]): SpoolItem[] {
  const groups: LogChunk[][] = [];
  for (const chunk of chunks) {
    const last = groups.at(-1);
    if (last !== undefined && last[0]!.tag === chunk.tag) last.push(chunk);
    else groups.push([chunk]);
  }
  return groups.map((group) =>
    toSpoolItem({
      tag: group[0]!.tag,
      entries:
        group.length === 1 ? group[0]!.entries : Buffer.concat(group.map(({ entries }) => entries)),
      count: group.reduce((sum, { count }) => sum + count, 0),
    }),
  );
}
