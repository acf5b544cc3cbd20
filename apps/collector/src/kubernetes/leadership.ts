import { Injectable } from '@nestjs/common';

/** Whether this collector is the one that speaks for the cluster. */
@Injectable()
export class Leadership {
  readonly #listeners = new Set<() => void>();
  #leads = false;
  #sinceMs = Number.NaN;

  get leads(): boolean {
    return this.#leads;
  }

  /** Until when another one, or this one in an earlier term, has spoken for the cluster; NaN where nobody has. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** @param predecessorMs until when another one has spoken for the cluster, NaN where nobody has */
  set(leads: boolean, predecessorMs = Number.NaN): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
    const untilMs = leads ? predecessorMs : Date.now();
    this.#sinceMs = Number.isNaN(this.#sinceMs) ? untilMs : Math.max(this.#sinceMs, untilMs || 0);
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` at each change until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
