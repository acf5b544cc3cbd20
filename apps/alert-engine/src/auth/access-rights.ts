import type { AccessRight } from '#libs/platform';

const INGEST =
  /^\/(api\/v1\/(write|push|otlp\/.*)|(otlp\/)?v1\/(metrics|logs|traces)|loki\/api\/v1\/push)$/;

/** What is asked by POST because the question is long. */
const QUESTIONS =
  /^\/(api\/v1\/(query|query_range|query_exemplars|format_query|parse_query|labels|series|read)|loki\/api\/v1\/(query|query_range|labels?|label\/[^/]+\/values|series|format_query|patterns|detected_(labels|fields|field\/[^/]+\/values)|index\/(stats|volume|volume_range)))$/;

/** The right that a request of the engine's APIs needs if it is no GET. */
export function rightOfPost(method: string, path: string): AccessRight {
  if (INGEST.test(path)) return 'write';
  return method === 'POST' && QUESTIONS.test(path) ? 'read' : 'edit';
}
