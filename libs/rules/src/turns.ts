import type { RuleContext } from './rule-context.ts';

/** How long a loop over samples or alerts goes on before the event loop gets a turn. */
const TURN_MS = 5;
/** The clock is looked at once in so many items. */
const ITEMS_PER_LOOK = 64;

/** Lets the event loop turn now and then while a loop over very many things runs: `if (turns.isOver()) await turns.next()`. */
export class Turns {
  readonly #context: Pick<RuleContext, 'clockMs' | 'yieldToLoop'>;
  #startedMs: number;
  #items = 0;

  constructor(context: Pick<RuleContext, 'clockMs' | 'yieldToLoop'>) {
    this.#context = context;
    this.#startedMs = context.clockMs();
  }

  /** @param items handled since it was asked last */
  isOver(items = 1): boolean {
    this.#items += items;
    if (this.#items < ITEMS_PER_LOOK) return false;
    this.#items = 0;
    return this.#context.clockMs() - this.#startedMs >= TURN_MS;
  }

  async next(): Promise<void> {
    await this.#context.yieldToLoop();
    this.#startedMs = this.#context.clockMs();
  }
}
