import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AlertmanagerApiError } from './alertmanager-api-error.ts';

/**
 * Errors of Alertmanager's API in its forms; everything under other paths, and what it does not know, it passes on.
 */
@Catch()
export class AlertmanagerErrorFilter extends BaseExceptionFilter {
  constructor(host: HttpAdapterHost) {
    super(host.httpAdapter);
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const known = /^\/api\/v2(?:[/?]|$)/.test(request.raw.url ?? '')
      ? toApiError(error, request)
      : null;
    if (known === null) {
      // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's, not a promise's
      super.catch(error, host);
      return;
    }
    const reply = http.getResponse<FastifyReply>();
    if (known.status === 503) void reply.header('retry-after', '1');
    if (known.body === null) void reply.code(known.status).removeHeader('content-type').send();
    else void reply.code(known.status).type('application/json').send(JSON.stringify(known.body));
  }
}

/** Nest has made its own errors of Fastify's by now; their status says what they were. */
function toApiError(error: unknown, request: FastifyRequest): AlertmanagerApiError | null {
  if (error instanceof AlertmanagerApiError) return error;
  if (!(error instanceof HttpException)) return null;
  const status = error.getStatus();
  if (status === 415) {
    return AlertmanagerApiError.unsupportedMediaType(request.headers['content-type'] ?? '');
  }
  if (status === 400) {
    const message = `parsing the body failed, because ${error.message}`;
    return AlertmanagerApiError.malformed(status, message);
  }
  return AlertmanagerApiError.malformed(status, error.message);
}
