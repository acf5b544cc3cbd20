import { crc32 } from 'node:zlib';
import { BlockError, ByteReader, ByteWriter } from '#libs/block-files';
import type { Labels } from '#libs/labels';
import { decodeLabels } from './stream-registry.ts';

/*
 * A block file: lines of many streams, written once, read in parts.
 *
 *   magic      8 bytes
 *   chunks     of one stream each, compressed; `chunk-codec.ts` says what is in them
 *   filters    of the chunks in turn; `needle-filter.ts`
 *   contents   CRC-32, then what is needed to find the above, and the numbers of the blocks it was joined of; the only
 *              part that is kept in memory
 *   footer     offset of the contents (8 bytes), their length (4), CRC-32 of both (4), magic (8)
 *
 * Numbers are little-endian.
 */

const MAGIC = Buffer.from('BNLOGS01', 'latin1');
export const LOG_FOOTER_BYTES = 24;
const CRC_BYTES = 4;

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

export function blockMagic(): Buffer {
  return MAGIC;
}

/** @param streams their labels as they are written */
export function writeLogContents(
  contents: Omit<LogBlockContents, 'streams'>,
  streams: readonly Buffer[],
): Buffer {
  const writer = new ByteWriter();
  writer.uint32(0);
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
  const part = writer.view();
  part.writeUInt32LE(crc32(part.subarray(CRC_BYTES)), 0);
  return part;
}

/** @throws BlockError */
export function readLogContents(part: Buffer): LogBlockContents {
  if (part.length < CRC_BYTES || crc32(part.subarray(CRC_BYTES)) !== part.readUInt32LE(0)) {
    throw new BlockError('checksum does not fit');
  }
  const reader = new ByteReader(part, CRC_BYTES);
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

export function writeLogFooter(offset: number, length: number): Buffer {
  const footer = Buffer.alloc(LOG_FOOTER_BYTES);
  footer.writeDoubleLE(offset, 0);
  footer.writeUInt32LE(length, 8);
  footer.writeUInt32LE(crc32(footer.subarray(0, 12)), 12);
  MAGIC.copy(footer, 16);
  return footer;
}

/** Where the contents lie. @throws BlockError */
export function readLogFooter(
  footer: Buffer,
  fileBytes: number,
): { readonly offset: number; readonly length: number } {
  if (footer.length !== LOG_FOOTER_BYTES || !footer.subarray(16).equals(MAGIC)) {
    throw new BlockError('no block of lines, or one that ends early');
  }
  if (crc32(footer.subarray(0, 12)) !== footer.readUInt32LE(12)) {
    throw new BlockError('the footer is damaged');
  }
  const offset = footer.readDoubleLE(0);
  const length = footer.readUInt32LE(8);
  if (!(offset >= 0) || offset + length + LOG_FOOTER_BYTES !== fileBytes) {
    throw new BlockError('the footer belongs to a file of another length');
  }
  return { offset, length };
}
