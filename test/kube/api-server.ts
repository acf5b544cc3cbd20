import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { RESOURCE_NAMES, RESOURCES } from '#libs/kube';
import { ConflictError, keyOf, ObjectStore } from './object-store.ts';
import {
  fieldSelector,
  labelSelector,
  SelectorError,
  type Selects,
  type StoredObject,
} from './selectors.ts';
import { WatchStream, type WatchManners } from './watch-stream.ts';

/** What a client asked for, in a role's words. */
export interface Access {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update';
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
}

/** How the server misbehaves from now on; everything may be changed while it runs. */
export interface Faults extends WatchManners {
  /** Answers so many requests with `status`, and `Retry-After` where it is above 0. */
  refusals: { count: number; status: number; retryAfterSeconds: number };
  /** Takes requests and says nothing. */
  hangs: boolean;
  /** Answers every list of pods with so many bytes of nothing useful. */
  listBytes: number;
  /** Expires every `continue` token. */
  expiresTokens: boolean;
}

interface Collection {
  readonly path: string;
  readonly plural: string;
  readonly group: string;
  readonly kind: string;
  readonly apiVersion: string;
}

const COLLECTIONS: readonly Collection[] = RESOURCE_NAMES.map((name) => {
  const { api, plural, kind } = RESOURCES[name];
  const [, , group = ''] = api.startsWith('/apis/') ? api.split('/') : [];
  const apiVersion = api.replace(/^\/apis?\//, '');
  return { path: `${api}/${plural}`, plural, group, kind, apiVersion };
});

/** Its resources are there only once they are installed. */
export const CUSTOM_GROUP = 'monitoring.coreos.com';

const QUERY: ReadonlySet<string> = new Set([
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'fieldSelector',
  'labelSelector',
  'watch',
  'allowWatchBookmarks',
  'timeoutSeconds',
]);

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * A strict stand-in for a Kubernetes API server: lists in pages, watches with bookmarks and versions that are forgotten,
 * leases with conflicts, selectors, tokens and rights. What a real server refuses, it refuses.
 */
export class KubeApiServer {
  readonly store = new ObjectStore();
  /** Every request that was let in. */
  readonly accesses: Access[] = [];
  readonly faults: Faults = {
    refusals: { count: 0, status: 503, retryAfterSeconds: 0 },
    hangs: false,
    listBytes: 0,
    expiresTokens: false,
    bookmarkMs: 1_000,
    isSilent: false,
    chunkBytes: 0,
    line: null,
  };
  readonly #server: Server;
  readonly #streams = new Set<WatchStream>();
  readonly #pages = new Map<string, { items: StoredObject[]; version: number }>();
  /** '' lets everybody in. */
  token = '';
  /** Groups of custom resources that somebody has installed. */
  readonly customGroups = new Set<string>();
  /** Null allows everything. */
  allows: ((access: Access) => boolean) | null = null;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  /** @returns the address to speak to */
  async listen(host = '127.0.0.1', port = 0): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, host, resolve);
    });
    const { port: bound } = this.#server.address() as AddressInfo;
    return `http://${host}:${bound}`;
  }

  async close(): Promise<void> {
    this.breakWatches();
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  /** Open watches of a resource, or of all. */
  watches(plural?: string): number {
    return [...this.#streams].filter((stream) => (plural ?? stream.plural) === stream.plural)
      .length;
  }

  /** Creates or updates an object, whatever version it names. */
  put(object: StoredObject): StoredObject {
    const { resourceVersion: _version, ...metadata } = object.metadata;
    return this.store.put(collectionOf(object).path, { ...object, metadata });
  }

  delete(object: StoredObject): boolean {
    return this.store.delete(collectionOf(object).path, keyOf(object));
  }

  /** Cuts every watch off in the middle of whatever it was saying. */
  breakWatches(): void {
    for (const stream of this.#streams) stream.break();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (this.faults.hangs) return;
      await this.#route(request, response);
    } catch (error) {
      if (error instanceof Refusal) refuse(response, error.status, error.message);
      else if (error instanceof SelectorError) refuse(response, 400, error.message);
      else if (error instanceof ConflictError) refuse(response, 409, error.message);
      else refuse(response, 500, String(error));
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://server');
    if (this.token !== '' && request.headers.authorization !== `Bearer ${this.token}`) {
      throw new Refusal(401, 'Unauthorized');
    }
    const { refusals } = this.faults;
    if (refusals.count > 0) {
      refusals.count--;
      if (refusals.retryAfterSeconds > 0) {
        response.setHeader('retry-after', String(refusals.retryAfterSeconds));
      }
      throw new Refusal(refusals.status, 'the server is not able to answer');
    }
    const group = /^\/apis\/([^/]+)\/[^/]+$/.exec(url.pathname);
    if (group !== null) {
      this.#resources(response, url.pathname, group[1]!);
      return;
    }
    const { collection, namespace, name } = locate(url.pathname);
    if (this.#isMissing(collection.group)) throw new Refusal(404, `no ${url.pathname} here`);
    const query = url.searchParams;
    for (const key of query.keys()) {
      if (!QUERY.has(key)) throw new Refusal(400, `unknown parameter ${key}`);
    }
    const verb = verbOf(request.method ?? 'GET', name, query.get('watch') === 'true');
    const access = { verb, group: collection.group, resource: collection.plural, namespace };
    if (this.allows?.(access) === false) {
      throw new Refusal(403, `${collection.plural} is forbidden: cannot ${verb}`);
    }
    this.accesses.push(access);
    if (verb === 'list') this.#list(request, response, collection, namespace, query);
    else if (verb === 'watch') this.#watch(response, collection, namespace, query);
    else if (verb === 'get') this.#get(response, collection, namespace, name);
    else await this.#write(request, response, collection, namespace, name, verb);
  }

  #isMissing(group: string): boolean {
    return group === CUSTOM_GROUP && !this.customGroups.has(group);
  }

  #resources(response: ServerResponse, path: string, group: string): void {
    const resources = COLLECTIONS.filter((collection) => collection.path.startsWith(`${path}/`));
    if (resources.length === 0 || this.#isMissing(group)) throw new Refusal(404, `no ${path} here`);
    send(response, 200, {
      kind: 'APIResourceList',
      groupVersion: path.slice('/apis/'.length),
      resources: resources.flatMap(({ plural, kind }) => [
        { name: plural, kind, namespaced: true, verbs: ['get', 'list', 'watch'] },
        { name: `${plural}/status`, kind, namespaced: true, verbs: ['get'] },
      ]),
    });
  }

  #get(response: ServerResponse, { path }: Collection, namespace: string, name: string): void {
    const object = this.store.get(path, namespace === '' ? name : `${namespace}/${name}`);
    if (object === undefined) throw new Refusal(404, `${name} not found`);
    send(response, 200, object);
  }

  async #write(
    request: IncomingMessage,
    response: ServerResponse,
    collection: Collection,
    namespace: string,
    name: string,
    verb: 'create' | 'update',
  ): Promise<void> {
    if (collection.plural !== 'leases') throw new Refusal(405, 'only leases may be written');
    const object = JSON.parse(await bodyOf(request)) as StoredObject;
    const { metadata } = object;
    if (object.kind !== collection.kind || object.apiVersion !== collection.apiVersion) {
      throw new Refusal(400, `expected a ${collection.kind} of ${collection.apiVersion}`);
    }
    if (metadata.namespace !== namespace || (verb === 'update' && metadata.name !== name)) {
      throw new Refusal(400, 'the object is another than the path says');
    }
    const micro = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
    const spec = object['spec'] as Record<string, unknown> | undefined;
    for (const key of ['renewTime', 'acquireTime']) {
      const value = spec?.[key];
      if (value !== undefined && !(typeof value === 'string' && micro.test(value))) {
        throw new Refusal(400, `spec.${key}: cannot parse ${JSON.stringify(value)} as a MicroTime`);
      }
    }
    const exists = this.store.get(collection.path, keyOf(object)) !== undefined;
    if (verb === 'create' && exists) throw new Refusal(409, 'already exists');
    if (verb === 'update' && !exists) throw new Refusal(404, 'not found');
    send(response, verb === 'create' ? 201 : 200, this.store.put(collection.path, object));
  }

  #list(
    request: IncomingMessage,
    response: ServerResponse,
    collection: Collection,
    namespace: string,
    query: URLSearchParams,
  ): void {
    if (this.faults.listBytes > 0 && collection.plural === 'pods') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(Buffer.alloc(this.faults.listBytes, ' '));
      return;
    }
    const token = query.get('continue') ?? '';
    if (token !== '' && (query.get('resourceVersion') ?? '') !== '') {
      throw new Refusal(400, 'specifying resource version is not allowed when using continue');
    }
    const selects = selection(collection, namespace, query);
    const match = query.get('resourceVersionMatch') ?? '';
    const exact = query.get('resourceVersion') ?? '';
    let from: { items: StoredObject[]; version: number };
    if (match !== '') {
      const isKnown = match === 'Exact' && /^[1-9]\d*$/.test(exact);
      if (!isKnown) throw new Refusal(400, `resourceVersionMatch: ${match} of ${exact}`);
      if (Number(exact) > this.store.version) throw new Refusal(504, 'Too large resource version');
      const items = this.store.listAt(collection.path, Number(exact));
      if (items === null) throw new Refusal(410, `The resource version ${exact} is too old`);
      from = { items: items.filter(selects), version: Number(exact) };
    } else if (token === '') {
      from = {
        items: this.store.list(collection.path).filter(selects),
        version: this.store.version,
      };
    } else {
      const known = this.#pages.get(token);
      this.#pages.delete(token);
      if (known === undefined || this.faults.expiresTokens) {
        throw new Refusal(410, 'The provided continue parameter is too old');
      }
      from = known;
    }
    // What comes from a server's cache comes whole, whatever limit is asked for.
    const isCached = token === '' && query.get('resourceVersion') === '0';
    const limit = isCached ? 0 : Number(query.get('limit') ?? 0);
    const items = limit > 0 ? from.items.slice(0, limit) : from.items;
    const rest = from.items.slice(items.length);
    let next = '';
    if (rest.length > 0) {
      next = Buffer.from(`${from.version} ${keyOf(rest[0]!)} ${Math.random()}`).toString(
        'base64url',
      );
      this.#pages.set(next, { items: rest, version: from.version });
    }
    const body = JSON.stringify({
      kind: `${collection.kind}List`,
      apiVersion: collection.apiVersion,
      metadata: {
        resourceVersion: String(from.version),
        ...(next !== '' && { continue: next, remainingItemCount: rest.length }),
      },
      // As in a real list, the items do not say what they are.
      items: items.map(({ kind: _kind, apiVersion: _version, ...object }) => object),
    });
    const isGzip =
      /\bgzip\b/.test(String(request.headers['accept-encoding'])) && body.length > 1_024;
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(isGzip && { 'content-encoding': 'gzip' }),
    });
    // A real one prefers speed as well.
    response.end(isGzip ? gzipSync(body, { level: 1 }) : body);
  }

  #watch(
    response: ServerResponse,
    collection: Collection,
    namespace: string,
    query: URLSearchParams,
  ): void {
    const stream = new WatchStream({
      response,
      store: this.store,
      collection: collection.path,
      plural: collection.plural,
      kind: collection.kind,
      apiVersion: collection.apiVersion,
      selects: selection(collection, namespace, query),
      manners: this.faults,
      from: query.get('resourceVersion') ?? '',
      timeoutMs: Number(query.get('timeoutSeconds') ?? 1_800) * 1_000,
      hasBookmarks: query.get('allowWatchBookmarks') === 'true',
    });
    this.#streams.add(stream);
    response.on('close', () => {
      stream.end();
      this.#streams.delete(stream);
    });
    stream.begin();
  }
}

