import type { ServerResponse } from 'node:http';
import type { Change, ObjectStore } from './object-store.ts';
import type { Selects, StoredObject } from './selectors.ts';

/** How watches behave; looked at whenever one has something to say. */
export interface WatchManners {
  bookmarkMs: number;
  /** Says nothing at all and keeps the connection open. */
  isSilent: boolean;
  /** Cuts what is said into pieces of so many bytes; 0 for none. */
  chunkBytes: number;
  /** What is said instead of each event, for a server that has gone mad. */
  line: string | null;
}

export interface WatchStreamOptions {
  readonly response: ServerResponse;
  readonly store: ObjectStore;
  readonly collection: string;
  readonly plural: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly selects: Selects;
  readonly manners: WatchManners;
  readonly from: string;
  readonly timeoutMs: number;
  readonly hasBookmarks: boolean;
}

/** One open watch of the stand-in. */
export class WatchStream {
  readonly plural: string;
  readonly #options: WatchStreamOptions;
  #unlisten: () => void = () => {};
  #bookmarks: NodeJS.Timeout | null = null;
  #timeout: NodeJS.Timeout | null = null;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.plural = options.plural;
  }

  begin(): void {
    const { response, store, collection, from, selects, manners, timeoutMs } = this.#options;
    response.writeHead(200, { 'content-type': 'application/json;stream=watch' });
    response.flushHeaders();
    if (from === '' || from === '0') {
      for (const object of store.list(collection)) if (selects(object)) this.#say('ADDED', object);
    } else {
      const missed = store.since(collection, Number(from));
      if (missed === null) {
        this.#expired();
        return;
      }
      for (const change of missed) this.#tell(change);
    }
    this.#unlisten = store.listen(collection, (change) => this.#tell(change));
    this.#timeout = setTimeout(() => response.end(), timeoutMs);
    if (this.#options.hasBookmarks) {
      this.#bookmarks = setInterval(() => this.#bookmark(), manners.bookmarkMs);
    }
  }

  end(): void {
    this.#unlisten();
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    if (this.#bookmarks !== null) clearInterval(this.#bookmarks);
  }

  /** Ends the connection in the middle of a line. */
  break(): void {
    this.end();
    const { response } = this.#options;
    response.write('{"type":"MODIF', () => response.destroy());
  }

  /** An object that begins or ceases to be wanted is new or gone for this watch. */
  #tell({ type, object, before }: Change): void {
    const { selects } = this.#options;
    const was = before !== null && selects(before);
    const is = type !== 'DELETED' && selects(object);
    if (is) this.#say(was ? 'MODIFIED' : 'ADDED', object);
    else if (was) {
      // Such a watch is shown the object as it was, with the version of the change.
      const { resourceVersion } = object.metadata;
      const metadata = {
        ...before.metadata,
        ...(resourceVersion !== undefined && { resourceVersion }),
      };
      this.#say('DELETED', { ...before, metadata });
    }
  }

  #say(type: string, object: StoredObject): void {
    const { kind, apiVersion } = this.#options;
    this.#write({ type, object: { ...object, kind, apiVersion } });
  }

  #bookmark(): void {
    const { kind, apiVersion, store } = this.#options;
    const metadata = { resourceVersion: String(store.version), creationTimestamp: null };
    this.#write({ type: 'BOOKMARK', object: { kind, apiVersion, metadata } });
  }

  #expired(): void {
    this.#write({
      type: 'ERROR',
      object: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'too old resource version',
        reason: 'Expired',
        code: 410,
      },
    });
    this.#options.response.end();
  }

  #write(event: object): void {
    const { response, manners } = this.#options;
    if (manners.isSilent) return;
    const bytes = Buffer.from(`${manners.line ?? JSON.stringify(event)}\n`);
    const size = manners.chunkBytes === 0 ? bytes.length : manners.chunkBytes;
    for (let start = 0; start < bytes.length; start += size) {
      response.write(bytes.subarray(start, start + size));
    }
  }
}
