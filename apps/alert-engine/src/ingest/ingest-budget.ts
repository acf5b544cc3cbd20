const MAX_REQUESTS = 64;
/** Of all bodies under way together. */
const MAX_BYTES_IN_FLIGHT = 128 * 1024 * 1024;

/** What all write requests under way may take together, whichever way they came. */
export class IngestBudget {
  #requests = 0;
  #bytes = 0;

  /**
   * Makes room for a request; one that is alone is always let in.
   * @returns what gives the room back, or null where there is none
   */
  take(bytes: number): (() => void) | null {
    const isFull = this.#requests >= MAX_REQUESTS || this.#bytes + bytes > MAX_BYTES_IN_FLIGHT;
    if (isFull && this.#requests > 0) return null;
    this.#requests++;
    this.#bytes += bytes;
    return () => {
      this.#requests--;
      this.#bytes -= bytes;
    };
  }
}
