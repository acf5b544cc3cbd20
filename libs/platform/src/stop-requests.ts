/**
 * How a part of a service asks the process to go down: where going on would do harm and beginning anew would not. What it
 * asks is carried out by whoever started the service; in a test that is nobody.
 */
export class StopRequests {
  #reason: string | null = null;
  #listener: ((reason: string) => void) | null = null;

  /** Asks for the end. Only the first reason counts. */
  request(reason: string): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }

  /** Has `listener` called with the reason, at once where it was asked for already. */
  listen(listener: (reason: string) => void): void {
    this.#listener = listener;
    if (this.#reason !== null) listener(this.#reason);
  }
}
