import type { CommandIo } from './command.ts';

const EVERY_MS = 2_000;

/** Says on standard error how far a long command has come, every two seconds. */
export class Progress {
  readonly #io: CommandIo;
  #shownMs = performance.now();

  constructor(io: CommandIo) {
    this.#io = io;
  }

  /** @param describe asked only when something is to be said */
  show(describe: () => string): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < EVERY_MS) return;
    this.#shownMs = nowMs;
    this.#io.err(`${describe()}\n`);
  }
}
