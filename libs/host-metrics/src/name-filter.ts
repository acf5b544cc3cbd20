import { compileLinearRegExp, type LinearRegExp } from '#libs/labels';

const MAX_REMEMBERED = 10_000;

/**
 * Says which names a pattern excludes. Patterns are searched for anywhere in the name, as node_exporter's flags are, so
 * that `^/(dev|proc)($|/)` can be taken over unchanged. Answers are remembered, since the same few names come every time.
 */
export class NameFilter {
  readonly #pattern: LinearRegExp | null;
  readonly #remembered = new Map<string, boolean>();

  /**
   * @param pattern RE2 syntax; empty excludes nothing
   * @throws RegExpSyntaxError of #libs/labels
   */
  constructor(pattern: string) {
    this.#pattern = pattern === '' ? null : compileLinearRegExp(`.*(?:${pattern}).*`);
  }

  excludes(name: string): boolean {
    if (this.#pattern === null) return false;
    let isExcluded = this.#remembered.get(name);
    if (isExcluded === undefined) {
      isExcluded = this.#pattern.test(name);
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(name, isExcluded);
    }
    return isExcluded;
  }
}
