import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { IngestBudget } from '../../ingest/ingest-budget.ts';
import { IngestCounters, IngestMetrics } from '../../ingest/ingest-metrics.ts';
import { passOtlpGate } from '../../ingest/otlp-gate.ts';

/** Turns OTLP requests with logs away that are not to be read. */
@Injectable()
export class OtlpLogsGate implements NestMiddleware {
  readonly #budget: IngestBudget;
  readonly #metrics: IngestMetrics;

  constructor(budget: IngestBudget, counters: IngestCounters) {
    this.#budget = budget;
    this.#metrics = new IngestMetrics(counters, 'otlp_logs');
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (passOtlpGate(request, response, this.#budget, this.#metrics)) next();
  }
}
