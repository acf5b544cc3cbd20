import type { Spool, SpoolRead } from '#libs/spool';
import { fromSpoolItem, type LogChunk, pickRecords, splitChunk, toSpoolItem } from './log-chunk.ts';
import type { LogDelivery, LogTransport } from './log-transport.ts';

/** What an output tells about itself. */
export interface LogOutputEvents {
  sent(records: number): void;
  /** Records that have to be sent again. */
  failed(records: number, detail: string): void;
  /** Records that the receiver does not want. */
  rejected(chunk: LogChunk, detail: string): void;
  /** Records that are neither delivered nor in the spool. */
  queued(records: number): void;
  /** The spool has been opened, written to or read. */
  spooled(spool: Spool): void;
  /** The spool can't be written or read. */
  spoolFailed(error: unknown): void;
  /** Reachable or not, at changes only. */
  stateChanged(isUp: boolean, detail: string): void;
}

/** How an output tells the time and waits. */
export interface OutputClock {
  /** Of a clock that only goes forward. */
  nowMs(): number;
  /** Calls once, later. @returns a function that takes it back */
  after(delayMs: number, body: () => void): () => void;
}

/** The machine's. */
const MACHINE_CLOCK: OutputClock = {
  nowMs: () => performance.now(),
  after: (delayMs, body) => {
    const timer = setTimeout(body, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface LogOutputOptions {
  readonly transport: LogTransport;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** What goes to the receiver at once. */
  readonly maxRequestBytes: number;
  /** Opened by {@link LogOutput.open}; null for an output without. */
  readonly openSpool: (() => Promise<Spool>) | null;
  /** For how long a receiver must be failing before records go to the spool. */
  readonly spoolAfterMs: number;
  /** Default: the machine's. */
  readonly clock?: OutputClock;
}

interface Pending {
  /** Of the chunk it is a part of; keeps the order. */
  readonly order: number;
  readonly chunk: LogChunk;
  /** Not to be put together with others: one of its records may be what the receiver rejects. */
  readonly isAlone: boolean;
  readonly done: () => void;
}

/**
 * Delivers chunks to one receiver, at least once. What it can't deliver for a while goes to the disk, and from there when
 * the receiver is back; until either has happened, nobody is told that a chunk is safe. How much waits in memory is
 * bounded by whoever hands chunks over.
 */
export class LogOutput {
  readonly #options: LogOutputOptions;
  readonly #events: LogOutputEvents;
  #queue: Pending[] = [];
  #order = 0;
  #queuedRecords = 0;
  #underWay = 0;
  #spool: Spool | null = null;
  #isOpen = false;
  #isSpooling = false;
  /** What was read from the spool and is not delivered yet, in parts as small as the receiver made us try. */
  #fromSpool: { readonly read: SpoolRead; readonly parts: (readonly LogChunk[])[] } | null = null;
  /** The spool did not take the last it was given; try the receiver before trying it again. */
  #hasSpillFailed = false;
  #failingSinceMs: number | null = null;
  #backoffMs: number;
  readonly #clock: OutputClock;
  /** Takes back what is to be done later, or null. */
  #timer: (() => void) | null = null;
  #isUp: boolean | null = null;
  #isClosed = false;
  #isPumpDue = false;
  #drained: (() => void) | null = null;

  constructor(options: LogOutputOptions, events: LogOutputEvents) {
    this.#options = options;
    this.#clock = options.clock ?? MACHINE_CLOCK;
    this.#events = events;
    this.#backoffMs = options.minBackoffMs;
  }

  /** What waits on disk; null for an output without. */
  get spool(): Spool | null {
    return this.#spool;
  }

  get queuedRecords(): number {
    return this.#queuedRecords;
  }

  /** Opens the spool, again and again until it can be; chunks may be handed over before. */
  async open(): Promise<void> {
    try {
      this.#spool = (await this.#options.openSpool?.()) ?? null;
      this.#isOpen = true;
    } catch (error) {
      this.#events.spoolFailed(error);
      if (!this.#isClosed) this.#later(this.#options.maxBackoffMs, () => void this.open());
      return;
    }
    if (this.#spool !== null) this.#events.spooled(this.#spool);
    this.#pump();
  }

  /** Takes a chunk over; `safe` is called once, when the receiver or the spool has it and nobody looks at it any more. */
  accept(chunk: LogChunk, safe: () => void): void {
    if (this.#isClosed) return;
    if (chunk.count === 0) {
      safe();
      return;
    }
    this.#count(chunk.count);
    const done = (): void => {
      this.#count(-chunk.count);
      safe();
    };
    this.#queue.push({ order: this.#order++, chunk, isAlone: false, done });
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    // What several files have brought at the same moment goes together.
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  /** Resolves when everything handed over is safe, or after the given time. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#queuedRecords === 0 || this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const giveUp = this.#clock.after(timeoutMs, resolve);
      this.#drained = (): void => {
        giveUp();
        resolve();
      };
    });
  }

  /** Stops; what is not safe never will be told so. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.();
    this.#timer = null;
    this.#spool?.close();
    await this.#options.transport.close();
  }

  /** Does what can be done now. */
  #pump(): void {
    if (this.#isClosed || !this.#isOpen || this.#isSpooling) return;
    const hasSpooled = this.#spool?.isEmpty === false;
    // What came later must not overtake what is on disk.
    if (this.#queue.length > 0 && this.#underWay === 0 && (hasSpooled || this.#isFailingForLong)) {
      if (this.#spool !== null && !this.#hasSpillFailed) {
        this.#run(() => this.#spill(this.#spool!));
        return;
      }
    }
    if (this.#timer !== null) return;
    if (hasSpooled) {
      if (this.#underWay === 0) this.#run(() => this.#deliverSpooled(this.#spool!));
      return;
    }
    while (this.#queue.length > 0 && this.#underWay < this.#options.transport.concurrency) {
      if (this.#failingSinceMs !== null && this.#underWay > 0) return;
      void this.#deliver(this.#takeGroup());
    }
  }

  get #isFailingForLong(): boolean {
    const since = this.#failingSinceMs;
    return since !== null && this.#clock.nowMs() - since >= this.#options.spoolAfterMs;
  }

  /** Something with the spool, with nothing else beside it. */
  #run(body: () => Promise<void>): void {
    this.#isSpooling = true;
    void body()
      .catch((error: unknown) => {
        this.#events.spoolFailed(error);
        this.#later(this.#options.maxBackoffMs, () => {});
      })
      .finally(() => {
        this.#isSpooling = false;
        if (this.#spool !== null) this.#events.spooled(this.#spool);
        if (this.#timer === null) this.#pump();
      });
  }

  async #spill(spool: Spool): Promise<void> {
    const group = this.#queue;
    this.#queue = [];
    try {
      await spool.append(group.map(({ chunk }) => toSpoolItem(chunk)));
    } catch (error) {
      this.#hasSpillFailed = true;
      this.#putBack(group);
      throw error;
    }
    for (const { done } of group) done();
  }

  async #deliverSpooled(spool: Spool): Promise<void> {
    if (this.#fromSpool === null) {
      const read = await spool.next(this.#options.maxRequestBytes);
      if (read === null) return;
      this.#fromSpool = { read, parts: [read.items.map(fromSpoolItem)] };
    }
    const { read, parts } = this.#fromSpool;
    while (parts.length > 0) {
      const chunks = parts[0]!;
      const delivery = await this.#options.transport.deliver(chunks);
      if (this.#isClosed) return;
      const records = countOf(chunks);
      this.#note(delivery, records);
      if (delivery.kind === 'retry') return;
      if (delivery.kind === 'delivered') parts.shift();
      else if (delivery.kind === 'partial') {
        const again = this.#judge(chunks, delivery);
        parts.splice(0, 1, ...(again.length > 0 ? [again] : []));
        if (again.length > 0) return;
      } else if (records === 1) {
        this.#events.rejected(chunks[0]!, delivery.detail);
        parts.shift();
      } else parts.splice(0, 1, ...partsOf(chunks));
    }
    this.#fromSpool = null;
    await spool.acknowledge(read);
  }

  /** Gives up what the receiver never wants. @returns what is to be tried again */
  #judge(
    chunks: readonly LogChunk[],
    { rejected, again }: Extract<LogDelivery, { readonly kind: 'partial' }>,
  ): LogChunk[] {
    for (const [index, detail] of rejected) {
      const [chunk] = pickRecords(chunks, (candidate) => candidate === index);
      if (chunk !== undefined) this.#events.rejected(chunk, detail);
    }
    return again.size === 0 ? [] : pickRecords(chunks, (index) => again.has(index));
  }

  #takeGroup(): Pending[] {
    const group: Pending[] = [];
    let bytes = 0;
    for (const pending of this.#queue) {
      const size = pending.chunk.entries.length;
      const fits = bytes + size <= this.#options.maxRequestBytes && !pending.isAlone;
      if (group.length > 0 && !fits) break;
      group.push(pending);
      bytes += size;
      if (pending.isAlone) break;
    }
    this.#queue.splice(0, group.length);
    return group;
  }

  async #deliver(group: readonly Pending[]): Promise<void> {
    this.#underWay++;
    const delivery = await this.#options.transport.deliver(group.map(({ chunk }) => chunk));
    this.#underWay--;
    if (this.#isClosed) return;
    const records = group.reduce((sum, { chunk }) => sum + chunk.count, 0);
    this.#note(delivery, records);
    if (delivery.kind === 'delivered') for (const { done } of group) done();
    else if (delivery.kind === 'retry') this.#putBack(group);
    else if (delivery.kind === 'partial') this.#putBackSome(group, delivery);
    else this.#split(group, delivery.detail);
    this.#pump();
  }

  #putBackSome(
    group: readonly Pending[],
    delivery: Extract<LogDelivery, { readonly kind: 'partial' }>,
  ): void {
    const again = this.#judge(
      group.map(({ chunk }) => chunk),
      delivery,
    );
    let left = again.length;
    const partDone = (): void => {
      left--;
      if (left <= 0) for (const { done } of group) done();
    };
    if (left === 0) partDone();
    const { order } = group[0]!;
    this.#putBack(again.map((chunk) => ({ order, chunk, isAlone: false, done: partDone })));
  }

  /** One of the records may be what the receiver does not want, so each half is tried apart. */
  #split(group: readonly Pending[], detail: string): void {
    if (group.length > 1) {
      this.#putBack(group.map((pending) => ({ ...pending, isAlone: true })));
      return;
    }
    const { order, chunk, done } = group[0]!;
    const halves = splitChunk(chunk);
    if (halves === null) {
      this.#events.rejected(chunk, detail);
      done();
      return;
    }
    let left = halves.length;
    const partDone = (): void => {
      left--;
      if (left === 0) done();
    };
    this.#putBack(halves.map((half) => ({ order, chunk: half, isAlone: true, done: partDone })));
  }

  #putBack(group: readonly Pending[]): void {
    this.#queue = [...group, ...this.#queue].toSorted((a, b) => a.order - b.order);
  }

  #note(delivery: LogDelivery, records: number): void {
    this.#hasSpillFailed = false;
    const again = delivery.kind === 'partial' ? delivery.again.size : 0;
    if (delivery.kind !== 'retry' && again === 0) {
      this.#failingSinceMs = null;
      this.#backoffMs = this.#options.minBackoffMs;
      this.#setUp(true, '');
    }
    if (delivery.kind === 'delivered') this.#events.sent(records);
    if (delivery.kind === 'partial') {
      const arrived = records - again - delivery.rejected.size;
      if (arrived > 0) this.#events.sent(arrived);
    }
    if (delivery.kind === 'delivered' || delivery.kind === 'rejected') return;
    if (delivery.kind === 'partial' && again === 0) return;
    this.#failingSinceMs ??= this.#clock.nowMs();
    this.#events.failed(delivery.kind === 'partial' ? again : records, delivery.detail);
    this.#setUp(false, delivery.detail);
    if (this.#timer !== null) return;
    const { maxBackoffMs } = this.#options;
    const pauseMs = Math.min(Math.max(this.#backoffMs, delivery.afterMs ?? 0), MAX_RETRY_AFTER_MS);
    this.#backoffMs = Math.min(this.#backoffMs * 2, maxBackoffMs);
    this.#later(pauseMs, () => {});
  }

  #later(pauseMs: number, body: () => void): void {
    this.#timer?.();
    this.#timer = this.#clock.after(pauseMs, () => {
      this.#timer = null;
      body();
      this.#pump();
    });
  }

  #setUp(isUp: boolean, detail: string): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.#events.stateChanged(isUp, detail);
  }

  #count(change: number): void {
    this.#queuedRecords += change;
    this.#events.queued(this.#queuedRecords);
    if (this.#queuedRecords === 0) this.#drained?.();
  }
}

/** A receiver may ask for a pause, but not for a day. */
const MAX_RETRY_AFTER_MS = 300_000;

function countOf(chunks: readonly LogChunk[]): number {
  return chunks.reduce((sum, { count }) => sum + count, 0);
}

function partsOf(chunks: readonly LogChunk[]): (readonly LogChunk[])[] {
  if (chunks.length > 1) return chunks.map((chunk) => [chunk]);
  const halves = splitChunk(chunks[0]!);
  return halves === null ? [chunks] : halves.map((half) => [half]);
}
