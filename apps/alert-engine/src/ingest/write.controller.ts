import { BadRequestException, Body, Controller, Headers, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RemoteWriteReceiver } from './remote-write-receiver.ts';
import { messageTypeOf } from './write-message-type.ts';

/** Prometheus remote write. */
@Controller('api/v1')
export class WriteController {
  readonly #receiver: RemoteWriteReceiver;

  constructor(receiver: RemoteWriteReceiver) {
    this.#receiver = receiver;
  }

  @Post('write')
  async write(
    @Body() body: unknown,
    @Headers('content-type') contentType: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // The gate has let through what has a type; a request without any body has none.
    const type = messageTypeOf(contentType, 'snappy');
    if ('refusal' in type || !Buffer.isBuffer(body)) {
      throw new BadRequestException('the request has no body');
    }
    const { status, text, headers } = await this.#receiver.receive(body, type.message);
    void reply.code(status).headers(headers);
    if (text === '') void reply.send();
    else void reply.type('text/plain; charset=utf-8').send(`${text}\n`);
  }
}
