import { Controller, HttpCode, Inject, Post, Put, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { invalidParameter, QueryApiError } from '../query/query-api-error.ts';
import { QueryErrorFilter } from '../query/query-error.filter.ts';
import { parametersOf } from '../query/query-parameters.ts';
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
  readonly #isEnabled: boolean;

  constructor(snapshots: Snapshots, @Inject(ENGINE_CONFIG) config: EngineConfig) {
    this.#snapshots = snapshots;
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
  deleteSeries(): never {
    this.#requireEnabled();
    throw new QueryApiError(
      'not_implemented',
      'series cannot be deleted: blocks never change, and samples go with the retention',
    );
  }

  @Put('delete_series')
  deleteSeriesByPut(): never {
    return this.deleteSeries();
  }

  @Post('clean_tombstones')
  cleanTombstones(): never {
    this.#requireEnabled();
    throw new QueryApiError(
      'not_implemented',
      'there are no tombstones to clean: series cannot be deleted',
    );
  }

  @Put('clean_tombstones')
  cleanTombstonesByPut(): never {
    return this.cleanTombstones();
  }

  #requireEnabled(): void {
    if (!this.#isEnabled) throw new QueryApiError('unavailable', 'admin APIs disabled');
  }
}
