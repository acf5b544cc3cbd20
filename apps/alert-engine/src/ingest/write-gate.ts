import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { IngestBudget } from './ingest-budget.ts';
import { type GateOptions, passGate } from './ingest-gate.ts';
import { IngestCounters, IngestMetrics } from './ingest-metrics.ts';
import { messageTypeOf } from './write-message-type.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Turns remote-write requests away that are not to be read. */
@Injectable()
export class WriteGate implements NestMiddleware {
  readonly #options: GateOptions;

  constructor(budget: IngestBudget, counters: IngestCounters) {
    this.#options = {
      budget,
      metrics: new IngestMetrics(counters, 'remote_write'),
      maxBodyBytes: MAX_BODY_BYTES,
      describe: ({ text }) => ({ type: 'text/plain; charset=utf-8', body: `${text}\n` }),
    };
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (request.method === 'POST') {
      const { headers } = request;
      const type = messageTypeOf(headers['content-type'], headers['content-encoding']);
      const problem = 'refusal' in type ? type.refusal : null;
      if (!passGate(request, response, problem, this.#options)) return;
      // A body without a type is one of version 1; the server would not read it without one.
      headers['content-type'] ??= 'application/x-protobuf';
    }
    next();
  }
}
