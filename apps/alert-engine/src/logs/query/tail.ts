import { type LogBatch, type LogEntry, type LogExpr, LogFollower } from '#libs/logql';
import { nextTurn } from '../../turns/loop-turns.ts';
import type { EngineLogs } from '../store/engine-logs.ts';
import { writeStreams } from './loki-body.ts';
import type { TailSocket } from './tail-socket.ts';

/** What waits to be looked at, before lines are left out. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** What the client has not taken yet, before lines are left out. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
const ENTRIES_PER_MESSAGE = 500;
/** Lines left out that a message tells of. */
const MAX_TOLD = 100;

/** One client that follows a query. */
export class Tail {
  readonly #logs: EngineLogs;
  readonly #expr: LogExpr;
  readonly #socket: TailSocket;
  readonly #follower: LogFollower;
  readonly #onLeftOut: (lines: number) => void;
  #waiting: LogBatch[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #leftOut: { timeNs: bigint; labels: LogBatch['stream']['labels'] }[] = [];
  /** Lines up to here were sent from the store already, and may be in the first batches once more. */
  #sentUntilNs = 0n;
  #repeatedBatches = 0;
  #unsubscribe: () => void = () => {};

  constructor(
    logs: EngineLogs,
    expr: LogExpr,
    socket: TailSocket,
    options: {
      readonly nowMs: number;
      /** Told of lines that are left out because the client is too slow. */
      readonly onLeftOut: (lines: number) => void;
    },
  ) {
    this.#logs = logs;
    this.#expr = expr;
    this.#socket = socket;
    this.#follower = new LogFollower(expr, options.nowMs);
    this.#onLeftOut = options.onLeftOut;
  }

  /**
   * Sends what there is already and follows from there on.
   * @param readNewest reads the newest lines, oldest first
   */
  async start(readNewest: () => Promise<readonly LogEntry[]>): Promise<void> {
    // Held back until the lines before them are sent.
    this.#isRunning = true;
    this.#unsubscribe = this.#logs.subscribe(this.#expr.matchers, (batch) => this.#take(batch));
    try {
      const entries = await readNewest();
      for (let i = 0; i < entries.length; i += ENTRIES_PER_MESSAGE) {
        this.#send(entries.slice(i, i + ENTRIES_PER_MESSAGE));
      }
      this.#sentUntilNs = entries.at(-1)?.timeNs ?? 0n;
      this.#repeatedBatches = this.#waiting.length;
    } finally {
      this.#isRunning = false;
    }
    void this.#run();
  }

  stop(): void {
    this.#unsubscribe();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #take(batch: LogBatch): void {
    const length = bytesOf(batch);
    const isTooSlow =
      this.#waitingBytes + length > MAX_WAITING_BYTES ||
      this.#socket.pendingBytes > MAX_UNSENT_BYTES;
    if (isTooSlow && this.#waiting.length > 0) {
      this.#onLeftOut(batch.count);
      const { labels } = batch.stream;
      const told = Math.min(batch.count, MAX_TOLD - this.#leftOut.length);
      for (let i = 0; i < told; i++) this.#leftOut.push({ timeNs: batch.timesNs[i]!, labels });
      return;
    }
    this.#waiting.push(batch);
    this.#waitingBytes += length;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (;;) {
      // Whoever stores lines is not kept waiting by those who look at them.
      await nextTurn();
      const batch = this.#waiting.shift();
      if (batch === undefined || !this.#socket.isOpen) break;
      this.#waitingBytes -= bytesOf(batch);
      const isRepeated = this.#repeatedBatches > 0;
      if (isRepeated) this.#repeatedBatches--;
      let entries: LogEntry[] = [];
      this.#follower.follow(batch, (entry) => {
        if (!isRepeated || entry.timeNs > this.#sentUntilNs) entries.push(entry);
        if (entries.length >= ENTRIES_PER_MESSAGE) {
          this.#send(entries);
          entries = [];
        }
        return true;
      });
      this.#send(entries);
    }
    this.#isRunning = false;
  }

  #send(entries: readonly LogEntry[]): void {
    if (entries.length === 0 && this.#leftOut.length === 0) return;
    const told = this.#leftOut.map(({ timeNs, labels }) => ({
      labels,
      timestamp: timeNs.toString(),
    }));
    this.#leftOut = [];
    const streams = [...writeStreams(entries, false)].join('');
    const dropped = told.length === 0 ? '' : `,"dropped_entries":${JSON.stringify(told)}`;
    this.#socket.send(`{"streams":${streams}${dropped}}`);
  }
}

/** Bytes of the lines of a batch that came in, which lie one after the other in the bytes of their chunk. */
function bytesOf({ count, starts, ends }: LogBatch): number {
  return count === 0 ? 0 : ends[count - 1]! - starts[0]!;
}
