import { Injectable } from '@nestjs/common';

/** Somebody whose work another collector goes on with. */
export interface Teller {
  readonly position: string;
  finish(): Promise<void>;
}

/** Whether this collector is the one that speaks for the cluster. */
@Injectable()
export class Leadership {
  readonly #listeners = new Set<() => void>();
  #leads = false;
  #sinceMs = Number.NaN;
  #handedOver = '';
  #teller: Teller | null = null;

  get leads(): boolean {
    return this.#leads;
  }

  /** Until when another one, or this one in an earlier term, has spoken for the cluster; NaN where nobody has. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** How far whoever spoke before has come, '' where nobody has told. */
  get handedOver(): string {
    return this.#handedOver;
  }

  /** How far this collector has come, for whoever speaks next; '' for nothing to tell. */
  get position(): string {
    return this.#teller?.position ?? '';
  }

  /** @param teller goes on where its predecessor has stopped, and tells how far it has come */
  handsOver(teller: Teller): void {
    this.#teller = teller;
  }

  /** Has everything told that is to be told before somebody else speaks. */
  async finish(): Promise<void> {
    await this.#teller?.finish();
  }

  /**
   * @param predecessorMs until when another one has spoken for the cluster, NaN where nobody has
   * @param handedOver how far it has come, '' where it has not told
   */
  set(leads: boolean, predecessorMs = Number.NaN, handedOver = ''): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.#handedOver = handedOver;
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
