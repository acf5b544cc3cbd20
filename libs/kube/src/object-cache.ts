import type { KubeObject } from './objects/metadata.ts';

/** What a watcher of a cache is told. */
export interface CacheListener<T extends KubeObject> {
  /** An object is new or has changed. */
  put(key: string, object: T): void;
  /** An object is gone. */
  remove(key: string, object: T): void;
}

/** Takes what a list and its watch bring. */
export interface ObjectSink<T extends KubeObject> {
  /**
   * A list begins.
   * @param exactVersion where it is of what there was at one version that somebody has named; '' for what is newest
   */
  beginList(exactVersion: string): void;
  /** The list is complete: what it did not name is gone. */
  endList(): void;
  /** An object, new, changed or told again. */
  put(object: T): void;
  delete(object: KubeObject): void;
  /** Whether an object of a list, as the server gave it, is the one that is known: it need not be read again then. */
  isKnown?(item: unknown): boolean;
}

/** Where an object is found: its namespace and name. */
export function objectKey({ metadata }: KubeObject): string {
  return metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/**
 * The objects of one resource, as far as the server has told. A list replaces everything when its last page is in: what it
 * does not name is gone; until then the old objects stay, so a list that breaks off changes nothing it did not bring.
 */
export class ObjectCache<T extends KubeObject> implements ObjectSink<T> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<CacheListener<T>>();
  readonly #maxObjects: number;
  #listed: Set<string> | null = null;
  #isSynced = false;
  #dropped = 0;

  constructor(options: { readonly maxObjects: number }) {
    this.#maxObjects = options.maxObjects;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Whether a whole list has been read once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Objects not taken because the cache was full. */
  get dropped(): number {
    return this.#dropped;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** Tells `listener` of every object there is, and then of every change until the returned function is called. */
  listen(listener: CacheListener<T>): () => void {
    this.#listeners.add(listener);
    for (const [key, object] of this.#objects) listener.put(key, object);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** A list begins. */
  beginList(): void {
    this.#listed = new Set();
  }

  /** The list is complete: what it did not name is gone. */
  endList(): void {
    const listed = this.#listed;
    if (listed !== null) {
      for (const key of this.#objects.keys()) if (!listed.has(key)) this.#remove(key);
    }
    this.#listed = null;
    this.#isSynced = true;
  }

  put(object: T): void {
    const key = objectKey(object);
    this.#listed?.add(key);
    const before = this.#objects.get(key);
    if (before === undefined && this.#objects.size >= this.#maxObjects) {
      this.#dropped++;
      return;
    }
    const { resourceVersion, uid } = object.metadata;
    if (before !== undefined) {
      // Listed again and unchanged: nobody needs to hear of it.
      if (before.metadata.resourceVersion === resourceVersion && resourceVersion !== '') return;
      // Deleted and made anew between two lists.
      if (before.metadata.uid !== uid) this.#remove(key);
    }
    this.#objects.set(key, object);
    for (const listener of this.#listeners) listener.put(key, object);
  }

  delete(object: KubeObject): void {
    this.#remove(objectKey(object));
  }

  /** A list made again brings mostly what is known: fifty thousand pods would be read for nothing. */
  isKnown(item: unknown): boolean {
    const { namespace, name, resourceVersion } = identityOf(item);
    if (name === '' || resourceVersion === '') return false;
    const key = namespace === '' ? name : `${namespace}/${name}`;
    if (this.#objects.get(key)?.metadata.resourceVersion !== resourceVersion) return false;
    this.#listed?.add(key);
    return true;
  }

  /** Forgets everything, as when nobody watches any more. */
  clear(): void {
    for (const key of this.#objects.keys()) this.#remove(key);
    this.#listed = null;
    this.#isSynced = false;
  }

  #remove(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#objects.delete(key);
    for (const listener of this.#listeners) listener.remove(key, object);
  }
}

/** What tells an object of a list from others, without reading the rest of it. */
function identityOf(item: unknown): {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
} {
  const metadata = fieldOf(item, 'metadata');
  const textOf = (key: string): string => {
    const value = fieldOf(metadata, key);
    return typeof value === 'string' ? value : '';
  };
  return {
    namespace: textOf('namespace'),
    name: textOf('name'),
    resourceVersion: textOf('resourceVersion'),
  };
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
