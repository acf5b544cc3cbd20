import { crc32 } from 'node:zlib';

/** What a spool keeps: bytes that mean something to its user, and how many records they hold. */
export interface SpoolItem {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Mark, length, count, checksum of length, count and bytes. */
export const HEADER_BYTES = 16;
/** `BSP` and the version of the format, a digit: raised when an earlier version would misread what is written. */
const MARK = 0x42_53_50_31;
/** `BSP9`: the last of the marks that later versions may write. */
const LAST_MARK = 0x42_53_50_39;
/** Longer ones are none of ours. */
export const MAX_ITEM_BYTES = 64 * 1024 * 1024;

/** What stands before an item. */
export function headerOf({ bytes, count }: SpoolItem): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MARK, 0);
  header.writeUInt32BE(bytes.length, 4);
  header.writeUInt32BE(count, 8);
  header.writeUInt32BE(crc32(bytes, crc32(header.subarray(0, 12))), 12);
  return header;
}

/** Whether a later version wrote what begins here. */
export function hasLaterMark(header: Buffer): boolean {
  if (header.length < 4) return false;
  const mark = header.readUInt32BE(0);
  return mark > MARK && mark <= LAST_MARK;
}

/** The length that a header tells, or null when it is none. */
export function lengthIn(header: Buffer): number | null {
  if (header.length < HEADER_BYTES || header.readUInt32BE(0) !== MARK) return null;
  const length = header.readUInt32BE(4);
  return length <= MAX_ITEM_BYTES ? length : null;
}

/** The item behind a header, or null where the bytes are not those that were written. */
export function checked(header: Buffer, bytes: Buffer): SpoolItem | null {
  if (bytes.length !== header.readUInt32BE(4)) return null;
  const sum = crc32(bytes, crc32(header.subarray(0, 12)));
  return sum === header.readUInt32BE(12) ? { bytes, count: header.readUInt32BE(8) } : null;
}