function collectionOf({ kind, apiVersion }: StoredObject): Collection {
  const found = COLLECTIONS.find(
    (collection) => collection.kind === kind && collection.apiVersion === apiVersion,
  );
  if (found === undefined) throw new Error(`no collection of ${kind} of ${apiVersion}`);
  return found;
}

function locate(pathname: string): { collection: Collection; namespace: string; name: string } {
  const match =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(
      pathname,
    );
  const path = match === null ? '' : `${match[1]}/${match[3]}`;
  const collection = COLLECTIONS.find((candidate) => candidate.path === path);
  if (match === null || collection === undefined) throw new Refusal(404, `no ${pathname} here`);
  return {
    collection,
    namespace: decodeURIComponent(match[2] ?? ''),
    name: decodeURIComponent(match[4] ?? ''),
  };
}

function verbOf(method: string, name: string, isWatch: boolean): Access['verb'] {
  if (method === 'GET') {
    if (name !== '') return 'get';
    return isWatch ? 'watch' : 'list';
  }
  if (method === 'POST' && name === '') return 'create';
  if (method === 'PUT' && name !== '') return 'update';
  throw new Refusal(405, `${method} is not allowed here`);
}

function selection({ kind }: Collection, namespace: string, query: URLSearchParams): Selects {
  const fields = fieldSelector(query.get('fieldSelector') ?? '', kind);
  const labels = labelSelector(query.get('labelSelector') ?? '');
  return (object) =>
    (namespace === '' || object.metadata.namespace === namespace) &&
    fields(object) &&
    labels(object);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: REASONS[status] ?? 'Unknown',
    code: status,
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
