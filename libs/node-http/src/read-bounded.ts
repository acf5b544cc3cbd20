import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorCode } from '#libs/node-files';
import { HttpGetError } from './http-get-error.ts';

/** No body is ever larger, whatever a limit says. */
const HARD_MAX_BYTES = 1024 ** 3;

const gunzipAsync = promisify(gunzip);

/**
 * The whole of a stream.
 * @throws HttpGetError `body-too-large` as soon as there is more than `maxBytes`
 */
export async function readBounded(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<Buffer> {
  const most = Math.min(maxBytes, HARD_MAX_BYTES);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > most) throw tooLarge();
    parts.push(chunk);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
}

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
  try {
    return await gunzipAsync(body, { maxOutputLength: Math.min(maxBytes, HARD_MAX_BYTES) });
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    const reason = error instanceof Error ? error.message : String(error);
    throw new HttpGetError('bad-encoding', `gzip: ${reason}`, { cause: error });
  }
}

function tooLarge(): HttpGetError {
  return new HttpGetError('body-too-large', 'body size limit exceeded');
}
