import { compress, compressSync, uncompressSync } from 'snappy';
import { RemoteWriteError } from './remote-write-error.ts';

/** The longest a copy can be against the bytes that order it: 64 bytes from 3. */
const MAX_RATIO = 22;

/**
 * Decompresses a snappy block (not the framed format). The length it declares is checked before a byte of it is
 * allocated, since six bytes can ask for a gigabyte.
 * @throws RemoteWriteError `too_large` or `malformed_snappy`
 */
export function uncompressBlock(block: Buffer, maxBytes: number): Buffer {
  const length = declaredLength(block);
  if (length > maxBytes) {
    throw new RemoteWriteError(
      'too_large',
      `the body has ${length} bytes after decompression; at most ${maxBytes} are accepted`,
      0,
    );
  }
  if (length > block.length * MAX_RATIO) {
    throw malformed(`${block.length} bytes cannot hold the ${length} they declare`);
  }
  try {
    const bytes = uncompressSync(block, { asBuffer: true });
    if (typeof bytes !== 'string') return bytes;
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error), error);
  }
  throw malformed('it decompressed to text');
}

/** Otherwise a block keeps the room for the largest it might have become, until it is collected. */
const COMPRESSION = { copyOutputData: true } as const;

/** Compresses into a snappy block. */
export function compressBlock(bytes: Buffer): Buffer {
  return compressSync(bytes, COMPRESSION);
}

/** The same off the event loop, for what is large. The bytes must stay as they are until it is done. */
export function compressBlockInBackground(bytes: Buffer): Promise<Buffer> {
  return compress(bytes, COMPRESSION);
}

function declaredLength(block: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    if (i >= block.length) throw malformed('it ends inside its length');
    const byte = block[i]!;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw malformed('its length has more than 32 bits');
}

function malformed(reason: string, cause?: unknown): RemoteWriteError {
  const message = `the body is not a snappy block: ${reason}`;
  return new RemoteWriteError('malformed_snappy', message, 0, { cause });
}
