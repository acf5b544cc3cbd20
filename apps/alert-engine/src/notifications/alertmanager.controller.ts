import { All, Body, Controller, Get, Header, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { parseAlertQuery } from './alert-query.ts';
import { listAlerts, listGroups, listReceivers } from './alert-views.ts';
import { AlertmanagerApiError, checkJson } from './alertmanager-api-error.ts';
import { AlertmanagerStatus } from './alertmanager-status.ts';
import { NotificationMetrics } from './notification-metrics.ts';
import { NotificationService } from './notification-service.ts';
import { parsePostedAlerts } from './posted-alerts.ts';

const JSON_TYPE = 'application/json';

/** Alertmanager's API, version 2, but for its silences. */
@Controller('api/v2')
export class AlertmanagerController {
  readonly #service: NotificationService;
  readonly #metrics: NotificationMetrics;
  readonly #status: AlertmanagerStatus;

  constructor(
    service: NotificationService,
    metrics: NotificationMetrics,
    status: AlertmanagerStatus,
  ) {
    this.#service = service;
    this.#metrics = metrics;
    this.#status = status;
  }

  @Get('alerts')
  @Header('content-type', JSON_TYPE)
  alerts(@Req() request: FastifyRequest): string {
    this.#service.checkRestored();
    return JSON.stringify(listAlerts(this.#service, parseAlertQuery(paramsOf(request))));
  }

  @Post('alerts')
  @HttpCode(200)
  post(@Req() request: FastifyRequest, @Body() body: unknown): void {
    this.#service.checkRestored();
    checkJson(request.headers['content-type']);
    const { alerts, problems } = parsePostedAlerts(body);
    const nowMs = Date.now();
    this.#service.accept(alerts, nowMs);
    this.#metrics.acceptedFromApi(
      alerts.map(({ endsAtMs }) => ({ endsAtMs: endsAtMs ?? Number.POSITIVE_INFINITY })),
      nowMs,
    );
    this.#metrics.invalid.inc({ version: 'v2' }, problems.length);
    if (problems.length > 0) throw AlertmanagerApiError.refused(400, problems.join('; '));
  }

  @Get('alerts/groups')
  @Header('content-type', JSON_TYPE)
  groups(@Req() request: FastifyRequest): string {
    this.#service.checkRestored();
    return JSON.stringify(listGroups(this.#service, parseAlertQuery(paramsOf(request))));
  }

  @Get('receivers')
  @Header('content-type', JSON_TYPE)
  receivers(@Req() request: FastifyRequest): string {
    const query = parseAlertQuery(paramsOf(request));
    return JSON.stringify(listReceivers(this.#service.config.receivers, query));
  }

  @Get('status')
  @Header('content-type', JSON_TYPE)
  status(): string {
    return JSON.stringify(this.#status.toJson());
  }

  @All('*')
  other(@Req() request: FastifyRequest): never {
    const path = (request.raw.url ?? '').split('?', 1)[0]!;
    const plain = path.replace(/\/+$/, '').replace(/^(\/api\/v2\/silence)\/[^/]+$/, '$1');
    const allowed = METHODS.get(plain);
    if (allowed === undefined) {
      throw AlertmanagerApiError.malformed(404, `path ${path} was not found`);
    }
    const message = `method ${request.method} is not allowed, but [${allowed}] are`;
    throw AlertmanagerApiError.malformed(405, message);
  }
}

const METHODS: ReadonlyMap<string, string> = new Map([
  ['/api/v2/alerts', 'GET,POST'],
  ['/api/v2/alerts/groups', 'GET'],
  ['/api/v2/receivers', 'GET'],
  ['/api/v2/silence', 'DELETE,GET'],
  ['/api/v2/silences', 'GET,POST'],
  ['/api/v2/status', 'GET'],
]);

function paramsOf(request: FastifyRequest): URLSearchParams {
  return new URL(request.raw.url ?? '/', 'http://localhost').searchParams;
}
