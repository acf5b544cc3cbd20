import { parseRfc3339Ms } from '#libs/calendar';

/** A value of the API that is not of the type its schema gives it. */
export class KubeObjectError extends Error {
  override readonly name = 'KubeObjectError';
  /** Where in the object, outermost first. */
  readonly path: string[] = [];
  readonly #reason: string;

  constructor(reason: string) {
    super(reason);
    this.#reason = reason;
  }

  /** Says in which field of what surrounds it the value stands. */
  within(key: string): this {
    this.path.unshift(key);
    this.message = `${this.path.join('.')}: ${this.#reason}`;
    return this;
  }
}

/**
 * Reads one field. What the server left out comes as `undefined` and becomes the zero value of its type, as in the Go
 * types the API is made of; null is the same.
 * @throws KubeObjectError
 */
export type Decode<T> = (value: unknown) => T;

/** What a decoder of a shape gives. */
export type Decoded<D> = D extends Decode<infer T> ? T : never;

type Fields = Readonly<Record<string, Decode<unknown>>>;
type ShapeOf<F extends Fields> = { readonly [K in keyof F]: Decoded<F[K]> };

/** How deep and how long no honest object is. */
const MAX_LIST_LENGTH = 100_000;
const MAX_ENTRIES = 10_000;

/**
 * An object of which only `fields` are kept: what nothing reads is never stored. Missing altogether it is an object of
 * zero values.
 */
export function shape<F extends Fields>(fields: F): Decode<ShapeOf<F>> {
  const names = Object.keys(fields);
  const decoders = Object.values(fields);
  return (value) => {
    const from = toRecord(value);
    const into: Record<string, unknown> = {};
    let i = 0;
    try {
      for (; i < names.length; i++) into[names[i]!] = decoders[i]!(from[names[i]!]);
    } catch (error) {
      throw error instanceof KubeObjectError ? error.within(names[i]!) : error;
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- filled field by field from `fields`
    return into as ShapeOf<F>;
  };
}

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze(Object.create(null));

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return NOTHING;
  if (typeof value !== 'object' || Array.isArray(value)) throw expected('an object', value);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON has apart from lists and null
  return value as Readonly<Record<string, unknown>>;
}

/** Null where the value is missing: for what is a pointer in Go. */
export function optional<T>(decode: Decode<T>): Decode<T | null> {
  return (value) => (value === undefined || value === null ? null : decode(value));
}

/** A list; missing it is empty. */
export function listOf<T>(decode: Decode<T>): Decode<readonly T[]> {
  return (value) => {
    if (value === undefined || value === null) return EMPTY_LIST;
    if (!Array.isArray(value)) throw expected('a list', value);
    if (value.length > MAX_LIST_LENGTH) {
      throw new KubeObjectError(`a list of ${value.length}; accepted are ${MAX_LIST_LENGTH}`);
    }
    if (value.length === 0) return EMPTY_LIST;
    let at = 0;
    try {
      // A list that grows item by item takes room for seventeen: most have one or two, and a pod has eight of them.
      return value.map((item, index) => {
        at = index;
        return decode(item);
      });
    } catch (error) {
      throw error instanceof KubeObjectError ? error.within(String(at)) : error;
    }
  };
}

const EMPTY_LIST: readonly never[] = Object.freeze([]);

/** A map with keys of any name, in the server's order; missing it is empty. */
export function mapOf<T>(decode: Decode<T>): Decode<ReadonlyMap<string, T>> {
  // Most maps of most objects are empty; they share one.
  const none: ReadonlyMap<string, T> = new Map();
  return (value) => {
    const entries = Object.entries(toRecord(value));
    if (entries.length === 0) return none;
    if (entries.length > MAX_ENTRIES) {
      throw new KubeObjectError(`a map of ${entries.length}; accepted are ${MAX_ENTRIES}`);
    }
    const map = new Map<string, T>();
    for (const [key, item] of entries) {
      try {
        map.set(key, decode(item));
      } catch (error) {
        throw error instanceof KubeObjectError ? error.within(key) : error;
      }
    }
    return map;
  };
}

/** A string, '' where it is missing. */
export const text: Decode<string> = (value) => {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw expected('a string', value);
  return value;
};

/** A whole number, 0 where it is missing. */
export const integer: Decode<number> = (value) => {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw expected('a whole number', value);
  }
  return value;
};

/** False where it is missing. */
export const flag: Decode<boolean> = (value) => {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw expected('true or false', value);
  return value;
};

/** A time in milliseconds since the epoch, null where it is missing. */
export const time: Decode<number | null> = (value) => {
  if (value === undefined || value === null) return null;
  const timeMs = typeof value === 'string' ? parseRfc3339Ms(value) : null;
  if (timeMs === null) throw expected('a time as in RFC 3339', value);
  return timeMs;
};

/** A number or a text, as ports and rollout bounds are; as text. '' where it is missing. */
export const integerOrText: Decode<string> = (value) =>
  typeof value === 'number' ? String(value) : text(value);

function expected(what: string, value: unknown): KubeObjectError {
  const shown = Array.isArray(value) ? 'a list' : typeof value;
  return new KubeObjectError(`expected ${what}, got ${shown}`);
}
