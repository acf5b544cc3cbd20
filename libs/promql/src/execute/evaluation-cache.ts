/**
 * What queries over the same data at the same time share: equal selectors and subexpressions are evaluated once. Make one
 * for a round of rules and drop it afterwards; samples written meanwhile are not seen through it.
 */
export class EvaluationCache {
  readonly #entries = new Map<string, Promise<unknown>>();

  /** The value under `key`, evaluated by `evaluate` unless it is there or on its way. */
  get<T>(key: string, evaluate: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    // A key names one expression at one time, so what is stored under it has one type.
    if (known !== undefined) return known as Promise<T>;
    const fresh = evaluate();
    this.#entries.set(key, fresh);
    return fresh;
  }
}
