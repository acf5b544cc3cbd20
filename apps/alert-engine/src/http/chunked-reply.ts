import { Readable } from 'node:stream';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nextTurn } from '../turns/loop-turns.ts';

/** Answers shorter than this are not worth compressing. */
const MIN_COMPRESSED_LENGTH = 1024;
/** Longest that an answer is written before the event loop turns. */
const TURN_MS = 4;

/** Sends JSON text as it is made, compressed with what the client takes if it is long. */
export function sendChunks(
  request: FastifyRequest,
  reply: FastifyReply,
  chunks: Iterable<string>,
): void {
  const iterator = chunks[Symbol.iterator]();
  const first = iterator.next();
  const second = first.done === true ? first : iterator.next();
  void reply.type('application/json').header('vary', 'Accept-Encoding');
  const encoding = acceptedEncoding(request.headers['accept-encoding']);
  const start = first.done === true ? '' : first.value;
  const isShort = second.done === true && start.length < MIN_COMPRESSED_LENGTH;
  if (second.done === true && (isShort || encoding === null)) {
    void reply.send(start);
    return;
  }
  sendCompressed(
    reply,
    Readable.from(joined(start, second, iterator), { objectMode: false }),
    encoding,
  );
}

/** Sends a body as it is made and taken, compressed unless `encoding` is null. */
export function sendCompressed(
  reply: FastifyReply,
  body: Readable,
  encoding: 'zstd' | 'gzip' | null,
): void {
  if (encoding === null) {
    void reply.send(body);
    return;
  }
  const compressor = encoding === 'zstd' ? createZstdCompress() : createGzip();
  // A client that goes away destroys the reply; the source has to end with it, and the reply with the source.
  compressor.on('close', () => body.destroy());
  body.on('error', (error) => compressor.destroy(error));
  void reply.header('content-encoding', encoding).send(body.pipe(compressor));
}

/** A socket that takes all it is given would have a long answer written in one go, so the event loop gets its turns. */
async function* joined(
  start: string,
  second: IteratorResult<string, unknown>,
  rest: Iterator<string>,
): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from(start);
  let resumedMs = performance.now();
  for (let next = second; next.done !== true; next = rest.next()) {
    yield Buffer.from(next.value);
    if (performance.now() - resumedMs < TURN_MS) continue;
    await nextTurn();
    resumedMs = performance.now();
  }
}

/** The best of the encodings we have that an `Accept-Encoding` allows. */
export function acceptedEncoding(header: string | string[] | undefined): 'zstd' | 'gzip' | null {
  const offered = new Map<string, number>();
  for (const item of String(header ?? '').split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    if (name !== '') offered.set(name, quality === undefined ? 1 : Number(quality));
  }
  const qualityOf = (name: string): number => offered.get(name) ?? offered.get('*') ?? 0;
  const zstd = qualityOf('zstd');
  const gzip = qualityOf('gzip');
  if (!(zstd > 0) && !(gzip > 0)) return null;
  return zstd >= gzip ? 'zstd' : 'gzip';
}
