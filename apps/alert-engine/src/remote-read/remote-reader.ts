import type { Labels } from '#libs/labels';
import { sortInTurns } from '#libs/pace';
import { compareLabels } from '#libs/promql';
import { compressBlockInBackground } from '#libs/remote-write';
import {
  ChunkedAnswerWriter,
  type ReadQuery,
  type ReadRequest,
  SampledAnswerWriter,
  withExternalLabels,
  withoutExternalLabels,
} from '#libs/remote-read';
import { createSampleWindow } from '#libs/samples';
import { createPace, nextTurn } from '../turns/loop-turns.ts';
import { QueryApiError } from '../query/query-api-error.ts';
import type { Store } from '../store/store.ts';

export interface RemoteReaderOptions {
  /** Given to every series that does not have them itself. */
  readonly externalLabels: Labels;
  /** Of an answer that is one piece. */
  readonly maxSamples: number;
}

interface FoundSeries {
  readonly row: number;
  readonly labels: Labels;
}

/** Reads a row of what a query has selected. */
type Selected = Awaited<ReturnType<Store['select']>>;

/** Longest that an answer is written before the event loop turns. */
const TURN_MS = 4;
/** So many bytes are handed on at a time. */
const PART_BYTES = 64 * 1_024;

/** Answers remote-read requests out of the store: series sorted by their labels, with every sample of the time asked for. */
export class RemoteReader {
  readonly #store: Store;
  readonly #options: RemoteReaderOptions;

  constructor(store: Store, options: RemoteReaderOptions) {
    this.#store = store;
    this.#options = options;
  }

  /**
   * An answer in frames, made as it is taken: never more than a series and a few parts lie in memory.
   * @throws QueryApiError while the store is not open @throws what it throws, and the signal's reason
   */
  async *chunked(
    { queries }: ReadRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    const writer = new ChunkedAnswerWriter();
    const window = createSampleWindow();
    let resumedMs = performance.now();
    for (const [index, query] of queries.entries()) {
      const { selection, series } = await this.#select(query, signal);
      for (const { row, labels } of series) {
        selection.read(row, query.startMs, query.endMs, window);
        writer.addSeries(index, labels, window);
        if (writer.length >= PART_BYTES) yield writer.take();
        if (performance.now() - resumedMs < TURN_MS) continue;
        await nextTurn();
        resumedMs = performance.now();
        signal.throwIfAborted();
      }
    }
    if (writer.length > 0) yield writer.take();
  }

  /**
   * An answer in one piece, compressed.
   * @throws RemoteReadError `too_many_samples` @throws what the store throws, and the signal's reason
   */
  async sampled({ queries }: ReadRequest, signal: AbortSignal): Promise<Buffer> {
    const writer = new SampledAnswerWriter(this.#options.maxSamples);
    const window = createSampleWindow();
    let resumedMs = performance.now();
    for (const query of queries) {
      const { selection, series } = await this.#select(query, signal);
      writer.beginResult();
      for (const { row, labels } of series) {
        selection.read(row, query.startMs, query.endMs, window);
        writer.addSeries(labels, window);
        if (performance.now() - resumedMs < TURN_MS) continue;
        await nextTurn();
        resumedMs = performance.now();
        signal.throwIfAborted();
      }
      writer.endResult();
    }
    return compressBlockInBackground(writer.written);
  }

  async #select(
    { matchers, startMs, endMs }: ReadQuery,
    signal: AbortSignal,
  ): Promise<{ readonly selection: Selected; readonly series: readonly FoundSeries[] }> {
    const unavailable = this.#store.unavailability();
    if (unavailable?.code === 'replaying' || unavailable?.code === 'closed') {
      throw new QueryApiError('unavailable', unavailable.message, { cause: unavailable });
    }
    const { externalLabels } = this.#options;
    const asked = withoutExternalLabels(matchers, externalLabels);
    const selection = await this.#store.select(asked, startMs, endMs, signal);
    // The rows of this moment with their labels: others that come while the answer is written are not part of it.
    const series = Array.from(selection.rows, (row) => ({
      row,
      labels: withExternalLabels(selection.labelsOf(row), externalLabels),
    }));
    await sortInTurns(series, byLabels, createPace());
    signal.throwIfAborted();
    return { selection, series };
  }
}

function byLabels(a: FoundSeries, b: FoundSeries): number {
  return compareLabels(a.labels, b.labels);
}
