import { BlockError, CRC_BYTES } from '#libs/block-files';
import type { Labels } from '#libs/labels';
import type { Pace } from '#libs/pace';
import { type Block, type BlockChunk, type BlockSeries, isSoundChunk } from './block.ts';
import type { HiddenRanges } from '../tombstones.ts';
import { ChunkError } from '../xor-chunk.ts';
import { visibleChunks } from './visible-chunks.ts';

/** A series' chunks in memory. */
export interface FetchedSeries {
  readonly labels: Labels;
  /** Ascending by block. */
  readonly chunks: FetchedChunk[];
}

interface FetchedChunk {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly encoding: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Reads with less between them are made one. */
const MAX_GAP_BYTES = 32 * 1_024;
const MAX_READ_BYTES = 1_024 * 1_024;

/**
 * Reads the chunks of one block, neighbours together, and adds them to the series in `found`, which is by their keys. A
 * damaged chunk is told of and left out.
 * @param hidden says what is not to be seen, or null for nothing
 */
export async function fetchChunks(
  block: Block,
  wanted: readonly BlockSeries[],
  found: Map<string, FetchedSeries>,
  pace: Pace,
  onDamage: (error: BlockError | ChunkError) => void,
  hidden: HiddenRanges | null,
  signal?: AbortSignal,
): Promise<void> {
  let run: { readonly series: FetchedSeries; readonly chunk: BlockChunk }[] = [];
  const readRun = async (): Promise<void> => {
    if (run.length === 0) return;
    const start = run[0]!.chunk.offset - CRC_BYTES;
    const last = run.at(-1)!.chunk;
    const bytes = await block.read(start, last.offset + last.length - start);
    signal?.throwIfAborted();
    for (const { series, chunk } of run) {
      const at = chunk.offset - start;
      if (isSoundChunk(bytes, at, chunk.length)) {
        const fetched = { ...chunk, bytes, start: at, end: at + chunk.length };
        try {
          series.chunks.push(...visibleChunks(fetched, hidden?.(series.labels) ?? []));
        } catch (error) {
          if (!(error instanceof BlockError || error instanceof ChunkError)) throw error;
          onDamage(error);
        }
      } else {
        onDamage(new BlockError('a chunk is damaged'));
      }
    }
    run = [];
    if (pace.isDue()) await pace.rest();
  };
  let runEnd = 0;
  for (const { labels, chunks } of wanted) {
    let series = found.get(labels.key);
    if (series === undefined) found.set(labels.key, (series = { labels, chunks: [] }));
    for (const chunk of chunks) {
      const isNear =
        run.length > 0 &&
        chunk.offset - runEnd <= MAX_GAP_BYTES &&
        chunk.offset + chunk.length - run[0]!.chunk.offset <= MAX_READ_BYTES;
      if (!isNear) await readRun();
      run.push({ series, chunk });
      runEnd = chunk.offset + chunk.length;
    }
  }
  await readRun();
}
