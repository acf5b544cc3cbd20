import { z } from 'zod';

const SHOWN = '<secret>';

/**
 * A text that no log, error, template or JSON answer shows: `toString`, `toJSON` and Node's `inspect` give `<secret>`,
 * and the text itself sits in a private field. Only `reveal` hands it out, at the place that sends it.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text. Call it where the bytes are sent, and let the result go no further. */
  reveal(): string {
    return this.#text;
  }

  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** Whether both hide the same text. */
  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return SHOWN;
  }
}

/** A string in a configuration that is a `Secret` from there on. */
export const secretSchema: z.ZodType<Secret> = z.string().transform((text) => new Secret(text));
