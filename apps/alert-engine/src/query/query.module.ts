import { Module } from '@nestjs/common';
import { ApiFallbackController } from './api-fallback.controller.ts';
import { GraphLinkController } from './graph-link.controller.ts';
import { QUERY_ENGINE, queryProviders } from './query-providers.ts';
import { QueryController } from './query.controller.ts';

/** The query engine and Prometheus's HTTP API for queries; it reads from the global store. */
@Module({
  controllers: [QueryController, GraphLinkController, ApiFallbackController],
  providers: queryProviders,
  exports: [QUERY_ENGINE],
})
export class QueryModule {}
