/** Random numbers from a seed (mulberry32): the same seed gives the same run. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to 1. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void | Promise<void>;
  isCancelled: boolean;
}

/** A world with a clock of its own. Nothing happens in it but what was scheduled, in order of time. */
export class Simulation {
  readonly random: SeededRandom;
  readonly log: string[] = [];
  readonly #startMs: number;
  #nowMs: number;
  #events: Event[] = [];
  #order = 0;

  constructor(seed: number, startMs = Date.UTC(2026, 0, 1)) {
    this.random = new SeededRandom(seed);
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  /** Runs something later. @returns a function that takes it back */
  readonly after = (delayMs: number, run: () => void | Promise<void>): (() => void) => {
    const event = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      run,
      isCancelled: false,
    };
    this.#events.push(event);
    return () => {
      event.isCancelled = true;
    };
  };

  /** Notes what happened, for whoever replays the seed. */
  note(text: string): void {
    const seconds = ((this.#nowMs - this.#startMs) / 1_000).toFixed(3).padStart(9);
    this.log.push(`${seconds} ${text}`);
  }

  /** Lets time pass, event by event. */
  async runUntil(endMs: number): Promise<void> {
    for (;;) {
      const next = this.#takeNext(endMs);
      if (next === null) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      await next.run();
      await settlePromises();
    }
    this.#nowMs = endMs;
  }

  #takeNext(endMs: number): Event | null {
    let best = -1;
    for (let i = 0; i < this.#events.length; i++) {
      const event = this.#events[i]!;
      const leader = this.#events[best];
      const isSooner =
        leader === undefined ||
        event.atMs < leader.atMs ||
        (event.atMs === leader.atMs && event.order < leader.order);
      if (isSooner) best = i;
    }
    const next = this.#events[best];
    if (next === undefined || next.atMs > endMs) return null;
    this.#events.splice(best, 1);
    return next.isCancelled ? this.#takeNext(endMs) : next;
  }
}

/** Lets everything that waits for nothing but promises go on, so that the order of events is the order of time. */
async function settlePromises(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
