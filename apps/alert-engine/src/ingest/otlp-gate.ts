import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import {
  encodeStatus,
  grpcCodeOf,
  MAX_OTLP_BYTES,
  mediaTypeOf,
  otlpEncodingOf,
  otlpFormOf,
} from '#libs/otlp';
import { IngestBudget } from './ingest-budget.ts';
import { type GateRefusal, passGate } from './ingest-gate.ts';
import { IngestCounters, IngestMetrics } from './ingest-metrics.ts';
import { readAsBytes } from './otlp-form.ts';

/** Turns OTLP requests away that are not to be read. */
@Injectable()
export class OtlpGate implements NestMiddleware {
  readonly #budget: IngestBudget;
  readonly #metrics: IngestMetrics;

  constructor(budget: IngestBudget, counters: IngestCounters) {
    this.#budget = budget;
    this.#metrics = new IngestMetrics(counters, 'otlp');
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (request.method === 'POST') {
      const { headers } = request;
      const form = otlpFormOf(headers['content-type'], headers['content-encoding']);
      // Whoever sends something else is most likely a person with a command line.
      const encoding = otlpEncodingOf(headers['content-type']) ?? 'json';
      const options = {
        budget: this.#budget,
        metrics: this.#metrics,
        maxBodyBytes: MAX_OTLP_BYTES[encoding],
        describe: ({ status, text }: GateRefusal) => ({
          type: mediaTypeOf(encoding),
          body: encodeStatus(encoding, grpcCodeOf(status), text),
        }),
      };
      const problem = 'refusal' in form ? form.refusal : null;
      if (!passGate(request, response, problem, options)) return;
      if (!('refusal' in form)) readAsBytes(request, form);
    }
    next();
  }
}
