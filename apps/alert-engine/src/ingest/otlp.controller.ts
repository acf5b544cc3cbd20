import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assert } from '#libs/invariant';
import { keptFormOf } from './otlp-form.ts';
import { OtlpReceiver } from './otlp-receiver.ts';

/** OpenTelemetry's way in: OTLP over HTTP, at its own path and at Prometheus's. */
@Controller()
export class OtlpController {
  readonly #receiver: OtlpReceiver;

  constructor(receiver: OtlpReceiver) {
    this.#receiver = receiver;
  }

  @Post(['v1/metrics', 'api/v1/otlp/v1/metrics'])
  async export(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const form = keptFormOf(request.raw);
    assert(form !== null, 'a request that did not come through the gate');
    // An empty message of protocol buffers has no bytes at all.
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    const { status, body: answer, headers } = await this.#receiver.receive(bytes, form);
    void reply.code(status).headers(headers).send(answer);
  }
}
