import { KubeObjectError, type KubeResource } from '#libs/kube';
import type { KubeClient } from './kube-client.ts';
import { KubeRequestError } from './kube-request-error.ts';

/**
 * Whether a resource can be watched: `absent` where its definition is not installed, `forbidden` where the right is missing,
 * `unreachable` where the API server has not answered.
 */
export type Watchability = 'watchable' | 'absent' | 'forbidden' | 'unreachable';

/**
 * Asks for one object before all are watched: a watch that is refused would be tried for ever.
 * @param namespace '' for all
 */
export async function watchability(
  client: KubeClient,
  { api, plural }: Pick<KubeResource, 'api' | 'plural'>,
  namespace: string,
  signal: AbortSignal,
  failed: (error: Error) => void = () => {},
): Promise<Watchability> {
  const within = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const selection = { path: `${api}${within}/${plural}`, fieldSelector: '', labelSelector: '' };
  try {
    // Of the server's cache, which knows no pages, it would be everything.
    const page = { limit: 1, continueToken: '', resourceVersion: '' };
    await client.list(selection, page, () => {}, signal);
    return 'watchable';
  } catch (error) {
    if (error instanceof Error) failed(error);
    if (error instanceof KubeObjectError) return 'unreachable';
    if (!(error instanceof KubeRequestError)) throw error;
    if (error.status === 403 || error.status === 401) return 'forbidden';
    return error.status === 404 ? 'absent' : 'unreachable';
  }
}
