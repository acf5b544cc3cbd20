import { Controller, HttpCode, HttpException, Post } from '@nestjs/common';
import { describeError } from './app-logger.ts';
import { ReloadService } from './reload-service.ts';

/** Prometheus's way to ask for a reload. */
@Controller()
export class ReloadController {
  readonly #reloads: ReloadService<unknown>;

  constructor(reloads: ReloadService<unknown>) {
    this.#reloads = reloads;
  }

  @Post('-/reload')
  @HttpCode(200)
  async reload(): Promise<string> {
    try {
      await this.#reloads.reload();
    } catch (error) {
      throw new HttpException(`failed to reload config: ${describeError(error)}`, 500);
    }
    return '';
  }
}
