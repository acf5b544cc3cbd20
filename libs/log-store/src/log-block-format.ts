import { BlockError, type ByteReader, ByteWriter, framed, openFrame } from '#libs/block-files';
import type { Labels } from '#libs/labels';
import { decodeLabels } from './stream-registry.ts';

/*
 * A block file: lines of many streams, written once, read in parts.
 *
 *   magic      8 bytes
 *   chunks     of one stream each, compressed; `chunk-codec.ts` says what is in them
 *   filters    of the chunks in turn; `needle-filter.ts`
 *   contents   framed: what is needed to find the above, and the numbers of the blocks it was joined of; the only
 *              part that is kept in memory
 *   footer     where the contents are, as `block-files` has it
 *
 * Numbers are little-endian.
 */

export const LOG_BLOCK_MAGIC = Buffer.from('BNLOGS01', 'latin1');

/** A chunk in a block. Times are in words. */
export interface BlockChunkEntry {
  /** Its stream's place among the block's. */
  readonly stream: number;
  readonly minLow: number;
  readonly minHigh: number;
  readonly maxLow: number;
  readonly maxHigh: number;
  readonly count: number;
  readonly byteLength: number;
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
  readonly filterLength: number;
}

/** What a block holds and where. */
export interface LogBlockContents {
  /** All that the segments of the log below this number hold is in this block or an older one. */
  readonly firstSegment: number;
  /** Numbers of the blocks that it was joined of, and whose lines are all here. */
  readonly replaces: readonly number[];
  readonly streams: readonly Labels[];
  readonly chunks: readonly BlockChunkEntry[];
  readonly filtersOffset: number;
  readonly filtersChecksum: number;
}

/** @param streams their labels as they are written */
export function writeLogContents(
  contents: Omit<LogBlockContents, 'streams'>,
  streams: readonly Buffer[],
): Buffer {
  const writer = new ByteWriter();
  writer.varint(contents.firstSegment);
  writer.varint(contents.filtersOffset);
  writer.uint32(contents.filtersChecksum);
  writer.varint(streams.length);
  for (const encoded of streams) writer.raw(encoded);
  writer.varint(contents.chunks.length);
  for (const chunk of contents.chunks) {
    writer.varint(chunk.stream);
    writer.uint32(chunk.minLow);
    writer.uint32(chunk.minHigh);
    writer.uint32(chunk.maxLow);
    writer.uint32(chunk.maxHigh);
    writer.varint(chunk.count);
    writer.varint(chunk.byteLength);
    writer.varint(chunk.offset);
    writer.varint(chunk.length);
    writer.uint32(chunk.checksum);
    writer.varint(chunk.filterLength);
  }
  writer.varint(contents.replaces.length);
  for (const number of contents.replaces) writer.varint(number);
  return framed(writer.view());
}

/** @throws BlockError */
export function readLogContents(part: Buffer): LogBlockContents {
  const reader = openFrame(part);
  const firstSegment = reader.varint();
  const filtersOffset = reader.varint();
  const filtersChecksum = reader.uint32();
  const streams = Array.from({ length: reader.count() }, () => decodeLabels(reader));
  const chunks = Array.from({ length: reader.count() }, () => readEntry(reader, streams.length));
  // Blocks from before there was joining end here.
  const replaced = reader.at < part.length ? reader.count() : 0;
  const replaces = Array.from({ length: replaced }, () => reader.varint());
  return { firstSegment, replaces, streams, chunks, filtersOffset, filtersChecksum };
}

function readEntry(reader: ByteReader, streams: number): BlockChunkEntry {
  const stream = reader.varint();
  if (stream >= streams) throw new BlockError('a chunk of a stream that is not there');
  return {
    stream,
    minLow: reader.uint32(),
    minHigh: reader.uint32(),
    maxLow: reader.uint32(),
    maxHigh: reader.uint32(),
    count: reader.varint(),
    byteLength: reader.varint(),
    offset: reader.varint(),
    length: reader.varint(),
    checksum: reader.uint32(),
    filterLength: reader.varint(),
  };
}
