import { All, Controller, Get, HttpCode, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { goneSignal } from '../../http/gone-signal.ts';
import { success } from '../../http/success.ts';
import { sendChunks } from '../../http/chunked-reply.ts';
import { LogQueryService, LOKI_API_VERSION } from './log-query-service.ts';
import { LokiApiError } from './loki-api-error.ts';
import { LokiErrorFilter } from './loki-error.filter.ts';
import { lokiParametersOf, type LokiParameters } from './loki-parameters.ts';

const CATEGORIZE = 'categorize-labels';

/** Loki's HTTP API for queries, with GET and with POST and a form. */
@Controller('loki/api/v1')
@UseFilters(LokiErrorFilter)
export class LokiQueryController {
  readonly #service: LogQueryService;

  constructor(service: LogQueryService) {
    this.#service = service;
  }

  @Get('query')
  async instant(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request);
    sendChunks(request, reply, await this.#service.instant(parameters, goneSignal(reply)));
  }

  @Post('query')
  @HttpCode(200)
  instantByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.instant(request, reply);
  }

  @Get('query_range')
  async range(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const flags = String(request.headers['x-loki-response-encoding-flags'] ?? '');
    const isCategorized = flags.split(',').some((flag) => flag.trim() === CATEGORIZE);
    const body = await this.#service.range(parametersOf(request), goneSignal(reply), isCategorized);
    sendChunks(request, reply, body);
  }

  @Post('query_range')
  @HttpCode(200)
  rangeByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.range(request, reply);
  }

  @Get(['labels', 'label'])
  async labels(@Req() request: FastifyRequest): Promise<object> {
    return success(await this.#service.labelNames(parametersOf(request)));
  }

  @Post(['labels', 'label'])
  @HttpCode(200)
  labelsByForm(@Req() request: FastifyRequest): Promise<object> {
    return this.labels(request);
  }

  @Get('label/:name/values')
  async labelValues(@Param('name') name: string, @Req() request: FastifyRequest): Promise<object> {
    return success(await this.#service.labelValues(name, parametersOf(request)));
  }

  @Post('label/:name/values')
  @HttpCode(200)
  labelValuesByForm(@Param('name') name: string, @Req() request: FastifyRequest): Promise<object> {
    return this.labelValues(name, request);
  }

  @Get('series')
  async series(@Req() request: FastifyRequest): Promise<object> {
    return success(await this.#service.series(parametersOf(request)));
  }

  @Post('series')
  @HttpCode(200)
  seriesByForm(@Req() request: FastifyRequest): Promise<object> {
    return this.series(request);
  }

  @Get('index/stats')
  stats(@Req() request: FastifyRequest): Promise<object> {
    return this.#service.stats(parametersOf(request));
  }

  @Post('index/stats')
  @HttpCode(200)
  statsByForm(@Req() request: FastifyRequest): Promise<object> {
    return this.stats(request);
  }

  @Get('index/volume')
  async volume(@Req() request: FastifyRequest): Promise<object> {
    return success(await this.#service.volume(parametersOf(request)));
  }

  @Post('index/volume')
  @HttpCode(200)
  volumeByForm(@Req() request: FastifyRequest): Promise<object> {
    return this.volume(request);
  }

  @Get('index/volume_range')
  async volumeRange(@Req() request: FastifyRequest): Promise<object> {
    return success(await this.#service.volumeRange(parametersOf(request)));
  }

  @Post('index/volume_range')
  @HttpCode(200)
  volumeRangeByForm(@Req() request: FastifyRequest): Promise<object> {
    return this.volumeRange(request);
  }

  @Get('detected_labels')
  detectedLabels(@Req() request: FastifyRequest): Promise<object> {
    return this.#service.detectedLabels(parametersOf(request));
  }

  @Post('detected_labels')
  @HttpCode(200)
  detectedLabelsByForm(@Req() request: FastifyRequest): Promise<object> {
    return this.detectedLabels(request);
  }

  @Get('detected_fields')
  async detectedFields(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void reply.send(await this.#service.detectedFields(parametersOf(request), goneSignal(reply)));
  }

  @Post('detected_fields')
  @HttpCode(200)
  detectedFieldsByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.detectedFields(request, reply);
  }

  @Get('detected_field/:name/values')
  async detectedValues(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    void reply.send(
      await this.#service.detectedValues(name, parametersOf(request), goneSignal(reply)),
    );
  }

  @Post('detected_field/:name/values')
  @HttpCode(200)
  detectedValuesByForm(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.detectedValues(name, request, reply);
  }

  @Get('patterns')
  async patterns(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const found = await this.#service.patterns(parametersOf(request), goneSignal(reply));
    void reply.send(success(found));
  }

  @Post('patterns')
  @HttpCode(200)
  patternsByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.patterns(request, reply);
  }

  @Get('drilldown-limits')
  drilldownLimits(): object {
    return this.#service.drilldownLimits();
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

  @Get('status/buildinfo')
  buildInfo(): object {
    return {
      version: LOKI_API_VERSION,
      revision: '',
      branch: 'binnacle',
      buildUser: '',
      buildDate: '',
      goVersion: '',
    };
  }

  /**
   * Whether lines may be followed. A client that follows asks for a websocket, which `TailGateway` opens once this has
   * said yes: so the same hooks decide as for every other request.
   */
  @Get('tail')
  @HttpCode(204)
  tail(@Req() request: FastifyRequest): void {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      throw new LokiApiError(
        400,
        'lines are followed over a websocket, which this request does not ask for',
      );
    }
    const parameters = parametersOf(request);
    this.#service.tailedQuery(parameters);
    parameters.range();
  }

  /** Rules, deletions and what else is not served. */
  @All('*')
  notFound(@Req() request: FastifyRequest): never {
    const [path = ''] = (request.raw.url ?? '').split('?', 1);
    throw new LokiApiError(404, `404 page not found: ${path.slice(0, 200)} is not served here`);
  }
}

function parametersOf(request: FastifyRequest): LokiParameters {
  return lokiParametersOf(request, Date.now());
}
