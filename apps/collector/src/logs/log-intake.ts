import { EntryEncoder } from '#libs/forward';
import { Injectable } from '@nestjs/common';
import {
  LOG_LEVELS,
  type LogSource,
  type PodFields,
  type RecordBatch,
  type SenderClaim,
  type SenderPod,
} from '#libs/log-pipeline';
import { type InputGroup, type InputRules, unpackField } from './input-rules.ts';
import { LiveView } from './live-view.ts';
import type { LogChunk } from './log-chunk.ts';
import type { LogMeters } from './log-meters.ts';
import type { RecordBuilder, SentRecords } from './record-builder.ts';

/** Records by level, in the order of `LOG_LEVELS`. */
export type LevelTally = Float64Array;

/** Records that somebody has sent. What is configured is done with them once, however often they are handed over. */
export class IntakeBatch {
  /** The input they came by. */
  readonly input: string;
  /** The tag they came with; null for that of the input. */
  readonly tag: string | null;
  readonly parts: readonly SentRecords[];
  readonly count: number;
  /** About how much they take as they came. */
  readonly byteCount: number;
  /** By the levels they tell, once they have been taken apart. */
  readonly levels: LevelTally = new Float64Array(LOG_LEVELS.length);
  prepared: PreparedBatch | null = null;

  constructor(input: string, tag: string | null, records: RecordBuilder) {
    this.input = input;
    this.tag = tag;
    this.parts = records.parts;
    this.count = records.count;
    this.byteCount = records.byteCount;
  }
}

/** What is shipped of a batch, and what is counted of it once that is safe. */
interface PreparedBatch {
  readonly entries: Buffer;
  readonly count: number;
  readonly taken: readonly (SentRecords & { readonly group: InputGroup })[];
}

/** Where batches go: one for each output. */
interface IntakeLane {
  /** What tags of inputs without one of their own begin with. */
  readonly tag: string;
  /** Resolves when the chunk is on disk. */
  append(chunk: LogChunk): Promise<void>;
}

/** Where pods that send records are looked up. */
export interface SenderPods {
  /** What of a pod goes into its records. */
  readonly fields: PodFields;
  findSender(claim: SenderClaim): SenderPod;
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

/** How often it is looked whether there is something to tell of records that were dropped. */
const NEWS_MS = 1_000;

/** Where records of inputs go, and what is done with them on the way. */
export interface IntakePath {
  readonly lanes: readonly IntakeLane[];
  readonly rules: InputRules;
  readonly meters: Pick<LogMeters, 'add'>;
  readonly pods: SenderPods | null;
}

/** Where records come in that have no file to be read again from. */
@Injectable()
export class LogIntake {
  readonly #live: LiveView;
  #path: IntakePath | null = null;
  #waitingBytes = 0;
  #pending = new Set<Promise<unknown>>();
  #newsTimer: NodeJS.Timeout | null = null;
  /** What records of a sender have in common is encoded once. */
  readonly #encoders = new WeakMap<LogSource, EntryEncoder>();

  /** The pods of the node; null where there is no API server to know them from. */
  get pods(): SenderPods | null {
    return this.#path?.pods ?? null;
  }

  constructor(live: LiveView) {
    this.#live = live;
  }

  /** Batches go this way from here on; to no lanes, they are counted only. */
  attach(path: IntakePath): void {
    this.detach();
    this.#path = path;
    this.#newsTimer = setInterval(() => this.#tellNews(Date.now()), NEWS_MS);
    this.#newsTimer.unref();
  }

  /** Nothing is taken from here on. */
  detach(): void {
    this.#path = null;
    if (this.#newsTimer !== null) clearInterval(this.#newsTimer);
    this.#newsTimer = null;
  }

  /**
   * Resolves when the records would survive a power cut, those that a rule leaves out excepted. A batch that was refused may
   * be handed over again.
   * @throws IntakeRefusal
   */
  take(batch: IntakeBatch): Promise<void> {
    const taking = this.#take(batch).finally(() => this.#pending.delete(taking));
    this.#pending.add(taking);
    return taking;
  }

  /** Resolves when all that was taken is safe or refused. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async #take(batch: IntakeBatch): Promise<void> {
    const path = this.#path;
    if (path === null) throw new IntakeRefusal('stopped');
    if (this.#waitingBytes > 0 && this.#waitingBytes + batch.byteCount > MAX_WAITING_BYTES) {
      throw new IntakeRefusal('full');
    }
    const { entries, count, taken } = (batch.prepared ??= this.#prepare(batch, path));
    if (count > 0 && path.lanes.length > 0) {
      await this.#append(batch, { tag: batch.tag ?? batch.input, entries, count }, path);
    }
    const nowMs = Date.now();
    for (const { group, source, records } of taken) {
      group.counts.add(source, records, nowMs);
      // Its counts stay for a while, like those of a file that has ended.
      group.counts.close(source, nowMs);
      path.meters.add(group.name, source, records);
    }
  }

  async #append({ tag, input }: IntakeBatch, chunk: LogChunk, path: IntakePath): Promise<void> {
    const size = chunk.entries.length;
    this.#waitingBytes += size;
    try {
      await Promise.all(
        path.lanes.map((lane) => lane.append({ ...chunk, tag: tag ?? `${lane.tag}.${input}` })),
      );
    } catch (error) {
      throw new IntakeRefusal(this.#path === path ? 'disk' : 'stopped', { cause: error });
    } finally {
      this.#waitingBytes -= size;
    }
  }

  /** Does what is configured. What is counted is every record, and what is shipped those that no rule leaves out. */
  #prepare(batch: IntakeBatch, { rules, lanes }: IntakePath): PreparedBatch {
    const nowMs = Date.now();
    const tag = batch.tag ?? batch.input;
    const taken: (SentRecords & { readonly group: InputGroup })[] = [];
    const encoded: Buffer[] = [];
    let count = 0;
    for (const { source, records } of batch.parts) {
      const group = rules.groupOf(batch.input, tag, source);
      const { pipeline } = group;
      pipeline.parse(source, records, nowMs);
      for (let row = 0; row < records.count; row++) batch.levels[records.levels[row]!]! += 1;
      taken.push({ group, source, records });
      let shipped = records;
      if (pipeline.changes(source)) {
        shipped = pipeline.ship(source, records.copy(), nowMs, unpackField);
      }
      if (lanes.length === 0 && !this.#live.isWatched) continue;
      encoded.push(this.#encode(source, shipped, nowMs));
      count += shipped.count;
    }
    const entries = encoded.length === 1 ? encoded[0]! : Buffer.concat(encoded);
    if (count > 0 && this.#live.isWatched) this.#live.offerChunk({ tag, entries, count });
    return { entries, count, taken };
  }

  #encode(source: LogSource, records: RecordBatch, nowMs: number): Buffer {
    let encoder = this.#encoders.get(source);
    if (encoder === undefined) {
      encoder = new EntryEncoder(source.attributes, true);
      this.#encoders.set(source, encoder);
    }
    return encoder.encode(records, nowMs).bytes;
  }

  /** Tells of records that were dropped of senders from whom nothing has come since. */
  #tellNews(nowMs: number): void {
    const path = this.#path;
    if (path === null) return;
    for (const { name, pipeline } of path.rules.groups) {
      for (const [source, records] of pipeline.news(nowMs)) {
        const chunk = { entries: this.#encode(source, records, nowMs), count: records.count };
        for (const lane of path.lanes) {
          // They are counted as dropped in any case.
          lane.append({ ...chunk, tag: `${lane.tag}.${name}` }).catch(() => {});
        }
      }
    }
  }
}
