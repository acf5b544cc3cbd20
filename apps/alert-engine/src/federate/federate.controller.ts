import { Readable } from 'node:stream';
import { Controller, Get, Inject, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Labels } from '#libs/labels';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { nextTurn } from '../query/loop-turns.ts';
import { QueryApiError } from '../query/query-api-error.ts';
import { QueryErrorFilter } from '../query/query-error.filter.ts';
import { QueryParameters } from '../query/query-parameters.ts';
import { STORE, type Store } from '../store/store.ts';
import { federate } from './federation.ts';

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `/federate`: the youngest samples, for another Prometheus to scrape. */
@Controller('federate')
@UseFilters(QueryErrorFilter)
export class FederateController {
  readonly #store: Store;
  readonly #lookbackMs: number;
  readonly #externalLabels: Labels;

  constructor(@Inject(STORE) store: Store, @Inject(ENGINE_CONFIG) config: EngineConfig) {
    this.#store = store;
    this.#lookbackMs = config.limits.query.lookback_delta;
    this.#externalLabels = Labels.fromRecord(config.external_labels);
  }

  @Get()
  async federate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { searchParams } = new URL(request.raw.url ?? '/', 'http://localhost');
    const matcherSets = new QueryParameters(searchParams, new URLSearchParams()).matcherSets(true);
    const unavailable = this.#store.unavailability();
    if (unavailable?.code === 'replaying' || unavailable?.code === 'closed') {
      throw new QueryApiError('unavailable', unavailable.message);
    }
    const body = federate(
      this.#store,
      matcherSets,
      {
        nowMs: Date.now(),
        lookbackMs: this.#lookbackMs,
        externalLabels: this.#externalLabels,
      },
      nextTurn,
    );
    // What goes wrong while samples are looked up is still answered with its own status.
    const { value: start } = await body.next();
    void reply.type(CONTENT_TYPE).send(Readable.from(continued(start ?? '', body)));
  }
}

async function* continued(
  start: string,
  rest: AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  // A stream takes an empty piece for its end.
  if (start !== '') yield start;
  for await (const part of rest) if (part !== '') yield part;
}
