import { afterAll, expect, it } from '@jest/globals';

/**
 * Test cases of which some are known to fail. The list can only shrink: a listed case that passes is a failure, as is one
 * that is listed and not there any more.
 */
export class KnownFailures {
  readonly #missing: Set<string>;
  readonly #known: ReadonlySet<string>;

  /** Call it inside of the suite that the cases belong to. */
  constructor(ids: readonly string[]) {
    this.#known = new Set(ids);
    this.#missing = new Set(ids);
    afterAll(() => {
      expect([...this.#missing]).toEqual([]);
    });
  }

  /**
   * One case.
   * @param id what the list calls it
   */
  it(id: string, title: string, body: () => void | Promise<void>): void {
    const name = title === id ? id : `${id} ${title}`;
    if (!this.#known.has(id)) {
      it(name, body);
      return;
    }
    this.#missing.delete(id);
    it(`${name} (known to fail)`, async () => {
      let hasPassed = true;
      try {
        await body();
      } catch {
        hasPassed = false;
      }
      if (hasPassed) throw new Error('passes now: take it off the list of known failures');
    });
  }
}
