import { EntryEncoder } from '#libs/forward';
import type { LogSource, RecordBatch } from '#libs/log-pipeline';
import { BufferPool } from './buffer-pool.ts';
import type { RecordSink } from './log-lane.ts';
import type { LogOutput } from './log-output.ts';
import type { LogFileGroup } from './logs-config.ts';

/** About what may be under way at a time. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** Makes chunks of records: what all records of the source say, `level`, `stream` and `message`. */
export class OutputSink implements RecordSink {
  readonly wantsAll = false;
  readonly #output: LogOutput;
  readonly #tag: string;
  readonly #delivered: () => void;
  readonly #memory = new BufferPool(MAX_KEPT_BYTES);
  /** What records of a source have in common is encoded once. */
  readonly #encoders = new WeakMap<LogSource, EntryEncoder>();

  /**
   * @param tag the first part of the tags
   * @param delivered called after each batch that is safe
   */
  constructor(output: LogOutput, tag: string, delivered: () => void) {
    this.#output = output;
    this.#tag = tag;
    this.#delivered = delivered;
  }

  accept(
    group: LogFileGroup,
    source: LogSource,
    records: RecordBatch,
    delivered: () => void,
  ): void {
    let memory: Buffer | null = null;
    const { bytes, count } = this.#encoder(source).encode(
      records,
      Date.now(),
      0,
      records.count,
      (size) => (memory = this.#memory.take(size)),
    );
    this.#output.accept({ tag: `${this.#tag}.${group.name}`, entries: bytes, count }, () => {
      if (memory !== null) this.#memory.giveBack(memory);
      delivered();
      this.#delivered();
    });
  }

  close(_group: LogFileGroup, source: LogSource): void {
    this.#encoders.delete(source);
  }

  #encoder(source: LogSource): EntryEncoder {
    const known = this.#encoders.get(source);
    if (known !== undefined) return known;
    const encoder = new EntryEncoder(source.attributes);
    this.#encoders.set(source, encoder);
    return encoder;
  }
}
