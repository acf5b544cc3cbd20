import { createGunzip, type Gunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { errorCode } from '#libs/node-files';
import { HttpGetError } from './http-get-error.ts';
import type { LineCounter } from './line-counter.ts';

/** No body is ever larger, whatever a limit says. */
export const HARD_MAX_BYTES = 1024 ** 3;

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
  counter: LineCounter | null = null,
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
    const length = unpackedLength(body);
    const isSmall = body.length <= MAX_SYNC_BYTES && length < MAX_FIRST_CHUNK;
    const unpacked = isSmall ? unpackAtOnce(body, length) : null;
    if (unpacked === null) return await unpackInPieces(body, maxOutputLength, counter);
    if (unpacked.length > maxOutputLength) throw tooLarge();
    return unpacked;
  } catch (error) {
    if (error instanceof HttpGetError) throw error;
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

/** The types do not know what `info` asks for. */
const gunzip: (
  body: Buffer,
  options: ZlibOptions,
) => Buffer | { readonly buffer: Buffer; readonly engine: Gunzip } = gunzipSync;

/** @returns null where it is longer than it says, so that it has to be looked at while it is unpacked */
function unpackAtOnce(body: Buffer, length: number): Buffer | null {
  try {
    const unpacked = gunzip(body, { maxOutputLength: length, chunkSize: length, info: true });
    if (Buffer.isBuffer(unpacked)) return unpacked;
    // What unpacked it stays until all of the heap is collected, and so would the body with it.
    Reflect.set(unpacked.engine, '_outBuffer', null);
    return unpacked.buffer;
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') return null;
    throw error;
  }
}

/** Ends as soon as there is too much of it. */
async function unpackInPieces(
  body: Buffer,
  maxBytes: number,
  counter: LineCounter | null,
): Promise<Buffer> {
  const unpacked = createGunzip({ chunkSize: 64 * 1024 });
  unpacked.end(body);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of unpacked as AsyncIterable<Buffer>) {
    size += part.length;
    const problem = size > maxBytes ? tooLarge() : (counter?.take(part) ?? null);
    // Leaving the loop ends the stream.
    if (problem !== null) throw problem;
    parts.push(part);
  }
  return joined(parts, size);
}

/** Copied even when there is one part: what a socket hands out is a piece of something much larger that would be kept. */
export function joined(parts: Buffer[], size: number): Buffer {
  const body = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    body.set(part, at);
    at += part.length;
    // A large body need not be there twice to its end.
    parts[i] = NOTHING;
  }
  return body;
}

const NOTHING = Buffer.alloc(0);
