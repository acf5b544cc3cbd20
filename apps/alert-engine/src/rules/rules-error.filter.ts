import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RulesRequestError } from '#libs/rules';

/** Turns refused parameters into Prometheus's error bodies. */
@Catch(RulesRequestError)
export class RulesErrorFilter implements ExceptionFilter<RulesRequestError> {
  catch(error: RulesRequestError, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply.code(400).send({ status: 'error', errorType: error.code, error: error.message });
  }
}
