import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assert } from '#libs/invariant';
import { keptFormOf } from '../../ingest/otlp-form.ts';
import { OtlpLogsReceiver } from './otlp-logs-receiver.ts';

/** OpenTelemetry's way in for logs, at its own path and at Loki's. */
@Controller()
export class OtlpLogsController {
  readonly #receiver: OtlpLogsReceiver;

  constructor(receiver: OtlpLogsReceiver) {
    this.#receiver = receiver;
  }

  @Post(['v1/logs', 'otlp/v1/logs'])
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
