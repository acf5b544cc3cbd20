/** Which labels later stages and the result want; null for all. */
export class LabelNeeds {
  static readonly ALL = new LabelNeeds(null);
  readonly #names: ReadonlySet<string> | null;

  constructor(names: ReadonlySet<string> | null) {
    this.#names = names;
  }

  get wantsAll(): boolean {
    return this.#names === null;
  }

  /** Whether a label that a parser finds under this name may be wanted. */
  wants(name: string): boolean {
    if (this.#names === null) return true;
    // Where the stream has the name already, it is found again as `name_extracted`.
    return this.#names.has(name) || this.#names.has(`${name}_extracted`);
  }

  /** Whether a label whose name begins with `prefix` and an underscore may be wanted. */
  wantsUnder(prefix: string): boolean {
    if (this.#names === null) return true;
    for (const name of this.#names) if (name.startsWith(`${prefix}_`)) return true;
    return false;
  }

  /** These and more. */
  with(names: Iterable<string>): LabelNeeds {
    return this.#names === null ? this : new LabelNeeds(new Set([...this.#names, ...names]));
  }
}
