import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assert } from '#libs/invariant';
import { keptPushFormOf } from './push-form.ts';
import { PushReceiver } from './push-receiver.ts';

/** Loki's way in. */
@Controller('loki/api/v1')
export class PushController {
  readonly #receiver: PushReceiver;

  constructor(receiver: PushReceiver) {
    this.#receiver = receiver;
  }

  @Post('push')
  async push(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const form = keptPushFormOf(request.raw);
    assert(form !== null, 'a request that did not come through the gate');
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    const { status, text, headers } = await this.#receiver.receive(bytes, form);
    void reply.code(status).headers(headers);
    if (text === '') void reply.send();
    else void reply.type('text/plain; charset=utf-8').send(`${text}\n`);
  }
}
