import { BlockError, ByteReader, ByteWriter } from '#libs/block-files';
import type { DecodedChunk } from './decoded-chunk.ts';

/*
 * The lines of one stream before they are compressed:
 *
 *   count, bytes of all lines, number of different metadata
 *   times      the first as eight bytes, then the difference of each to the one before, ascending
 *   lengths    of the lines
 *   metadata   where there is any: the different ones, each after its length, then the number of each line's
 *   lines      one after the other
 *
 * Numbers are varints unless said otherwise. Columns of a kind lie together because they compress better that way.
 */

const TWO_32 = 0x1_0000_0000;
/** A longer gap, of 104 days, is written as this and eight bytes. */
const MAX_DIFFERENCE = Number.MAX_SAFE_INTEGER;

/** @param chunk its lines may lie anywhere in its bytes */
export function encodeChunk(chunk: DecodedChunk): Buffer {
  const { count, words, starts, ends, metadata, metadataTable } = chunk;
  let byteLength = 0;
  for (let i = 0; i < count; i++) byteLength += ends[i]! - starts[i]!;
  const writer = new ByteWriter(byteLength + 12 * count + 64);
  writer.varint(count);
  writer.varint(byteLength);
  writer.varint(metadata === null ? 0 : metadataTable.length);
  for (let i = 0; i < count; i++) {
    const low = words[2 * i]!;
    const high = words[2 * i + 1]!;
    if (i > 0) {
      const difference = (high - words[2 * i - 1]!) * TWO_32 + (low - words[2 * i - 2]!);
      if (difference < MAX_DIFFERENCE) {
        writer.varint(difference);
        continue;
      }
      writer.varint(MAX_DIFFERENCE);
    }
    writer.uint32(low);
    writer.uint32(high);
  }
  for (let i = 0; i < count; i++) writer.varint(ends[i]! - starts[i]!);
  if (metadata !== null && metadataTable.length > 0) {
    for (const entry of metadataTable) {
      writer.varint(entry.length);
      writer.raw(entry);
    }
    for (let i = 0; i < count; i++) writer.varint(metadata[i]!);
  }
  for (let i = 0; i < count;) {
    // Lines that lie one after the other go in one piece.
    const start = starts[i]!;
    let end = ends[i]!;
    i++;
    while (i < count && starts[i] === end) end = ends[i++]!;
    writer.raw(chunk.bytes.subarray(start, end));
  }
  return writer.view();
}

/** @throws BlockError when that is no chunk */
export function decodeChunk(bytes: Buffer): DecodedChunk {
  const reader = new ByteReader(bytes);
  const count = reader.count();
  const byteLength = reader.count();
  const tableLength = reader.count();
  const words = new Uint32Array(2 * count);
  let low = 0;
  let high = 0;
  for (let i = 0; i < count; i++) {
    const difference = i === 0 ? MAX_DIFFERENCE : reader.varint();
    if (difference === MAX_DIFFERENCE) {
      low = reader.uint32();
      high = reader.uint32();
    } else {
      const sum = low + (difference % TWO_32);
      high += Math.floor(difference / TWO_32) + (sum >= TWO_32 ? 1 : 0);
      low = sum % TWO_32;
    }
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    starts[i] = at;
    at += reader.varint();
    ends[i] = at;
  }
  const metadataTable: Buffer[] = [];
  for (let i = 0; i < tableLength; i++) {
    const length = reader.count();
    metadataTable.push(bytes.subarray(reader.at, reader.at + length));
    reader.at += length;
  }
  const metadata = tableLength === 0 ? null : new Uint32Array(count);
  if (metadata !== null) {
    for (let i = 0; i < count; i++) {
      const number = reader.varint();
      if (number > tableLength) throw new BlockError('metadata that is not there');
      metadata[i] = number;
    }
  }
  if (at !== byteLength || reader.at + byteLength !== bytes.length) {
    throw new BlockError('lines of another length than announced');
  }
  return {
    count,
    words,
    bytes: bytes.subarray(reader.at),
    starts,
    ends,
    metadata,
    metadataTable,
  };
}
