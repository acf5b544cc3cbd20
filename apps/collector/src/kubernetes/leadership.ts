import { Injectable } from '@nestjs/common';

/** Whether this collector is the one that speaks for the cluster. */
@Injectable()
export class Leadership {
  readonly #listeners = new Set<() => void>();
  #leads = false;

  get leads(): boolean {
    return this.#leads;
  }

  set(leads: boolean): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
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
