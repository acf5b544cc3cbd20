import { Controller, Get, Query, UseFilters } from '@nestjs/common';
import { BlockArchive, TimeSeriesStore } from '#libs/tsdb';
import { invalidParameter } from '../query/query-api-error.ts';
import { QueryErrorFilter } from '../query/query-error.filter.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 10_000;

/** Where the series come from, as Prometheus tells it, which is of the head only; `blockStats` is ours. */
@Controller('api/v1/status')
@UseFilters(QueryErrorFilter)
export class TsdbStatusController {
  readonly #store: TimeSeriesStore;
  readonly #archive: BlockArchive;

  constructor(store: TimeSeriesStore, archive: BlockArchive) {
    this.#store = store;
    this.#archive = archive;
  }

  @Get('tsdb')
  status(@Query('limit') limitText: unknown): object {
    const limit = limitText === undefined ? DEFAULT_LIMIT : Number(limitText);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      throw invalidParameter('limit', `must be a whole number from 1 to ${MAX_LIMIT}`);
    }
    const { series, labelPairs, chunks, minTimeMs, maxTimeMs } = this.#store.statistics();
    return {
      status: 'success',
      data: {
        headStats: {
          numSeries: series,
          numLabelPairs: labelPairs,
          chunkCount: chunks,
          minTime: Number.isFinite(minTimeMs) ? minTimeMs : 0,
          maxTime: Number.isFinite(maxTimeMs) ? maxTimeMs : 0,
        },
        ...this.#store.cardinality(limit),
        blockStats: this.#blockStats(),
      },
    };
  }

  /** Times are null while there are no blocks. */
  #blockStats(): object {
    const { blocks, bytes, samples } = this.#archive.statistics();
    const contents = this.#archive.blocks.map((block) => block.contents);
    return {
      numBlocks: blocks,
      numBytes: bytes,
      numSamples: samples,
      minTime: contents.length === 0 ? null : Math.min(...contents.map(({ minMs }) => minMs)),
      maxTime: contents.length === 0 ? null : Math.max(...contents.map(({ maxMs }) => maxMs)),
    };
  }
}
