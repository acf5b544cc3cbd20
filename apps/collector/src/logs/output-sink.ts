import { EntryEncoder } from '#libs/forward';
import type { RecordBatch } from '#libs/log-pipeline';
import type { RecordSink } from './log-lane.ts';
import type { LogOutput } from './log-output.ts';
import type { LogFileGroup } from './logs-config.ts';

const MAX_ENCODERS = 10_000;

/** Makes chunks of records: `message`, `level`, `stream`, `file`, and the group's labels. */
export class OutputSink implements RecordSink {
  readonly #output: LogOutput;
  readonly #tag: string;
  readonly #delivered: () => void;
  readonly #encoders = new Map<string, EntryEncoder>();

  /**
   * @param tag the first part of the tags
   * @param delivered called after each batch that is safe
   */
  constructor(output: LogOutput, tag: string, delivered: () => void) {
    this.#output = output;
    this.#tag = tag;
    this.#delivered = delivered;
  }

  accept(group: LogFileGroup, path: string, records: RecordBatch, delivered: () => void): void {
    const { bytes, count } = this.#encoder(group, path).encode(records, Date.now());
    this.#output.accept({ tag: `${this.#tag}.${group.name}`, entries: bytes, count }, () => {
      delivered();
      this.#delivered();
    });
  }

  /** What records of a file have in common is encoded once. */
  #encoder(group: LogFileGroup, path: string): EntryEncoder {
    const key = `${group.name}\0${path}`;
    const known = this.#encoders.get(key);
    if (known !== undefined) return known;
    if (this.#encoders.size >= MAX_ENCODERS) this.#encoders.clear();
    const encoder = new EntryEncoder({ ...group.labels, file: path });
    this.#encoders.set(key, encoder);
    return encoder;
  }
}
