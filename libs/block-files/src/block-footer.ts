import { crc32 } from 'node:zlib';
import { BlockError, ByteReader } from './byte-reader.ts';

/*
 * A part of a block is framed: CRC-32 of the rest (4 bytes), then the rest. The last part is the block's contents, which say
 * where the others are; a footer says where the contents are:
 *
 *   offset of the contents (8 bytes), their length (4), CRC-32 of both (4), the block's magic (8)
 *
 * Numbers are little-endian.
 */

/** Bytes of the checksum before a part. */
export const CRC_BYTES = 4;
/** Bytes at the end of a block. */
export const FOOTER_BYTES = 24;

/** Where a part of a block lies, its CRC included. */
export interface BlockPart {
  readonly offset: number;
  readonly length: number;
}

/** Puts the checksum before a part. */
export function framed(content: Uint8Array): Buffer {
  const part = Buffer.allocUnsafe(CRC_BYTES + content.length);
  part.writeUInt32LE(crc32(content), 0);
  part.set(content, CRC_BYTES);
  return part;
}

/** A reader of a framed part. @throws BlockError when the checksum does not fit */
export function openFrame(part: Buffer): ByteReader {
  if (part.length < CRC_BYTES || crc32(part.subarray(CRC_BYTES)) !== part.readUInt32LE(0)) {
    throw new BlockError('checksum does not fit');
  }
  return new ByteReader(part, CRC_BYTES);
}

/** @param magic the eight bytes that a block of this kind ends with */
export function writeFooter({ offset, length }: BlockPart, magic: Buffer): Buffer {
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.writeDoubleLE(offset, 0);
  footer.writeUInt32LE(length, 8);
  footer.writeUInt32LE(crc32(footer.subarray(0, 12)), 12);
  magic.copy(footer, 16);
  return footer;
}

/** Where the contents lie. @throws BlockError */
export function readFooter(footer: Buffer, fileBytes: number, magic: Buffer): BlockPart {
  if (footer.length !== FOOTER_BYTES || !footer.subarray(16).equals(magic)) {
    throw new BlockError('no block, or one that ends early');
  }
  if (crc32(footer.subarray(0, 12)) !== footer.readUInt32LE(12)) {
    throw new BlockError('the footer is damaged');
  }
  const offset = footer.readDoubleLE(0);
  const length = footer.readUInt32LE(8);
  if (!(offset >= 0) || offset + length + FOOTER_BYTES !== fileBytes) {
    throw new BlockError('the footer belongs to a file of another length');
  }
  return { offset, length };
}
