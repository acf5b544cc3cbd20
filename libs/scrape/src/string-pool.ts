/** Beyond this it begins anew; only sharing is lost. */
const MAX_TEXTS = 50_000;
/** Long texts are hardly ever the same. */
const MAX_LENGTH = 100;

/** Gives equal texts as one string: names and values of labels come from every target again, and each would be kept. */
export class StringPool {
  #known = new Map<string, string>();

  /** The string that was given first for this text, or this one. */
  intern(text: string): string {
    if (text.length > MAX_LENGTH) return text;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_TEXTS) this.#known = new Map();
    this.#known.set(text, text);
    return text;
  }
}
