import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';
import { errorCode } from '#libs/node-files';
import { HttpGetError } from './http-get-error.ts';

/** No body is ever larger, whatever a limit says. */
export const HARD_MAX_BYTES = 1024 ** 3;

const gunzipAsync = promisify(gunzip);

/** Up to here a body is unpacked in place, which costs a fraction of handing it to another thread and back. */
const MAX_SYNC_BYTES = 128 * 1024;
/** Deflate makes no more of a byte than this. */
const MAX_DEFLATE_RATIO = 1_032;
const MAX_FIRST_CHUNK = 1024 * 1024;
/** Where gzip tells how long its content is, by its lower 32 bits. */
const GZIP_LENGTH_BYTES = 4;
const MIN_CHUNK = 1024;

/**
 * A body without its Content-Encoding.
 * @param encoding the header, empty where there was none
 * @throws HttpGetError `body-too-large` for more than `maxBytes` uncompressed, `bad-encoding` for anything but sound gzip
 */
export async function decodeBody(
  body: Buffer,
  encoding: string,
  maxBytes: number,
): Promise<Buffer> {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return body;
  if (name !== 'gzip' && name !== 'x-gzip') {
    const shown = JSON.stringify(name.slice(0, 40));
    throw new HttpGetError(
      'bad-encoding',
      `unsupported Content-Encoding ${shown}; accepted is gzip`,
    );
  }
  const maxOutputLength = Math.min(maxBytes, HARD_MAX_BYTES);
  try {
    if (body.length > MAX_SYNC_BYTES) return await gunzipAsync(body, { maxOutputLength });
    return gunzipSync(body, { maxOutputLength, chunkSize: unpackedLength(body) });
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    const reason = error instanceof Error ? error.message : String(error);
    throw new HttpGetError('bad-encoding', `gzip: ${reason}`, { cause: error });
  }
}

export function tooLarge(): HttpGetError {
  return new HttpGetError('body-too-large', 'body size limit exceeded');
}

/** What a gzip body says of its length, as far as that can be true; with room to spare, so that one piece holds it all. */
function unpackedLength(body: Buffer): number {
  if (body.length < GZIP_LENGTH_BYTES) return MIN_CHUNK;
  const told = body.readUInt32LE(body.length - GZIP_LENGTH_BYTES) + 64;
  return Math.max(MIN_CHUNK, Math.min(told, body.length * MAX_DEFLATE_RATIO, MAX_FIRST_CHUNK));
}
