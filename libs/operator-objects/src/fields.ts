/** Why a part of an object is not taken over. */
export interface Refusal {
  /** Where in the object: `spec.endpoints[0].basicAuth`. */
  readonly path: string;
  /** A sentence that ends in what is accepted, where something is. */
  readonly reason: string;
}

/** Values of a job as `scrape_configs` has them. */
export type JobKeys = Record<string, unknown>;

const MAX_SHOWN = 60;

/**
 * One object inside of a custom resource, read key by key. What is of another type than asked for is refused under its
 * path; keys nobody asked for are known at the end.
 */
export class Fields {
  readonly path: string;
  readonly #keys: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();
  readonly #refusals: Refusal[];

  constructor(value: unknown, path: string, refusals: Refusal[]) {
    this.path = path;
    this.#refusals = refusals;
    const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isRecord && value !== undefined && value !== null) this.refuse('', 'expected an object');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON has apart from lists and null
    this.#keys = isRecord ? (value as Readonly<Record<string, unknown>>) : {};
  }

  /** Whether a key says anything: null, '', {} and [] are what a server or a chart leaves behind. */
  has(key: string): boolean {
    this.#read.add(key);
    return !isNothing(this.#own(key));
  }

  /** @returns undefined where the key is missing */
  raw(key: string): unknown {
    this.#read.add(key);
    return this.#own(key) ?? undefined;
  }

  text(key: string): string {
    const value = this.raw(key);
    if (value === undefined) return '';
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    this.refuse(key, 'expected a text');
    return '';
  }

  flag(key: string): boolean | undefined {
    const value = this.raw(key);
    if (value === undefined || typeof value === 'boolean') return value;
    this.refuse(key, 'expected true or false');
    return undefined;
  }

  fields(key: string): Fields {
    return new Fields(this.raw(key), `${this.path}.${key}`, this.#refusals);
  }

  texts(key: string): string[] {
    return this.#list(key).flatMap((value, index) => {
      if (typeof value === 'string') return [value];
      this.refuse(`${key}[${index}]`, 'expected a text');
      return [];
    });
  }

  /** The objects of a list. */
  list(key: string): Fields[] {
    return this.#list(key).map(
      (value, index) => new Fields(value, `${this.path}.${key}[${index}]`, this.#refusals),
    );
  }

  /** A map of texts. */
  record(key: string): Record<string, string> {
    const inner = this.fields(key);
    return Object.fromEntries(inner.names().map((name) => [name, inner.text(name)]));
  }

  names(): readonly string[] {
    return Object.keys(this.#keys);
  }

  /** @param key '' for the whole object */
  refuse(key: string, reason: string): void {
    this.#refusals.push({ path: key === '' ? this.path : `${this.path}.${key}`, reason });
  }

  /** Refuses each of these keys that says anything. */
  refuseAll(keys: readonly string[], reason: string): void {
    for (const key of keys) if (this.has(key)) this.refuse(key, reason);
  }

  /** Reads keys that change nothing here. */
  skip(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** Copies keys as they are under the names that `scrape_configs` has for them. */
  copy(into: JobKeys, names: ReadonlyMap<string, string>): void {
    for (const [key, name] of names) if (this.has(key)) into[name] = this.raw(key);
  }

  /** The paths of keys that nobody has read. */
  unread(): string[] {
    return this.names()
      .filter((key) => !this.#read.has(key) && !isNothing(this.#own(key)))
      .map((key) => `${this.path}.${key.slice(0, MAX_SHOWN)}`);
  }

  #own(key: string): unknown {
    return Object.hasOwn(this.#keys, key) ? this.#keys[key] : undefined;
  }

  #list(key: string): readonly unknown[] {
    const value = this.raw(key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.refuse(key, 'expected a list');
    return [];
  }
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (typeof value !== 'object') return false;
  // `basicAuth: {username: {key: ""}}` is nothing as well.
  return Object.values(value).every(isNothing);
}
