import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { compareSilences, silenceFits, SilenceError, silenceState } from '#libs/dispatch';
import { parseSilenceQuery } from './alert-query.ts';
import { AlertmanagerApiError, checkJson } from './alertmanager-api-error.ts';
import { NotificationService } from './notification-service.ts';
import { parsePostedSilence, parseSilenceId, toSilenceJson } from './silence-json.ts';

const JSON_TYPE = 'application/json';

/** The silences of Alertmanager's API. An answer 200 is given when the silence is on disk. */
@Controller('api/v2')
export class SilencesController {
  readonly #service: NotificationService;

  constructor(service: NotificationService) {
    this.#service = service;
  }

  @Get('silences')
  @Header('content-type', JSON_TYPE)
  list(@Req() request: FastifyRequest): string {
    this.#service.checkRestored();
    const params = new URL(request.raw.url ?? '/', 'http://localhost').searchParams;
    const query = parseSilenceQuery(params);
    const nowMs = Date.now();
    const wanted = [...this.#service.silences.all()].filter(
      (silence) =>
        query.states.has(silenceState(silence, nowMs)) && silenceFits(silence, query.matchers),
    );
    const sorted = wanted.toSorted((a, b) => compareSilences(a, b, nowMs));
    return JSON.stringify(sorted.map((silence) => toSilenceJson(silence, nowMs)));
  }

  @Post('silences')
  @HttpCode(200)
  @Header('content-type', JSON_TYPE)
  async post(@Req() request: FastifyRequest, @Body() body: unknown): Promise<string> {
    checkJson(request.headers['content-type']);
    this.#service.checkRestored();
    const posted = parsePostedSilence(body);
    try {
      return JSON.stringify({ silenceID: await this.#service.silences.put(posted) });
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      throw AlertmanagerApiError.refused(error.code === 'not-found' ? 404 : 400, error.message);
    }
  }

  @Get('silence/:id')
  @Header('content-type', JSON_TYPE)
  get(@Param('id') text: string): string {
    const id = parseSilenceId(text);
    this.#service.checkRestored();
    const silence = this.#service.silences.get(id);
    if (silence === null) throw AlertmanagerApiError.empty(404);
    return JSON.stringify(toSilenceJson(silence, Date.now()));
  }

  @Delete('silence/:id')
  @HttpCode(200)
  async expire(@Param('id') text: string): Promise<void> {
    const id = parseSilenceId(text);
    this.#service.checkRestored();
    try {
      await this.#service.silences.expire(id);
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      throw AlertmanagerApiError.empty(404);
    }
  }
}
