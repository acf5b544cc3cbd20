import { Controller, Get, HttpCode, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Labels } from '#libs/labels';
import { goneSignal } from '../http/gone-signal.ts';
import { success } from '../http/success.ts';
import { QueryErrorFilter } from './query-error.filter.ts';
import { parametersOf } from './query-parameters.ts';
import { sendChunks } from '../http/chunked-reply.ts';
import { type ListAnswer, QueryService } from './query-service.ts';

/** Version of Prometheus whose API this is; Grafana turns features on by it. */
const API_VERSION = '3.5.0';

/** Prometheus's HTTP API for queries, with GET and, where Prometheus has it, POST with a form. */
@Controller('api/v1')
@UseFilters(QueryErrorFilter)
export class QueryController {
  readonly #service: QueryService;

  constructor(service: QueryService) {
    this.#service = service;
  }

  @Get('query')
  async instant(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const signal = goneSignal(reply);
    sendChunks(request, reply, await this.#service.instant(parametersOf(request), signal));
  }

  @Post('query')
  @HttpCode(200)
  instantByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.instant(request, reply);
  }

  @Get('query_range')
  async range(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const signal = goneSignal(reply);
    sendChunks(request, reply, await this.#service.range(parametersOf(request), signal));
  }

  @Post('query_range')
  @HttpCode(200)
  rangeByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.range(request, reply);
  }

  @Get('format_query')
  format(@Req() request: FastifyRequest): object {
    return success(this.#service.format(parametersOf(request)));
  }

  @Post('format_query')
  @HttpCode(200)
  formatByForm(@Req() request: FastifyRequest): object {
    return this.format(request);
  }

  @Get('parse_query')
  parse(@Req() request: FastifyRequest): object {
    return success(this.#service.parse(parametersOf(request)));
  }

  @Post('parse_query')
  @HttpCode(200)
  parseByForm(@Req() request: FastifyRequest): object {
    return this.parse(request);
  }

  @Get('query_exemplars')
  exemplars(@Req() request: FastifyRequest): object {
    return success(this.#service.exemplars(parametersOf(request)));
  }

  @Post('query_exemplars')
  @HttpCode(200)
  exemplarsByForm(@Req() request: FastifyRequest): object {
    return this.exemplars(request);
  }

  @Get('series')
  async series(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    sendList(request, reply, await this.#service.series(parametersOf(request)));
  }

  @Post('series')
  @HttpCode(200)
  seriesByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.series(request, reply);
  }

  @Get('labels')
  async labels(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    sendList(request, reply, await this.#service.labelNames(parametersOf(request)));
  }

  @Post('labels')
  @HttpCode(200)
  labelsByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.labels(request, reply);
  }

  @Get('label/:name/values')
  async labelValues(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendList(request, reply, await this.#service.labelValues(name, parametersOf(request)));
  }

  /** Types and help texts of metrics, as senders tell them. */
  @Get('metadata')
  metadata(@Req() request: FastifyRequest): object {
    return success(this.#service.metadata(parametersOf(request)));
  }

  @Get('status/buildinfo')
  buildInfo(): object {
    return success({
      version: API_VERSION,
      revision: '',
      branch: 'binnacle',
      buildUser: '',
      buildDate: '',
      goVersion: '',
    });
  }
}

/** Series are many and long, so lists are written piece by piece. */
function sendList(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: ListAnswer<string | Labels>,
): void {
  sendChunks(request, reply, writeList(answer));
}

const ITEMS_PER_CHUNK = 500;

function* writeList({ data, warnings }: ListAnswer<string | Labels>): Generator<string> {
  let text = '{"status":"success","data":[';
  for (let from = 0; from < data.length; from += ITEMS_PER_CHUNK) {
    if (from > 0) {
      yield text;
      text = ',';
    }
    // Without the brackets of the list.
    text += JSON.stringify(data.slice(from, from + ITEMS_PER_CHUNK)).slice(1, -1);
  }
  const rest = warnings.length > 0 ? `,"warnings":${JSON.stringify(warnings)}` : '';
  yield `${text}]${rest}}`;
}
