import { EntryEncoder } from '#libs/forward';
import type { LogSource, RecordBatch } from '#libs/log-pipeline';
import type { RecordSink } from './log-lane.ts';
import type { LogOutput } from './log-output.ts';
import type { LogFileGroup } from './logs-config.ts';

/** Makes chunks of records: what all records of the source say, `level`, `stream` and `message`. */
export class OutputSink implements RecordSink {
  readonly #output: LogOutput;
  readonly #tag: string;
  readonly #delivered: () => void;
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
    const { bytes, count } = this.#encoder(source).encode(records, Date.now());
    this.#output.accept({ tag: `${this.#tag}.${group.name}`, entries: bytes, count }, () => {
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
