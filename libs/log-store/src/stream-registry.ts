import { BlockError, ByteReader, ByteWriter } from '#libs/block-files';
import { assert } from '#libs/invariant';
import { Labels, type Matcher, matchesAll } from '#libs/labels';
import type { LogStream } from './log-source.ts';

/** A stream that somebody holds. */
export interface KnownStream extends LogStream {
  /** The labels as they are written: their number, then names and values in turn. */
  readonly encoded: Buffer;
}

/**
 * The streams that memory or a block holds something of, by number. Each holder takes one and releases it; a number that
 * nobody holds is given to another stream later.
 */
export class StreamRegistry {
  readonly #streams: (KnownStream | null)[] = [];
  readonly #holders: number[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #free: number[] = [];

  get count(): number {
    return this.#byKey.size;
  }

  /** The number of a label set, or -1. */
  find(labels: Labels): number {
    return this.#byKey.get(labels.key) ?? -1;
  }

  /** Holds the stream of a label set, which is new or known. */
  hold(labels: Labels): number {
    const known = this.#byKey.get(labels.key);
    if (known !== undefined) {
      this.#holders[known]!++;
      return known;
    }
    const id = this.#free.pop() ?? this.#streams.length;
    this.#streams[id] = { id, labels, encoded: encodeLabels(labels) };
    this.#holders[id] = 1;
    this.#byKey.set(labels.key, id);
    return id;
  }

  release(id: number): void {
    const stream = this.stream(id);
    if (--this.#holders[id]! > 0) return;
    this.#byKey.delete(stream.labels.key);
    this.#streams[id] = null;
    this.#free.push(id);
  }

  stream(id: number): KnownStream {
    const stream = this.#streams[id];
    assert(stream !== undefined && stream !== null, 'a stream that nobody holds');
    return stream;
  }

  /** For each number whether its stream fulfils all matchers. */
  matching(matchers: readonly Matcher[]): Uint8Array {
    const matched = new Uint8Array(this.#streams.length);
    // Values repeat over streams, and an expression costs more than a look.
    const verdicts = matchers.map(() => new Map<string, boolean>());
    for (const stream of this.#streams) {
      if (stream === null) continue;
      let isMatch = true;
      for (let m = 0; m < matchers.length && isMatch; m++) {
        const value = stream.labels.get(matchers[m]!.name);
        let verdict = verdicts[m]!.get(value);
        if (verdict === undefined) {
          verdict = matchers[m]!.matches(value);
          verdicts[m]!.set(value, verdict);
        }
        isMatch = verdict;
      }
      if (isMatch) matched[stream.id] = 1;
    }
    return matched;
  }

  matches(id: number, matchers: readonly Matcher[]): boolean {
    return matchesAll(this.stream(id).labels, matchers);
  }
}

function encodeLabels(labels: Labels): Buffer {
  const writer = new ByteWriter(256);
  writer.varint(labels.size);
  for (const text of labels.flat) writer.text(text);
  return Buffer.from(writer.view());
}

/** Reads what a {@link KnownStream} has encoded. @throws BlockError when they are no labels in their order */
export function decodeLabels(reader: ByteReader): Labels {
  const pairs: [string, string][] = [];
  for (let left = reader.count(); left > 0; left--) pairs.push([reader.text(), reader.text()]);
  try {
    return Labels.fromPairs(pairs);
  } catch (error) {
    throw new BlockError('labels that are none', { cause: error });
  }
}
