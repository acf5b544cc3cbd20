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

/** Turns OTLP requests with metrics away that are not to be read. */
@Injectable()
export class OtlpGate implements NestMiddleware {
  readonly #budget: IngestBudget;
  readonly #metrics: IngestMetrics;

  constructor(budget: IngestBudget, counters: IngestCounters) {
    this.#budget = budget;
    this.#metrics = new IngestMetrics(counters, 'otlp');
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (passOtlpGate(request, response, this.#budget, this.#metrics)) next();
  }
}

/** The gate of OTLP requests of any kind. @returns whether the request may go on */
export function passOtlpGate(
  request: IncomingMessage,
  response: ServerResponse,
  budget: IngestBudget,
  metrics: IngestMetrics,
): boolean {
  if (request.method !== 'POST') return true;
  const { headers } = request;
  const form = otlpFormOf(headers['content-type'], headers['content-encoding']);
  // Whoever sends something else is most likely a person with a command line.
  const encoding = otlpEncodingOf(headers['content-type']) ?? 'json';
  const options = {
    budget,
    metrics,
    maxBodyBytes: MAX_OTLP_BYTES[encoding],
    describe: ({ status, text }: GateRefusal) => ({
      type: mediaTypeOf(encoding),
      body: encodeStatus(encoding, grpcCodeOf(status), text),
    }),
  };
  const problem = 'refusal' in form ? form.refusal : null;
  if (!passGate(request, response, problem, options)) return false;
  if (!('refusal' in form)) readAsBytes(request, form);
  return true;
}
