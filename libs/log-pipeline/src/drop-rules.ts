import { BytePattern } from './byte-pattern.ts';
import { LOG_LEVELS, type LogLevel } from './log-level.ts';
import { LOG_STREAMS, type LogStream, type RecordBatch } from './record-batch.ts';

/** Records that are meant: those for which everything that is given holds. */
export interface DropSpec {
  /** In RE2's syntax, found anywhere in the message. */
  readonly pattern: string | null;
  readonly levels: readonly LogLevel[] | null;
  readonly streams: readonly LogStream[] | null;
}

/** Of the records that are meant, this share is kept; the others are left out. */
export interface SampleSpec extends DropSpec {
  /** 0 to 1. */
  readonly keep: number;
}

/** Finds the records that a rule means. */
export class RecordFilter {
  readonly #pattern: BytePattern | null;
  readonly #levels: readonly boolean[] | null;
  readonly #streams: readonly boolean[] | null;

  /** @throws RegExpSyntaxError */
  constructor({ pattern, levels, streams }: DropSpec) {
    this.#pattern = pattern === null ? null : new BytePattern(pattern);
    this.#levels = levels === null ? null : LOG_LEVELS.map((level) => levels.includes(level));
    this.#streams = streams === null ? null : LOG_STREAMS.map((stream) => streams.includes(stream));
  }

  matches(records: RecordBatch, row: number): boolean {
    if (this.#levels?.[records.levels[row]!] === false) return false;
    if (this.#streams?.[records.streams[row]!] === false) return false;
    if (this.#pattern === null) return true;
    return this.#pattern.test(records.bytesOf(row), records.starts[row]!, records.ends[row]!);
  }
}

/** Keeps a share of what it is asked for, evenly: of every ten one, and not one in ten by chance. */
export class Sampler {
  readonly #keep: number;
  #owed = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  keeps(): boolean {
    this.#owed += this.#keep;
    // Ten tenths are a little less than one.
    if (this.#owed < 1 - 1e-9) return false;
    this.#owed -= 1;
    return true;
  }
}
