import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { IngestMetrics } from './ingest-metrics.ts';
import { messageTypeOf } from './write-message-type.ts';

/** Largest body over the wire; also what a body of unknown length counts as. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_REQUESTS = 64;
/** Of all bodies under way together. */
const MAX_BYTES_IN_FLIGHT = 128 * 1024 * 1024;

/**
 * Turns write requests away before a byte of their body is read: of a type that cannot be read, too large, or too many
 * at a time, which would otherwise all lie in memory together.
 */
@Injectable()
export class WriteGate implements NestMiddleware {
  readonly #metrics: IngestMetrics;
  #requests = 0;
  #bytes = 0;

  constructor(metrics: IngestMetrics) {
    this.#metrics = metrics;
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (request.method !== 'POST') {
      next();
      return;
    }
    const { headers } = request;
    const type = messageTypeOf(headers['content-type'], headers['content-encoding']);
    if ('refusal' in type) {
      this.#refuse(response, 415, type.refusal);
      return;
    }
    const length = headers['content-length'];
    const bytes = length === undefined ? MAX_BODY_BYTES : Number(length);
    if (bytes > MAX_BODY_BYTES) {
      this.#refuse(
        response,
        413,
        `the body has ${bytes} bytes; at most ${MAX_BODY_BYTES} are accepted`,
      );
      return;
    }
    const isFull = this.#requests >= MAX_REQUESTS || this.#bytes + bytes > MAX_BYTES_IN_FLIGHT;
    if (isFull && this.#requests > 0) {
      response.setHeader('retry-after', '1');
      this.#refuse(response, 503, 'too many write requests at a time');
      return;
    }
    // A body without a type is one of version 1; the server would not read it without one.
    headers['content-type'] ??= 'application/x-protobuf';
    this.#requests++;
    this.#bytes += bytes;
    const end = this.#metrics.begin();
    response.once('close', () => {
      this.#requests--;
      this.#bytes -= bytes;
      // A client that hung up was not answered; nginx's number for it.
      end(response.writableFinished ? response.statusCode : 499);
    });
    next();
  }

  #refuse(response: ServerResponse, status: number, text: string): void {
    this.#metrics.refused(status);
    response.statusCode = status;
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    // The body that was not read is still on its way.
    response.setHeader('connection', 'close');
    response.end(`${text}\n`);
  }
}
