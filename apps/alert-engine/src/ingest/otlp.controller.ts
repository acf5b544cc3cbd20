import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OtlpReceiver } from './otlp-receiver.ts';
import { answerExport } from './otlp-reply.ts';

/** OpenTelemetry's way in: OTLP over HTTP, at its own path and at Prometheus's. */
@Controller()
export class OtlpController {
  readonly #receiver: OtlpReceiver;

  constructor(receiver: OtlpReceiver) {
    this.#receiver = receiver;
  }

  @Post(['v1/metrics', 'api/v1/otlp/v1/metrics'])
  export(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return answerExport(this.#receiver, body, request, reply);
  }
}
