import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AppLogger } from '#libs/platform';
import { LokiApiError } from './loki-api-error.ts';

/** Turns what goes wrong in Loki's API into texts, as Loki does. */
@Catch()
export class LokiErrorFilter implements ExceptionFilter {
  readonly #logger: AppLogger;

  constructor(logger: AppLogger) {
    this.#logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, message } = this.#describe(error);
    if (status === 429 || status === 503) void reply.header('retry-after', '5');
    void reply.code(status).type('text/plain; charset=utf-8').send(`${message}\n`);
  }

  #describe(error: unknown): { status: number; message: string } {
    if (error instanceof LokiApiError) return { status: error.status, message: error.message };
    if (error instanceof HttpException) {
      return { status: error.getStatus(), message: error.message };
    }
    this.#logger.error('a query over log lines failed unexpectedly', error);
    return { status: 500, message: 'internal error' };
  }
}
