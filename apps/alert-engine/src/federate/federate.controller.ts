import { Readable } from 'node:stream';
import { Controller, Get, Inject, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptedFormat } from '#libs/exposition';
import { Labels } from '#libs/labels';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { createPause } from '../turns/loop-turns.ts';
import { QueryApiError } from '../query/query-api-error.ts';
import { QueryErrorFilter } from '../query/query-error.filter.ts';
import { QueryParameters } from '../query/query-parameters.ts';
import { acceptedEncoding, sendCompressed } from '../http/chunked-reply.ts';
import { STORE, type Store } from '../store/store.ts';
import { federate } from './federation.ts';

const MAX_AT_A_TIME = 16;
/** Nobody scrapes for longer; whoever stops reading must not keep others out. */
const MAX_MS = 120_000;

/** `/federate`: the youngest samples, for another Prometheus to scrape. */
@Controller('federate')
@UseFilters(QueryErrorFilter)
export class FederateController {
  readonly #store: Store;
  readonly #lookbackMs: number;
  readonly #externalLabels: Labels;
  #running = 0;

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
    if (this.#running >= MAX_AT_A_TIME) {
      throw new QueryApiError('unavailable', 'too many requests to federate at a time');
    }
    this.#running++;
    const giveUp = setTimeout(() => reply.raw.destroy(), MAX_MS);
    reply.raw.once('close', () => {
      clearTimeout(giveUp);
      this.#running--;
    });
    const accepted = acceptedFormat(request.headers.accept);
    const pieces = federate(
      this.#store,
      matcherSets,
      {
        nowMs: Date.now(),
        lookbackMs: this.#lookbackMs,
        externalLabels: this.#externalLabels,
        accepted,
      },
      createPause(() => {
        if (reply.raw.destroyed) throw new QueryApiError('canceled', 'the client is gone');
      }),
    );
    // What goes wrong while samples are looked up is still answered with its own status.
    const { value: start } = await pieces.next();
    const body = Readable.from(continued(start ?? '', pieces), { objectMode: false });
    void reply.type(accepted.contentType).header('vary', 'Accept, Accept-Encoding');
    sendCompressed(reply, body, acceptedEncoding(request.headers['accept-encoding']));
  }
}

async function* continued(
  start: string,
  rest: AsyncIterable<string>,
): AsyncGenerator<Buffer, void, undefined> {
  // A stream takes an empty piece for its end.
  if (start !== '') yield Buffer.from(start);
  for await (const part of rest) if (part !== '') yield Buffer.from(part);
}
