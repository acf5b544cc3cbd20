import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerExport } from '../../ingest/otlp-reply.ts';
import { OtlpLogsReceiver } from './otlp-logs-receiver.ts';

/** OpenTelemetry's way in for logs, at its own path and at Loki's. */
@Controller()
export class OtlpLogsController {
  readonly #receiver: OtlpLogsReceiver;

  constructor(receiver: OtlpLogsReceiver) {
    this.#receiver = receiver;
  }

  @Post(['v1/logs', 'otlp/v1/logs'])
  export(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return answerExport(this.#receiver, body, request, reply);
  }
}
