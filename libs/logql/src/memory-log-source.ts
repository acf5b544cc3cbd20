import { type Labels, type Matcher, matchesAll } from '#libs/labels';
import type { LogBatch, LogReadRequest, LogSource, LogStream, StreamVolume } from './log-source.ts';

/** A line to be added. */
export interface MemoryLine {
  readonly timeNs: bigint;
  readonly line: string | Buffer;
  readonly metadata?: ReadonlyMap<string, string>;
}

interface Held {
  readonly timeNs: bigint;
  readonly bytes: Buffer;
  readonly metadata: ReadonlyMap<string, string> | null;
}

interface HeldStream {
  readonly stream: LogStream;
  readonly lines: Held[];
  isSorted: boolean;
}

const DEFAULT_BATCH_LINES = 10_000;

/** A small store of logs in memory, for tests and for lines that come from somewhere else. */
export class MemoryLogSource implements LogSource {
  readonly #streams = new Map<string, HeldStream>();
  readonly #batchLines: number;

  /** @param batchLines most lines of a batch */
  constructor(batchLines = DEFAULT_BATCH_LINES) {
    this.#batchLines = batchLines;
  }

  add(labels: Labels, lines: Iterable<MemoryLine>): void {
    let held = this.#streams.get(labels.key);
    if (held === undefined) {
      held = { stream: { id: this.#streams.size + 1, labels }, lines: [], isSorted: true };
      this.#streams.set(labels.key, held);
    }
    for (const { timeNs, line, metadata } of lines) {
      const last = held.lines.at(-1);
      if (last !== undefined && last.timeNs > timeNs) held.isSorted = false;
      const bytes = typeof line === 'string' ? Buffer.from(line) : line;
      held.lines.push({ timeNs, bytes, metadata: metadata ?? null });
    }
  }

  async streams(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): Promise<readonly LogStream[]> {
    return this.#select(matchers, startNs, endNs).map(({ stream }) => stream);
  }

  async volume(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): Promise<readonly StreamVolume[]> {
    return this.#select(matchers, startNs, endNs).map(({ stream, lines }) => ({
      stream,
      bytes: lines.reduce((sum, { bytes }) => sum + bytes.length, 0),
      lines: lines.length,
      chunks: 1,
    }));
  }

  async *read(request: LogReadRequest): AsyncGenerator<LogBatch, void, undefined> {
    const { matchers, startNs, endNs, direction } = request;
    const batches: LogBatch[] = [];
    for (const { stream, lines } of this.#select(matchers, startNs, endNs)) {
      const ordered = direction === 'forward' ? lines : lines.toReversed();
      for (let from = 0; from < ordered.length; from += this.#batchLines) {
        batches.push(batchOf(stream, ordered.slice(from, from + this.#batchLines)));
      }
    }
    const sign = direction === 'forward' ? 1 : -1;
    batches.sort((a, b) => {
      const [first, second] = [a.timesNs[0]!, b.timesNs[0]!];
      return first === second ? 0 : first < second ? -sign : sign;
    });
    yield* batches;
  }

  #select(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): { stream: LogStream; lines: Held[] }[] {
    const found: { stream: LogStream; lines: Held[] }[] = [];
    for (const held of this.#streams.values()) {
      if (!matchesAll(held.stream.labels, matchers)) continue;
      if (!held.isSorted) {
        held.lines.sort((a, b) => (a.timeNs === b.timeNs ? 0 : a.timeNs < b.timeNs ? -1 : 1));
        held.isSorted = true;
      }
      const lines = held.lines.filter(({ timeNs }) => timeNs >= startNs && timeNs < endNs);
      if (lines.length > 0) found.push({ stream: held.stream, lines });
    }
    return found;
  }
}

function batchOf(stream: LogStream, lines: readonly Held[]): LogBatch {
  const starts = new Uint32Array(lines.length);
  const ends = new Uint32Array(lines.length);
  let at = 0;
  lines.forEach(({ bytes }, i) => {
    starts[i] = at;
    at += bytes.length;
    ends[i] = at;
  });
  return {
    stream,
    count: lines.length,
    timesNs: BigInt64Array.from(lines, ({ timeNs }) => timeNs),
    bytes: Buffer.concat(lines.map(({ bytes }) => bytes)),
    starts,
    ends,
    metadataOf: (index) => lines[index]!.metadata,
  };
}
