import { z } from 'zod';
import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  objectOfKnownKeys,
  toHttpClientConfig,
} from '#libs/discovery';
import type { WriteMessage } from '#libs/remote-write';
import { durationMs, positiveDurationMs, yamlText } from '#libs/yaml-config';

/** Where a datasource's results go instead of the embedded store. */
export interface ResultsConfig {
  readonly url: string;
  readonly message: WriteMessage;
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
}

/**
 * What answers the queries of a datasource: an API as Prometheus has it, in PromQL; one as Loki has it, in LogQL; or the
 * engine's own log lines, in LogQL too.
 */
export type DatasourceType = (typeof DATASOURCE_TYPES)[number];
const DATASOURCE_TYPES = ['prometheus', 'loki', 'own_logs'] as const;

/** What rules are evaluated over, other than the embedded store. */
export interface DatasourceConfig {
  readonly name: string;
  readonly type: DatasourceType;
  /** Where `/api/v1/query` is appended, of a Loki `/loki/api/v1/query`; empty for the engine's own lines. */
  readonly url: string;
  /** Paths and globs of the rules that are for it. */
  readonly ruleFiles: readonly string[];
  readonly queryOffsetMs: number;
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
  readonly results: ResultsConfig | null;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const EXAMPLE_URL = 'https://mimir.example.com/prometheus';

const { follow_redirects: _follow, ...clientShape } = httpClientShape;

const noRedirects = z
  .literal(false, { error: 'redirects are never followed; accepted is false' })
  .optional();

const resultsSchema = objectOfKnownKeys(
  {
    url: yamlText(),
    remote_timeout: positiveDurationMs().default(DEFAULT_TIMEOUT_MS),
    protobuf_message: z
      .enum(['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'])
      .default('prometheus.WriteRequest'),
    follow_redirects: noRedirects,
    ...clientShape,
  },
  () => null,
).transform((raw, context): ResultsConfig => {
  const client = { ...raw, follow_redirects: false };
  const complain = complaintsTo(context);
  checkHttpClient(client, complain);
  return {
    url: checkedUrl(raw.url, complain),
    message: raw.protobuf_message,
    timeoutMs: raw.remote_timeout,
    http: toHttpClientConfig(client),
  };
});

const datasourceSchema = objectOfKnownKeys(
  {
    name: yamlText().min(1),
    type: z.enum(DATASOURCE_TYPES).default('prometheus'),
    url: yamlText().optional(),
    rule_files: z.array(z.string().min(1)).min(1),
    query_offset: durationMs().default(0),
    timeout: positiveDurationMs().default(DEFAULT_TIMEOUT_MS),
    remote_write: resultsSchema.optional(),
    follow_redirects: noRedirects,
    ...clientShape,
  },
  () => null,
).transform((raw, context): DatasourceConfig => {
  const client = { ...raw, follow_redirects: false };
  const complain = complaintsTo(context);
  checkHttpClient(client, complain);
  return {
    name: raw.name,
    type: raw.type,
    url: datasourceUrl(raw.type, raw.url, complain),
    ruleFiles: raw.rule_files,
    queryOffsetMs: raw.query_offset,
    timeoutMs: raw.timeout,
    http: toHttpClientConfig(client),
    results: raw.remote_write ?? null,
  };
});

/** `datasources`: stores other than the embedded one, and the rules evaluated over each. */
export const datasourcesSchema = z
  .array(datasourceSchema)
  .default([])
  .superRefine((datasources, context) => {
    const names = new Set<string>();
    datasources.forEach(({ name }, i) => {
      if (names.has(name)) {
        const message = `there is more than one datasource called ${JSON.stringify(name)}`;
        context.addIssue({ code: 'custom', message, path: [i, 'name'] });
      }
      names.add(name);
    });
  });

function complaintsTo(
  context: z.RefinementCtx,
): (path: readonly PropertyKey[], message: string) => void {
  return (path, message) => context.addIssue({ code: 'custom', message, path: [...path] });
}

function datasourceUrl(
  type: DatasourceType,
  url: string | undefined,
  complain: (path: readonly PropertyKey[], message: string) => void,
): string {
  if (type !== 'own_logs') return checkedUrl(url ?? '', complain);
  if (url !== undefined) complain(['url'], "the engine's own log lines have no URL; leave it out");
  return '';
}

function checkedUrl(
  text: string,
  complain: (path: readonly PropertyKey[], message: string) => void,
): string {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    complain(['url'], `expected an http or https URL such as ${EXAMPLE_URL}`);
    return '';
  }
  if (url.username !== '' || url.password !== '') {
    complain(['url'], 'a URL must not hold a user or password; use basic_auth');
  }
  return url.href;
}
