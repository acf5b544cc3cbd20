/**
 * What a request needs: `read` to ask, `write` to send samples, `edit` to change anything else (silences, alerts, reloads,
 * snapshots, test messages).
 */
export const ACCESS_RIGHTS = ['read', 'write', 'edit'] as const;

export type AccessRight = (typeof ACCESS_RIGHTS)[number];

/** Asked by kubelets and scrapers, which have no credentials; they tell nothing of what is stored. */
const OPEN: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/-/healthy',
  '/-/ready',
  '/metrics',
]);

/** Which right a request that changes something, or asks by POST, needs. @param path without a slash at its end */
export type RightOfPost = (method: string, path: string) => AccessRight;

/**
 * @param path of the URL, without its query
 * @returns null for what is open to everybody
 */
export function neededRight(
  method: string,
  path: string,
  rightOfPost: RightOfPost,
): AccessRight | null {
  const plain = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (method === 'GET' || method === 'HEAD') return OPEN.has(plain) ? null : 'read';
  return rightOfPost(method, plain);
}
