import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { MAX_PUSH_BYTES } from '#libs/log-store';
import { IngestBudget } from '../../ingest/ingest-budget.ts';
import { passGate } from '../../ingest/ingest-gate.ts';
import { IngestCounters, IngestMetrics } from '../../ingest/ingest-metrics.ts';
import { keepPushForm, pushFormOf } from './push-form.ts';

/** Turns pushes away that are not to be read. */
@Injectable()
export class PushGate implements NestMiddleware {
  readonly #budget: IngestBudget;
  readonly #metrics: IngestMetrics;

  constructor(budget: IngestBudget, counters: IngestCounters) {
    this.#budget = budget;
    this.#metrics = new IngestMetrics(counters, 'loki');
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (request.method === 'POST') {
      const { headers } = request;
      const form = pushFormOf(headers['content-type'], headers['content-encoding']);
      const options = {
        budget: this.#budget,
        metrics: this.#metrics,
        maxBodyBytes: MAX_PUSH_BYTES['refusal' in form ? 'json' : form.encoding],
        describe: ({ text }: { readonly text: string }) => ({
          type: 'text/plain; charset=utf-8',
          body: `${text}\n`,
        }),
      };
      if (!passGate(request, response, 'refusal' in form ? form.refusal : null, options)) return;
      if (!('refusal' in form)) keepPushForm(request, form);
    }
    next();
  }
}
