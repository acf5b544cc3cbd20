import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Paths of the query API, which exist although a method does not. */
const KNOWN = new Set(
  [
    'query',
    'query_range',
    'query_exemplars',
    'format_query',
    'parse_query',
    'series',
    'labels',
    'metadata',
    'status/buildinfo',
    'admin/tsdb/snapshot',
    'admin/tsdb/delete_series',
    'admin/tsdb/clean_tombstones',
  ].map((path) => `/api/v1/${path}`),
);

/** What nothing else under Prometheus's API answers: preflights of browsers, unknown paths, other methods. */
@Controller('api/v1')
export class ApiFallbackController {
  @All('*')
  answer(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (request.method === 'OPTIONS') {
      void reply
        .code(204)
        .header('access-control-allow-headers', 'Accept, Authorization, Content-Type, Origin')
        .header('access-control-allow-methods', 'GET, POST, OPTIONS')
        .header('access-control-allow-origin', '*')
        .send();
      return;
    }
    const [path = ''] = (request.raw.url ?? '').split('?', 1);
    void reply.type('text/plain; charset=utf-8');
    if (KNOWN.has(path)) void reply.code(405).send('Method Not Allowed\n');
    else void reply.code(404).send('404 page not found\n');
  }
}
