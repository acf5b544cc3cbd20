import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { ReloadService } from './reload-service.ts';

const LOOK_EVERY_MS = 5_000;

/** Asks for a reload on SIGHUP and when a watched file has changed. */
@Injectable()
export class ReloadRunner implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #reloads: ReloadService<unknown>;
  readonly #onHangup = (): void => {
    this.#reloads.reload().catch(() => null); // already logged and counted
  };

  constructor(reloads: ReloadService<unknown>) {
    this.#reloads = reloads;
  }

  async onApplicationBootstrap(): Promise<void> {
    process.on('SIGHUP', this.#onHangup);
    await this.#reloads.reloadIfChanged(); // the first look only remembers
  }

  onModuleDestroy(): void {
    process.off('SIGHUP', this.#onHangup);
  }

  @Interval(LOOK_EVERY_MS)
  async look(): Promise<void> {
    await this.#reloads.reloadIfChanged();
  }
}
