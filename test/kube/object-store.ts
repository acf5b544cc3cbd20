import { randomUUID } from 'node:crypto';
import type { StoredObject } from './selectors.ts';

/** What happened to an object, and when. */
export interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
  /** As it was before; null for a new one. */
  readonly before: StoredObject | null;
}

/** An update on top of a version that is not the newest any more. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/**
 * What etcd does for an API server: one version for everything, a history that is compacted from time to time, and watchers
 * that are told in order.
 */
export class ObjectStore {
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  readonly #history = new Map<string, Change[]>();
  readonly #listeners = new Map<string, Set<(change: Change) => void>>();
  #version = 100_000;
  /** Changes up to here are forgotten. */
  #compactedTo = 100_000;

  get version(): number {
    return this.#version;
  }

  /** @param collection such as `/api/v1/pods` */
  list(collection: string): StoredObject[] {
    const objects = [...(this.#objects.get(collection) ?? [])];
    return objects.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** @returns what there was at a version, or null where that is forgotten */
  listAt(collection: string, version: number): StoredObject[] | null {
    const later = this.since(collection, version);
    if (later === null) return null;
    const objects = new Map(this.#objects.get(collection));
    for (const { object, before } of later.toReversed()) {
      if (before === null) objects.delete(keyOf(object));
      else objects.set(keyOf(object), before);
    }
    return [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  get(collection: string, key: string): StoredObject | undefined {
    return this.#objects.get(collection)?.get(key);
  }

  /** @throws ConflictError where the object names a version that is not its newest */
  put(collection: string, object: StoredObject): StoredObject {
    const key = keyOf(object);
    const before = this.get(collection, key) ?? null;
    const { resourceVersion } = object.metadata;
    if (before !== null && resourceVersion !== undefined && resourceVersion !== '') {
      if (before.metadata.resourceVersion !== resourceVersion) {
        throw new ConflictError('the object has been modified');
      }
    }
    this.#version++;
    const stored: StoredObject = {
      ...object,
      metadata: {
        creationTimestamp: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        ...object.metadata,
        uid: object.metadata.uid ?? before?.metadata.uid ?? randomUUID(),
        resourceVersion: String(this.#version),
      },
    };
    let objects = this.#objects.get(collection);
    if (objects === undefined) {
      objects = new Map();
      this.#objects.set(collection, objects);
    }
    objects.set(key, stored);
    const type = before === null ? 'ADDED' : 'MODIFIED';
    this.#tell(collection, { version: this.#version, type, object: stored, before });
    return stored;
  }

  /** @returns whether there was one */
  delete(collection: string, key: string): boolean {
    const before = this.get(collection, key);
    if (before === undefined) return false;
    this.#objects.get(collection)!.delete(key);
    this.#version++;
    const metadata = { ...before.metadata, resourceVersion: String(this.#version) };
    const object = { ...before, metadata };
    this.#tell(collection, { version: this.#version, type: 'DELETED', object, before });
    return true;
  }

  /** Forgets the history: a watch from before now is told that its version is gone. */
  compact(): void {
    this.#compactedTo = this.#version;
    this.#history.clear();
  }

  /** @returns what happened after `version`, or null where that is forgotten */
  since(collection: string, version: number): readonly Change[] | null {
    if (version < this.#compactedTo) return null;
    return (this.#history.get(collection) ?? []).filter((change) => change.version > version);
  }

  listen(collection: string, listener: (change: Change) => void): () => void {
    let listeners = this.#listeners.get(collection);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(collection, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #tell(collection: string, change: Change): void {
    let history = this.#history.get(collection);
    if (history === undefined) {
      history = [];
      this.#history.set(collection, history);
    }
    history.push(change);
    for (const listener of this.#listeners.get(collection) ?? []) listener(change);
  }
}

/** Namespace and name, as in a path. */
export function keyOf({ metadata }: StoredObject): string {
  return metadata.namespace === undefined
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}
