/** How long less urgent requests to a receiver wait for samples at most, so that they come to their turn as well. */
const MAX_WAIT_MS = 2_000;

/**
 * Who sends what to the same receiver. While samples that have waited are on their way to it, requests with log records let
 * them go first; where samples are not taken, they do not wait.
 */
export class Uplinks {
  readonly #behind = new Map<string, Set<object>>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #maxWaitMs: number;

  constructor(maxWaitMs = MAX_WAIT_MS) {
    this.#maxWaitMs = maxWaitMs;
  }

  /** Whether an output has samples for a receiver that wait, and are taken. */
  note(output: object, url: string, isCatchingUp: boolean): void {
    const place = placeOf(url);
    const outputs = this.#behind.get(place) ?? new Set();
    if (isCatchingUp) {
      outputs.add(output);
      this.#behind.set(place, outputs);
      return;
    }
    outputs.delete(output);
    if (outputs.size > 0) return;
    this.#behind.delete(place);
    for (const go of this.#waiting.get(place) ?? []) go();
  }

  /** Resolves when it is the turn of something less urgent than samples. */
  async turn(url: string): Promise<void> {
    const place = placeOf(url);
    if (!this.#behind.has(place)) return;
    const waiting = this.#waiting.get(place) ?? new Set();
    this.#waiting.set(place, waiting);
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        waiting.delete(go);
        if (waiting.size === 0) this.#waiting.delete(place);
        resolve();
      };
      const timer = setTimeout(go, this.#maxWaitMs);
      waiting.add(go);
    });
  }
}

/** Receivers at one address have one way to them. */
function placeOf(url: string): string {
  return new URL(url).host;
}
