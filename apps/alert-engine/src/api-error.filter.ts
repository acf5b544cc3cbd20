import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppLogger } from '#libs/platform';
import { keptFormOf } from './ingest/otlp-form.ts';
import { refusedReply } from './ingest/otlp-reply.ts';
import { AlertmanagerErrorFilter } from './notifications/alertmanager-error.filter.ts';
import { LokiErrorFilter } from './logs/query/loki-error.filter.ts';
import { QueryErrorFilter } from './query/query-error.filter.ts';

/** Which protocol's errors a path has; the first that fits. */
const PATHS = [
  ['remote_write', /^\/api\/v1\/write\/?$/],
  ['otlp', /^(?:(?:\/api\/v1\/otlp)?\/v1\/metrics|(?:\/otlp)?\/v1\/logs)\/?$/],
  ['query', /^\/api\/v1(?:\/|$)/],
  ['alertmanager', /^\/api\/v2(?:\/|$)/],
  ['loki', /^\/loki\/api\/v1(?:\/|$)/],
] as const;

/**
 * Errors in the forms of the API they belong to. It is the global filter, because a body that is too large or cannot be
 * parsed is refused before any controller, and its filter, is chosen.
 */
@Catch()
export class ApiErrorFilter extends BaseExceptionFilter {
  readonly #logger: AppLogger;
  readonly #query: QueryErrorFilter;
  readonly #alertmanager: AlertmanagerErrorFilter;
  readonly #loki: LokiErrorFilter;

  constructor(host: HttpAdapterHost, logger: AppLogger) {
    super(host.httpAdapter);
    this.#logger = logger;
    this.#query = new QueryErrorFilter(logger);
    this.#alertmanager = new AlertmanagerErrorFilter(host);
    this.#loki = new LokiErrorFilter(logger);
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const [path = ''] = (request.raw.url ?? '').split('?', 1);
    const known = error instanceof HttpException ? error : null;
    switch (PATHS.find(([, pattern]) => pattern.test(path))?.[0]) {
      case 'remote_write':
        if (known === null) break;
        void reply.code(known.getStatus()).type('text/plain; charset=utf-8');
        void reply.send(`${known.message}\n`);
        return;
      case 'otlp': {
        if (known === null) this.#logger.error('an OTLP request failed unexpectedly', error);
        const form = keptFormOf(request.raw) ?? { encoding: 'json' };
        const code = known?.getStatus() ?? 500;
        const { headers, body } = refusedReply(form, code, known?.message ?? 'internal error');
        void reply.code(code).headers(headers).send(body);
        return;
      }
      case 'query':
        // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's, not a promise's
        this.#query.catch(error, host);
        return;
      case 'alertmanager':
        // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's, not a promise's
        this.#alertmanager.catch(error, host);
        return;
      case 'loki':
        // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's, not a promise's
        this.#loki.catch(error, host);
        return;
      case undefined:
    }
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's, not a promise's
    super.catch(error, host);
  }
}
