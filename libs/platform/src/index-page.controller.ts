import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

/** What an app's root path says: plain text for whoever opens its address in a browser. */
export const INDEX_PAGE = Symbol('IndexPage');

/** Says what runs here and where to look. */
@Controller()
export class IndexPageController {
  readonly #text: string;

  constructor(@Inject(INDEX_PAGE) text: string) {
    this.#text = text;
  }

  @Get()
  index(@Res() reply: FastifyReply): void {
    void reply.type('text/plain; charset=utf-8').send(this.#text);
  }
}
