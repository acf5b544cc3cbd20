import { integer, KubeObjectError, listOf, shape, text, type Decode } from './decode.ts';

const anything: Decode<unknown> = (value) => value;

const listBody = shape({
  kind: text,
  metadata: shape({ resourceVersion: text, continue: text }),
  items: listOf(anything),
});

const statusBody = shape({
  kind: text,
  code: integer,
  reason: text,
  message: text,
  details: shape({ retryAfterSeconds: integer }),
});

const eventBody = shape({ type: text, object: anything });
const resourcesBody = shape({ kind: text, resources: listOf(shape({ name: text })) });
const versionBody = shape({ metadata: shape({ resourceVersion: text }) });

/** One page of a list. */
export interface ListPage {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  readonly continueToken: string;
}

/** Why the API refused. */
export interface ApiStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

/** What a line of a watch says. */
export type WatchEvent =
  | { readonly kind: 'put'; readonly object: unknown }
  | { readonly kind: 'delete'; readonly object: unknown }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  | { readonly kind: 'error'; readonly status: ApiStatus };

/** @throws KubeObjectError for what is no list */
export function parseListPage(body: string): ListPage {
  const { kind, metadata, items } = listBody(parseJson(body));
  if (!kind.endsWith('List')) throw new KubeObjectError(`expected a list, got ${shown(kind)}`);
  return {
    items,
    resourceVersion: metadata.resourceVersion,
    continueToken: metadata.continue,
  };
}

/** The plurals of a group's version that the server serves. @throws KubeObjectError for what is no such list */
export function parseResourceNames(body: string): readonly string[] {
  const { kind, resources } = resourcesBody(parseJson(body));
  if (kind !== 'APIResourceList') {
    throw new KubeObjectError(`expected an APIResourceList, got ${shown(kind)}`);
  }
  return resources.map(({ name }) => name);
}

/** The Status in the body of a refused request, or null where the body is something else. */
export function parseApiStatus(body: string): ApiStatus | null {
  try {
    return toStatus(parseJson(body));
  } catch (error) {
    if (error instanceof KubeObjectError) return null;
    throw error;
  }
}

/** @throws KubeObjectError for what is no event */
export function parseWatchEvent(line: string): WatchEvent {
  const { type, object } = eventBody(parseJson(line));
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'put', object };
    case 'DELETED':
      return { kind: 'delete', object };
    case 'BOOKMARK':
      return { kind: 'bookmark', resourceVersion: versionBody(object).metadata.resourceVersion };
    case 'ERROR':
      return { kind: 'error', status: toStatus(object) };
    default:
      throw new KubeObjectError(`unknown type ${shown(type)} of a watch's event`);
  }
}

function toStatus(value: unknown): ApiStatus {
  const { kind, code, reason, message, details } = statusBody(value);
  if (kind !== 'Status') throw new KubeObjectError(`expected a Status, got ${shown(kind)}`);
  const { retryAfterSeconds: seconds } = details;
  return { code, reason, message, retryAfterMs: seconds > 0 ? seconds * 1_000 : null };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    throw new KubeObjectError(`no JSON: ${reason.slice(0, 200)}`);
  }
}

function shown(kind: string): string {
  return JSON.stringify(kind.slice(0, 100));
}
