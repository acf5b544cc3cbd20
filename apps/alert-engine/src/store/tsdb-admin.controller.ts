import { Controller, HttpCode, Inject, Post, Put, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { invalidParameter, QueryApiError } from '../query/query-api-error.ts';
import { QueryErrorFilter } from '../query/query-error.filter.ts';
import { MAX_TIME_MS, parametersOf } from '../query/query-parameters.ts';
import { Deletions } from './deletions.ts';
import { Snapshots } from './snapshots.ts';

/** What Prometheus, as every program in Go, takes for a truth value. */
const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
]);

/** Prometheus's admin API, off unless `storage.enable_admin_api` says otherwise. */
@Controller('api/v1/admin/tsdb')
@UseFilters(QueryErrorFilter)
export class TsdbAdminController {
  readonly #snapshots: Snapshots;
  readonly #deletions: Deletions;
  readonly #isEnabled: boolean;

  constructor(
    snapshots: Snapshots,
    deletions: Deletions,
    @Inject(ENGINE_CONFIG) config: EngineConfig,
  ) {
    this.#snapshots = snapshots;
    this.#deletions = deletions;
    this.#isEnabled = config.storage.enable_admin_api;
  }

  @Post('snapshot')
  @HttpCode(200)
  async snapshot(@Req() request: FastifyRequest): Promise<object> {
    this.#requireEnabled();
    const text = parametersOf(request).get('skip_head');
    const skipsMemory = text === '' ? false : TRUTH.get(text);
    if (skipsMemory === undefined) {
      throw invalidParameter('skip_head', `unable to parse boolean ${JSON.stringify(text)}`);
    }
    return { status: 'success', data: { name: await this.#snapshots.take(skipsMemory) } };
  }

  @Put('snapshot')
  snapshotByPut(@Req() request: FastifyRequest): Promise<object> {
    return this.snapshot(request);
  }

  @Post('delete_series')
  @HttpCode(204)
  async deleteSeries(@Req() request: FastifyRequest): Promise<void> {
    this.#requireEnabled();
    const parameters = parametersOf(request);
    if (parameters.all('match[]').length === 0) {
      throw new QueryApiError('bad_data', 'no match[] parameter provided');
    }
    const minMs = parameters.timeMsOr('start', -MAX_TIME_MS);
    const maxMs = parameters.timeMsOr('end', MAX_TIME_MS);
    if (maxMs < minMs) {
      throw invalidParameter('end', 'end timestamp must not be before start timestamp');
    }
    const sets = parameters.matcherSets(true);
    await this.#deletions.delete(sets, minMs, maxMs);
  }

  @Put('delete_series')
  @HttpCode(204)
  deleteSeriesByPut(@Req() request: FastifyRequest): Promise<void> {
    return this.deleteSeries(request);
  }

  @Post('clean_tombstones')
  @HttpCode(204)
  async cleanTombstones(): Promise<void> {
    this.#requireEnabled();
    await this.#deletions.clean();
  }

  @Put('clean_tombstones')
  @HttpCode(204)
  cleanTombstonesByPut(): Promise<void> {
    return this.cleanTombstones();
  }

  #requireEnabled(): void {
    if (!this.#isEnabled) throw new QueryApiError('unavailable', 'admin APIs disabled');
  }
}
