import { Injectable } from '@nestjs/common';
import type { PodFields, PodMetadata } from '#libs/log-pipeline';
import { LiveView } from './live-view.ts';
import type { LogChunk } from './log-chunk.ts';

/** Records that somebody has sent. */
export interface IntakeBatch {
  /** The input they came by. */
  readonly input: string;
  /** The tag they came with; null for that of the input. */
  readonly tag: string | null;
  readonly entries: Buffer;
  readonly count: number;
}

/** Where batches go: one for each output. */
export interface IntakeLane {
  /** What tags of inputs without one of their own begin with. */
  readonly tag: string;
  /** Resolves when the chunk is on disk. */
  append(chunk: LogChunk): Promise<void>;
}

/** Where pods that send records are looked up. */
export interface SenderPods {
  /** What of a pod goes into its records. */
  readonly fields: PodFields;
  findByUid(uid: string): PodMetadata | null;
  findByAddress(address: string): PodMetadata | null;
}

/** Records cannot be taken now; their sender is to send them again. */
export class IntakeRefusal extends Error {
  override readonly name = 'IntakeRefusal';
  readonly reason: 'full' | 'stopped' | 'disk';

  constructor(reason: 'full' | 'stopped' | 'disk', options?: ErrorOptions) {
    super(REASONS[reason], options);
    this.reason = reason;
  }
}

const REASONS = {
  full: 'too many records wait to be written to disk',
  stopped: 'the collector is starting or stopping',
  disk: 'the records could not be written to disk',
};

/** Of all batches that are not on disk yet, beyond which none is taken. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Where records come in that have no file to be read again from. */
@Injectable()
export class LogIntake {
  readonly #live: LiveView;
  #lanes: readonly IntakeLane[] | null = null;
  #waitingBytes = 0;
  #pending = new Set<Promise<unknown>>();

  #pods: SenderPods | null = null;

  /** The pods of the node; null where there is no API server to know them from. */
  get pods(): SenderPods | null {
    return this.#pods;
  }

  constructor(live: LiveView) {
    this.#live = live;
  }

  /** Batches go to these from here on; to none, they are counted only. */
  attach(lanes: readonly IntakeLane[], pods: SenderPods | null): void {
    this.#lanes = lanes;
    this.#pods = pods;
  }

  /** Nothing is taken from here on. */
  detach(): void {
    this.#lanes = null;
    this.#pods = null;
  }

  /** Resolves when the records would survive a power cut. @throws IntakeRefusal */
  take(batch: IntakeBatch): Promise<void> {
    const taking = this.#take(batch).finally(() => this.#pending.delete(taking));
    this.#pending.add(taking);
    return taking;
  }

  /** Resolves when all that was taken is safe or refused. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async #take({ input, tag, entries, count }: IntakeBatch): Promise<void> {
    const lanes = this.#lanes;
    if (lanes === null) throw new IntakeRefusal('stopped');
    if (count > 0 && this.#live.isWatched) {
      this.#live.offerChunk({ tag: tag ?? input, entries, count });
    }
    if (count === 0 || lanes.length === 0) return;
    if (this.#waitingBytes > 0 && this.#waitingBytes + entries.length > MAX_WAITING_BYTES) {
      throw new IntakeRefusal('full');
    }
    this.#waitingBytes += entries.length;
    try {
      await Promise.all(
        lanes.map((lane) => lane.append({ tag: tag ?? `${lane.tag}.${input}`, entries, count })),
      );
    } catch (error) {
      throw new IntakeRefusal(this.#lanes === lanes ? 'disk' : 'stopped', { cause: error });
    } finally {
      this.#waitingBytes -= entries.length;
    }
  }
}
