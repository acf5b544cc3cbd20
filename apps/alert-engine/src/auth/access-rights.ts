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

const INGEST =
  /^\/(api\/v1\/(write|push|otlp\/.*)|(otlp\/)?v1\/(metrics|logs|traces)|loki\/api\/v1\/push)$/;

/** What is asked by POST because the question is long. */
const QUESTIONS =
  /^\/(api\/v1\/(query|query_range|query_exemplars|format_query|parse_query|labels|series|read)|loki\/api\/v1\/(query|query_range|labels?|series|format_query|index\/(stats|volume|volume_range)))$/;

/**
 * @param path of the URL, without its query
 * @returns null for what is open to everybody
 */
export function neededRight(method: string, path: string): AccessRight | null {
  const plain = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (method === 'GET' || method === 'HEAD') return OPEN.has(plain) ? null : 'read';
  if (INGEST.test(plain)) return 'write';
  return method === 'POST' && QUESTIONS.test(plain) ? 'read' : 'edit';
}
