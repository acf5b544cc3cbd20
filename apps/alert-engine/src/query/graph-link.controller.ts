import { Controller, Get, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';

const graphQuery = z.object({ 'g0.expr': z.string().default('') });

/**
 * Where the links in alerts lead (`/graph?g0.expr=…`, as Prometheus writes them). There is no page with graphs here, so they
 * go on to the expression's value.
 */
@Controller()
export class GraphLinkController {
  @Get('graph')
  follow(
    @Query({ schema: graphQuery }) params: z.output<typeof graphQuery>,
    @Res() reply: FastifyReply,
  ): void {
    const query = encodeURIComponent(params['g0.expr']);
    void reply.redirect(`/api/v1/query?query=${query}`, 302);
  }
}
