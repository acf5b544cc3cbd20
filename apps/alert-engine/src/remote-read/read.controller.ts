import { Readable } from 'node:stream';
import { Body, Controller, Headers, HttpCode, HttpException, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AppLogger } from '#libs/platform';
import {
  CHUNKED_CONTENT_TYPE,
  decodeReadRequest,
  negotiateResponseType,
  type ReadRequest,
  RemoteReadError,
  type RemoteReadFailure,
  SAMPLED_CONTENT_TYPE,
} from '#libs/remote-read';
import { FetchLimitError } from '#libs/tsdb';
import { goneSignal } from '../http/gone-signal.ts';
import { QueryApiError } from '../query/query-api-error.ts';
import { QueryGate } from '../query/query-gate.ts';
import { ReadMetrics } from './read-metrics.ts';
import { RemoteReader } from './remote-reader.ts';

const TYPED = 'text/plain; charset=utf-8';
/** Longest that an answer may take, since rows of the store are used again after ten minutes. */
const MAX_READ_MS = 5 * 60_000;

const STATUS: Readonly<Record<RemoteReadFailure, number>> = {
  malformed: 400,
  too_large: 413,
  bad_matcher: 400,
  unsupported_type: 400,
  too_many_samples: 400,
};

/** Prometheus remote read. Errors are plain text, as Prometheus's own are. */
@Controller('api/v1')
export class ReadController {
  readonly #reader: RemoteReader;
  readonly #gate: QueryGate;
  readonly #metrics: ReadMetrics;
  readonly #logger: AppLogger;

  constructor(reader: RemoteReader, gate: QueryGate, metrics: ReadMetrics, logger: AppLogger) {
    this.#reader = reader;
    this.#gate = gate;
    this.#metrics = metrics;
    this.#logger = logger;
  }

  @Post('read')
  @HttpCode(200)
  async read(
    @Body() body: unknown,
    @Headers('content-encoding') encoding: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const end = this.#metrics.begin();
    let type = 'none';
    try {
      const request = this.#requestOf(body, encoding);
      type = negotiateResponseType(request);
      const signal = AbortSignal.any([goneSignal(reply), AbortSignal.timeout(MAX_READ_MS)]);
      await this.#gate.run(signal, () =>
        type === 'SAMPLES'
          ? this.#sendSamples(request, reply, signal)
          : this.#sendChunks(request, reply, signal),
      );
    } catch (error) {
      this.#fail(error, reply);
    } finally {
      const isWhole = reply.raw.writableFinished || !reply.raw.destroyed;
      end(type, isWhole ? reply.statusCode : 499);
    }
  }

  /** @throws RemoteReadError @throws HttpException */
  #requestOf(body: unknown, encoding: string | undefined): ReadRequest {
    if (encoding !== undefined && encoding.trim().toLowerCase() !== 'snappy') {
      const shown = JSON.stringify(encoding.slice(0, 80));
      throw new HttpException(`unsupported Content-Encoding ${shown}; accepted is snappy`, 415);
    }
    if (!Buffer.isBuffer(body)) throw new RemoteReadError('malformed', 'the request has no body');
    return decodeReadRequest(body);
  }

  async #sendSamples(
    request: ReadRequest,
    reply: FastifyReply,
    signal: AbortSignal,
  ): Promise<void> {
    const answer = await this.#reader.sampled(request, signal);
    this.#metrics.sent(answer.length);
    void reply.type(SAMPLED_CONTENT_TYPE).header('content-encoding', 'snappy').send(answer);
    await closed(reply);
  }

  async #sendChunks(request: ReadRequest, reply: FastifyReply, signal: AbortSignal): Promise<void> {
    const frames = this.#reader.chunked(request, signal);
    // What goes wrong while series are looked up is still answered with its own status.
    const first = await frames.next();
    const parts = this.#counted(first, frames);
    void reply.type(CHUNKED_CONTENT_TYPE).send(Readable.from(parts, { objectMode: false }));
    await closed(reply);
  }

  async *#counted(
    first: IteratorResult<Buffer, void>,
    rest: AsyncGenerator<Buffer, void, undefined>,
  ): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (let next = first; next.done !== true; next = await rest.next()) {
        this.#metrics.sent(next.value.length);
        yield next.value;
      }
    } finally {
      await rest.return();
    }
  }

  #fail(error: unknown, reply: FastifyReply): void {
    if (reply.sent || reply.raw.destroyed) return;
    const { status, text } = this.#describe(error);
    if (status === 503) void reply.header('retry-after', '5');
    void reply.code(status).type(TYPED).send(`${text}\n`);
  }

  #describe(error: unknown): { readonly status: number; readonly text: string } {
    if (error instanceof RemoteReadError)
      return { status: STATUS[error.code], text: error.message };
    if (error instanceof QueryApiError) return { status: error.status, text: error.message };
    if (error instanceof HttpException) return { status: error.getStatus(), text: error.message };
    if (error instanceof FetchLimitError) return { status: 400, text: error.message };
    if (error instanceof DOMException) return { status: 503, text: 'the read took too long' };
    this.#logger.error('a remote read failed unexpectedly', error);
    return { status: 500, text: 'internal error' };
  }
}

/** Until then the answer takes part of what reads may take together. */
function closed({ raw }: FastifyReply): Promise<void> {
  return new Promise((resolve) => {
    if (raw.closed) resolve();
    else raw.once('close', resolve);
  });
}
