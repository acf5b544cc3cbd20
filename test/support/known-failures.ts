/**
 * Test cases of which some are known to fail. The list can only shrink: a listed case that passes is a failure, and so is
 * one that is not there any more, which the suite has to check last: `expect(known.unseen).toEqual([])`.
 */
export class KnownFailures {
  readonly #known: ReadonlySet<string>;
  readonly #unseen: Set<string>;

  /** @param ids what the list calls its cases */
  constructor(ids: readonly string[]) {
    this.#known = new Set(ids);
    this.#unseen = new Set(ids);
  }

  /** Listed cases that have not been run. */
  get unseen(): readonly string[] {
    return [...this.#unseen];
  }

  /** Runs a case as it is, or expects it to fail if it is listed. */
  async run(id: string, body: () => void | Promise<void>): Promise<void> {
    if (!this.#known.has(id)) {
      await body();
      return;
    }
    this.#unseen.delete(id);
    let hasPassed = true;
    try {
      await body();
    } catch {
      hasPassed = false;
    }
    if (hasPassed) throw new Error(`${id} passes now: take it off the list of known failures`);
  }
}
