import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AppLogger } from '#libs/platform';
import { type ApiErrorType, QueryApiError } from './query-api-error.ts';

/** Turns what goes wrong in the query API into Prometheus's error bodies. */
@Catch()
export class QueryErrorFilter implements ExceptionFilter {
  readonly #logger: AppLogger;

  constructor(logger: AppLogger) {
    this.#logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, errorType, message } = this.#describe(error);
    if (status === 503) void reply.header('retry-after', '5');
    void reply.code(status).send({ status: 'error', errorType, error: message });
  }

  #describe(error: unknown): { status: number; errorType: ApiErrorType; message: string } {
    if (error instanceof QueryApiError) {
      return { status: error.status, errorType: error.errorType, message: error.message };
    }
    if (error instanceof HttpException) {
      const status = error.getStatus();
      return {
        status,
        errorType: status < 500 ? 'bad_data' : 'internal',
        message: error.message,
      };
    }
    this.#logger.error('a query failed unexpectedly', error);
    return { status: 500, errorType: 'internal', message: 'internal error' };
  }
}
