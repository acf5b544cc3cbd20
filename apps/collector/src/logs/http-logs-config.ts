import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  toHttpClientConfig,
} from '#libs/discovery';
import { isValidLegacyName } from '#libs/labels';
import { durationMs } from '#libs/yaml-config';
import { z } from 'zod';
import { checkSigv4, sigv4Shape } from '../outputs/sigv4-config.ts';
import { spoolSchema } from './spool-config.ts';

const { follow_redirects: _follow, ...clientShape } = httpClientShape;

const labelName = z.string().refine((name) => isValidLegacyName(name, 'label'), {
  error: 'not a label name; accepted are letters, digits and _, not first a digit',
});

const shape = {
  /** Tells outputs apart in logs, metrics and on disk. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, { error: 'accepted are letters, digits, _ and -' }),
  url: z.string().refine(isPlainUrl, {
    error: 'expected an http or https URL without user and password; use basic_auth',
  }),
  timeout: durationMs({ minMs: 100 }).prefault('30s'),
  min_backoff: durationMs({ minMs: 10 }).prefault('500ms'),
  max_backoff: durationMs({ minMs: 10 }).prefault('30s'),
  spool: spoolSchema.prefault({}),
  ...clientShape,
};

/** What Loki takes unless it is told otherwise. */
const MAX_LABELS = 15;

function countOf(labels: Readonly<Record<string, string>>): number {
  return Object.keys(labels).length;
}

const lokiSchema = z.strictObject({
  ...shape,
  format: z
    .enum(['protobuf', 'json'], { error: 'accepted are protobuf, json' })
    .default('protobuf'),
  /** Sent as `X-Scope-OrgID`. */
  tenant_id: z
    .string()
    .regex(/^[A-Za-z0-9!._*'()-]{1,150}$/, { error: 'not a name that Loki accepts for a tenant' })
    .optional(),
  /** Of every stream. */
  labels: z.record(labelName, z.string().max(1024)).default({}),
  /** Fields of records that Loki indexes; the others become structured metadata. */
  label_fields: z
    .array(labelName)
    .max(12)
    .default(['namespace', 'pod', 'container', 'level', 'stream']),
});

/** Of an engine that is told elsewhere. */
export const NO_URL = '';

const engineSchema = z.strictObject({
  ...shape,
  /** Without it the one of the `remote_write` output that has the same name, with its credentials and TLS. */
  url: shape.url.optional(),
  /** Of every stream. */
  labels: z.record(labelName, z.string().max(1024)).default({}),
  /** What is known of the source of records that becomes a label; all else becomes structured metadata. */
  label_fields: z
    .array(labelName)
    .max(12)
    .default(['namespace', 'workload', 'pod', 'container', 'app', 'level']),
});

const otlpSchema = z.strictObject({
  ...shape,
  /** Attributes of the resource. */
  resource: z.record(z.string().min(1).max(256), z.string().max(1024)).default({}),
});

const linesSchema = z.strictObject(shape);

/** How requests to OpenSearch in AWS are signed. */
const sigv4Schema = z
  .strictObject({
    ...sigv4Shape,
    /** `es` for domains, `aoss` for collections without servers. */
    service: z.enum(['es', 'aoss'], { error: 'accepted are es, aoss' }).default('es'),
  })
  .superRefine(checkSigv4);

const openSearchSchema = z.strictObject({
  ...shape,
  sigv4: sigv4Schema.optional(),
  /** The index or data stream: `%Y`, `%m`, `%d`, `%H` of the record's time, `{field}` of the record. */
  index: z
    .string()
    .min(1)
    .max(200)
    .refine((text) => !/[A-Z\\/*?"<>|\s,#:]/.test(text.replaceAll(/%[YmdH%]|\{[^{}]+\}/g, '')), {
      error:
        'expected a name in lower case without blanks and \\ / * ? " < > | , # :, such as logs-%Y.%m.%d',
    })
    .default('logs-%Y.%m.%d'),
});

/** An output over HTTP, with what the requests are made with. */
export type HttpLogsConfig = (
  | ({ readonly kind: 'loki' } & Omit<z.output<typeof lokiSchema>, keyof typeof clientShape>)
  | ({ readonly kind: 'engine' } & Omit<
      z.output<typeof engineSchema>,
      keyof typeof clientShape | 'url'
    > & { readonly url: string })
  | ({ readonly kind: 'otlp' } & Omit<z.output<typeof otlpSchema>, keyof typeof clientShape>)
  | ({ readonly kind: 'opensearch' } & Omit<
      z.output<typeof openSearchSchema>,
      keyof typeof clientShape
    >)
  | ({ readonly kind: 'http' } & Omit<z.output<typeof linesSchema>, keyof typeof clientShape>)
) & { readonly http: HttpClientConfig };

/** The outputs' key `loki`. */
export const lokiOutputsSchema = z
  .array(
    lokiSchema
      .refine(({ labels, label_fields: fields }) => countOf(labels) + fields.length < MAX_LABELS, {
        error: `a stream has at most ${MAX_LABELS} labels, of which one is the tag; give fewer labels and label_fields`,
        path: ['label_fields'],
      })
      .transform((raw, context): HttpLogsConfig => ({
        ...raw,
        kind: 'loki',
        http: clientOf(raw, context),
      })),
  )
  .max(20)
  .superRefine(checkNames);

/** The outputs' key `engine_logs`. */
export const engineLogsOutputsSchema = z
  .array(
    engineSchema
      .refine(({ labels, label_fields: fields }) => countOf(labels) + fields.length < MAX_LABELS, {
        error: `a stream has at most ${MAX_LABELS} labels, of which one is the tag; give fewer labels and label_fields`,
        path: ['label_fields'],
      })
      .transform((raw, context): HttpLogsConfig => ({
        ...raw,
        url: raw.url ?? NO_URL,
        kind: 'engine',
        http: clientOf(raw, context),
      })),
  )
  .max(20)
  .superRefine(checkNames);

/** The outputs' key `otlp_logs`. */
export const otlpLogsOutputsSchema = z
  .array(
    otlpSchema.transform((raw, context): HttpLogsConfig => ({
      ...raw,
      kind: 'otlp',
      http: clientOf(raw, context),
    })),
  )
  .max(20)
  .superRefine(checkNames);

/** The outputs' key `opensearch`. */
export const openSearchOutputsSchema = z
  .array(
    openSearchSchema.transform((raw, context): HttpLogsConfig => {
      const { sigv4, basic_auth: basic, authorization, bearer_token: token } = raw;
      const others = [basic, authorization, token, raw.bearer_token_file];
      if (sigv4 !== undefined && others.some((given) => given !== undefined)) {
        const message = 'give sigv4 or other credentials, not both';
        context.addIssue({ code: 'custom', message, path: ['sigv4'] });
      }
      return { ...raw, kind: 'opensearch', http: clientOf(raw, context) };
    }),
  )
  .max(20)
  .superRefine(checkNames);

/** The outputs' key `http_logs`. */
export const httpLogsOutputsSchema = z
  .array(
    linesSchema.transform((raw, context): HttpLogsConfig => ({
      ...raw,
      kind: 'http',
      http: clientOf(raw, context),
    })),
  )
  .max(20)
  .superRefine(checkNames);

function clientOf(
  raw: Omit<z.output<typeof linesSchema>, 'url'>,
  context: z.RefinementCtx,
): HttpClientConfig {
  const client = { ...raw, follow_redirects: false };
  checkHttpClient(client, (path, message) => {
    context.addIssue({ code: 'custom', message, path: [...path] });
  });
  return toHttpClientConfig(client);
}

function checkNames(outputs: readonly { readonly name: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  outputs.forEach(({ name }, index) => {
    if (seen.has(name)) {
      const message = 'another output has this name; give each a name of its own';
      context.addIssue({ code: 'custom', message, path: [index, 'name'] });
    }
    seen.add(name);
  });
}

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  return isHttp && url.username === '' && url.password === '';
}
