import type { ChunkRef } from './chunk-ref.ts';
import type { DecodedChunk } from './decoded-chunk.ts';
import type { LogBlock } from './log-block.ts';
import type { LogBlockWriter } from './log-block-writer.ts';
import { isBefore, MAX_TIME_NS } from './nanos.ts';
import type { NeedleFilterBuilder } from './needle-filter.ts';
import { OpenChunk } from './open-chunk.ts';
import { rangeOf } from './overlaps.ts';
import { SealedChunk } from './sealed-chunk.ts';
import { StreamCursor } from './stream-cursor.ts';

/** Which blocks are joined. */
export interface JoinLimits {
  /** A block that comes of it has at most so many bytes, as far as its parts tell. */
  readonly maxBytes: number;
  /** Its parts are that close together, so that it does not outlive its lines for long. */
  readonly maxSpanMs: number;
  /** Fewer are not worth the writing. */
  readonly leastBlocks: number;
}

/** A part of a block is damaged or gone, so that it is left as it is. */
export class BlockJoinError extends Error {
  override readonly name = 'BlockJoinError';
  readonly block: LogBlock;
  constructor(block: LogBlock) {
    super(`${block.name} cannot be read whole`);
    this.block = block;
  }
}

/**
 * The oldest neighbours that are worth joining, or null. None of them is more than half of what comes of it: so
 * each line is written again no more often than its block can double.
 * @param blocks in order of their youngest lines
 */
export function chooseJoin<T extends { readonly bytes: number; readonly maxMs: number }>(
  blocks: readonly T[],
  { maxBytes, maxSpanMs, leastBlocks }: JoinLimits,
): readonly T[] | null {
  for (let from = 0; from + leastBlocks <= blocks.length; from++) {
    let sum = 0;
    let largest = 0;
    let to = from;
    for (; to < blocks.length; to++) {
      const { bytes, maxMs } = blocks[to]!;
      if (sum + bytes > maxBytes || maxMs - blocks[from]!.maxMs > maxSpanMs) break;
      sum += bytes;
      largest = Math.max(largest, bytes);
    }
    if (to - from >= leastBlocks && 2 * largest <= sum) return blocks.slice(from, to);
  }
  return null;
}

/** A chunk of a block that is joined with others. */
interface Part {
  readonly block: LogBlock;
  readonly index: number;
  readonly ref: ChunkRef;
}

interface JoinPorts {
  readonly writer: LogBlockWriter;
  readonly filters: NeedleFilterBuilder;
  readonly chunkBytes: number;
  readonly encodedOf: (streamId: number) => Buffer;
  /** Awaited between chunks; it throws to stop. */
  readonly pause: () => Promise<void>;
}

/**
 * Writes the chunks of some blocks anew: those of a stream that are small or overlap become larger ones that do not, full
 * ones that lie alone are copied as they are.
 * @throws BlockJoinError when a chunk is damaged
 */
export async function joinBlocks(blocks: readonly LogBlock[], ports: JoinPorts): Promise<void> {
  const byStream = new Map<number, Part[]>();
  for (const block of blocks) {
    for (let index = 0; index < block.chunkCount; index++) {
      const ref = block.chunkAt(index);
      const part = { block, index, ref };
      const others = byStream.get(ref.streamId);
      if (others === undefined) byStream.set(ref.streamId, [part]);
      else others.push(part);
    }
  }
  for (const [streamId, parts] of byStream) {
    parts.sort((a, b) => a.ref.minHigh - b.ref.minHigh || a.ref.minLow - b.ref.minLow);
    await joinStream(streamId, parts, ports);
  }
}

async function joinStream(
  streamId: number,
  parts: readonly Part[],
  ports: JoinPorts,
): Promise<void> {
  const encoded = ports.encodedOf(streamId);
  const isFree = freeParts(parts);
  let gathered: Part[] = [];
  for (const [i, part] of parts.entries()) {
    const isFull = 2 * part.ref.byteLength >= ports.chunkBytes;
    if (!isFull || !isFree[i]) {
      gathered.push(part);
      continue;
    }
    await rewrite(streamId, encoded, gathered, ports);
    gathered = [];
    const packed = await part.block.packedAt(part.index);
    if (packed === null) throw new BlockJoinError(part.block);
    await ports.writer.add(streamId, encoded, part.ref, packed);
    await ports.pause();
  }
  await rewrite(streamId, encoded, gathered, ports);
}

/** For each part, in order of first lines, whether no other has lines of its time. */
function freeParts(parts: readonly Part[]): readonly boolean[] {
  const isFree = parts.map(() => true);
  let latest = 0;
  for (let i = 1; i < parts.length; i++) {
    const before = parts[latest]!.ref;
    const { minLow, minHigh, maxLow, maxHigh } = parts[i]!.ref;
    if (!isBefore(before.maxLow, before.maxHigh, minLow, minHigh)) {
      isFree[latest] = false;
      isFree[i] = false;
    }
    if (isBefore(before.maxLow, before.maxHigh, maxLow, maxHigh)) latest = i;
  }
  return isFree;
}

/** Reads the lines of some chunks, each once, and writes them to chunks that are full. */
async function rewrite(
  streamId: number,
  encoded: Buffer,
  parts: readonly Part[],
  { writer, filters, chunkBytes, pause }: JoinPorts,
): Promise<void> {
  if (parts.length === 0) return;
  const chunks = parts.map(({ block, ref }) => ({ ...ref, load: () => loadWhole(block, ref) }));
  const range = { ...rangeOf(0n, MAX_TIME_NS), isForward: true };
  const cursor = new StreamCursor(streamId, chunks, range, []);
  let open = new OpenChunk();
  const seal = async (): Promise<void> => {
    const sealed = new SealedChunk(streamId, open);
    await writer.add(streamId, encoded, sealed, await sealed.pack(filters));
    open = new OpenChunk(open);
  };
  for (;;) {
    await cursor.activate();
    const lines = await cursor.take();
    if (lines === null) break;
    for (let i = 0; i < lines.count; i++) {
      const length = lines.ends[i]! - lines.starts[i]!;
      if (open.count > 0 && open.rawBytes + length > chunkBytes) await seal();
      appendLine(open, lines, i);
    }
    await pause();
  }
  if (open.count > 0) await seal();
}

async function loadWhole(block: LogBlock, ref: ChunkRef): Promise<DecodedChunk> {
  const chunk = await ref.load();
  if (chunk === null) throw new BlockJoinError(block);
  return chunk;
}

const NO_METADATA = Buffer.alloc(0);

function appendLine(open: OpenChunk, lines: DecodedChunk, i: number): void {
  const number = lines.metadata?.[i] ?? 0;
  const metadata = number === 0 ? NO_METADATA : lines.metadataTable[number - 1]!;
  open.append(
    lines.words[2 * i]!,
    lines.words[2 * i + 1]!,
    lines.bytes,
    lines.starts[i]!,
    lines.ends[i]!,
    metadata,
    0,
    metadata.length,
  );
}
