import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  objectOfKnownKeys,
  relabelConfigSchema,
  type RelabelRule,
  toHttpClientConfig,
} from '#libs/discovery';
import {
  DEFAULT_SEND_QUEUE_OPTIONS,
  type SendQueueOptions,
  type WriteMessage,
} from '#libs/remote-write';
import { positiveDurationMs, Secret, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { checkSigv4, type Sigv4Keys, sigv4Shape } from './sigv4-config.ts';
import {
  httpLogsOutputsSchema,
  openSearchOutputsSchema,
  engineLogsOutputsSchema,
  NO_URL,
  lokiOutputsSchema,
  otlpLogsOutputsSchema,
} from '../logs/http-logs-config.ts';
import { fileOutputsSchema } from '../logs/file-output-config.ts';
import { fluentdOutputsSchema } from '../logs/logs-config.ts';
import { type MetricSpoolConfig, metricSpoolSchema } from './metric-spool-config.ts';
import { otlpMetricsOutputsSchema } from './otlp-metrics-config.ts';

/** One remote-write receiver with every default filled in. */
export interface RemoteWriteConfig {
  /** Tells outputs apart in logs and metrics: the given name, or the URL without its query. */
  readonly name: string;
  readonly url: string;
  readonly message: WriteMessage;
  readonly timeoutMs: number;
  /** Headers of the operator's own; values may be secrets. */
  readonly headers: readonly (readonly [string, Secret])[];
  readonly http: HttpClientConfig;
  /** With what requests are signed for AWS; null where they are not. */
  readonly sigv4: Sigv4Keys | null;
  readonly relabelRules: readonly RelabelRule[];
  readonly queue: SendQueueOptions;
  readonly sendsExemplars: boolean;
  /** Of version 1; in version 2 they always travel. */
  readonly sendsHistograms: boolean;
  /** How often version 1 tells metadata; null for never. */
  readonly metadataIntervalMs: number | null;
  readonly spool: MetricSpoolConfig;
}

/** Where the engine of the same machine listens unless told otherwise. */
const DEFAULT_URL = 'http://127.0.0.1:9370/api/v1/write';
const DEFAULT_TIMEOUT_MS = 30_000;

const queueSchema = objectOfKnownKeys(
  {
    capacity: z.int().min(1).optional(),
    max_samples_per_send: z.int().min(1).max(500_000).optional(),
    batch_send_deadline: positiveDurationMs().optional(),
    min_backoff: positiveDurationMs().optional(),
    max_backoff: positiveDurationMs().optional(),
  },
  (key) => {
    if (key === 'min_shards' || key === 'max_shards') {
      return 'one request is under way at a time, which keeps the order; raise max_samples_per_send instead';
    }
    return key === 'retry_on_http_429' ? '429 is always retried' : null;
  },
);

const headersSchema = z.record(
  z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: 'not a valid header name' }),
  yamlText().transform((text) => new Secret(text)),
);

const { follow_redirects: _follow, http_headers: _headers, ...clientShape } = httpClientShape;

const CANNOT_DO: ReadonlyMap<string, string> = new Map([
  ['azuread', 'requests are not signed; accepted are sigv4, basic_auth, authorization and headers'],
  ['oauth2', 'OAuth 2 tokens are not fetched; accepted are basic_auth and authorization'],
]);

const remoteWriteSchema = objectOfKnownKeys(
  {
    url: yamlText(),
    /** Further receivers of the same samples, as other engines of a group are. */
    replica_urls: z.array(yamlText()).max(4).default([]),
    name: yamlText().min(1).optional(),
    remote_timeout: positiveDurationMs().optional(),
    headers: headersSchema.optional(),
    protobuf_message: z
      .enum(['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'])
      .default('prometheus.WriteRequest'),
    write_relabel_configs: z.array(relabelConfigSchema).default([]),
    queue_config: queueSchema.optional(),
    send_exemplars: z.boolean().default(true),
    send_native_histograms: z.boolean().default(true),
    metadata_config: z
      .strictObject({
        send: z.boolean().default(true),
        send_interval: positiveDurationMs().prefault('1m'),
        max_samples_per_send: z.int().min(1).optional(),
      })
      .prefault({}),
    spool: metricSpoolSchema.prefault({}),
    /** Of Amazon's managed service. */
    sigv4: z.strictObject(sigv4Shape).superRefine(checkSigv4).optional(),
    // A redirect could lead the samples and their credentials anywhere.
    follow_redirects: z
      .literal(false, { error: 'redirects are never followed; accepted is false' })
      .optional(),
    ...clientShape,
  },
  (key) => CANNOT_DO.get(key) ?? null,
);

type RawRemoteWrite = z.output<typeof remoteWriteSchema>;

/** An output and those to its replicas, which have everything of it but the URL, the name, the queue and the spool. */
const checkedRemoteWrite = remoteWriteSchema.transform((raw, context): RemoteWriteConfig[] => {
  const complain = (path: readonly PropertyKey[], message: string): void => {
    context.addIssue({ code: 'custom', message, path: [...path] });
  };
  const client = { ...raw, follow_redirects: false };
  checkHttpClient(client, complain);
  const url = checkedUrl(raw.url, (message) => complain(['url'], message));
  const others = [raw.basic_auth, raw.authorization, raw.bearer_token, raw.bearer_token_file];
  if (raw.sigv4 !== undefined && others.some((given) => given !== undefined)) {
    complain(['sigv4'], 'give sigv4 or other credentials, not both');
  }
  for (const name of Object.keys(raw.headers ?? {})) {
    if (OWN_HEADERS.has(name.toLowerCase())) {
      complain(['headers', name], 'this header is set by remote write itself');
    }
  }
  const queue = queueOptionsOf(raw);
  if (queue.maxSamples < queue.maxSamplesPerSend) {
    complain(['queue_config', 'capacity'], 'must not be less than max_samples_per_send');
  }
  if (queue.maxBackoffMs < queue.minBackoffMs) {
    complain(['queue_config', 'max_backoff'], 'must not be less than min_backoff');
  }
  const replicas = raw.replica_urls.map((text, index) =>
    checkedUrl(text, (message) => complain(['replica_urls', index], message)),
  );
  const first = {
    name: raw.name ?? nameOf(url),
    url: url?.href ?? '',
    message: raw.protobuf_message,
    timeoutMs: raw.remote_timeout ?? DEFAULT_TIMEOUT_MS,
    headers: Object.entries(raw.headers ?? {}),
    http: toHttpClientConfig(client),
    sigv4: raw.sigv4 ?? null,
    relabelRules: raw.write_relabel_configs,
    queue,
    sendsExemplars: raw.send_exemplars,
    sendsHistograms: raw.send_native_histograms,
    metadataIntervalMs: raw.metadata_config.send ? raw.metadata_config.send_interval : null,
    spool: raw.spool,
  };
  return [
    first,
    ...replicas.map((replica, index) => {
      const name = raw.name === undefined ? nameOf(replica) : replicaName(raw.name, index);
      return Object.assign({}, first, { name, url: replica?.href ?? '' });
    }),
  ];
});

function nameOf(url: URL | null): string {
  return `${url?.origin ?? ''}${url?.pathname ?? ''}`;
}

function replicaName(name: string, index: number): string {
  return `${name}-${index + 2}`;
}

const OWN_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
  'x-prometheus-remote-write-version',
]);

function checkedUrl(text: string, complain: (message: string) => void): URL | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    complain(`expected an http or https URL such as ${DEFAULT_URL}`);
    return null;
  }
  if (url.username !== '' || url.password !== '') {
    complain('a URL must not hold a user or password; use basic_auth');
    return null;
  }
  return url;
}

function queueOptionsOf({ queue_config: queue }: RawRemoteWrite): SendQueueOptions {
  const defaults = DEFAULT_SEND_QUEUE_OPTIONS;
  return {
    maxSamples: queue?.capacity ?? defaults.maxSamples,
    maxSamplesPerSend: queue?.max_samples_per_send ?? defaults.maxSamplesPerSend,
    batchDeadlineMs: queue?.batch_send_deadline ?? defaults.batchDeadlineMs,
    minBackoffMs: queue?.min_backoff ?? defaults.minBackoffMs,
    maxBackoffMs: queue?.max_backoff ?? defaults.maxBackoffMs,
  };
}

/**
 * The `outputs` section. `remote_write` has Prometheus's keys; without it samples go to the engine on this machine, and
 * an empty list sends them nowhere.
 */
export const outputsConfigSchema = z
  .strictObject({
    remote_write: z
      .array(checkedRemoteWrite)
      .transform((groups, context) => {
        const seen = new Set<string>();
        groups.forEach((outputs, index) => {
          for (const { name } of outputs) {
            if (seen.has(name)) {
              const message = 'another output has this name or URL; give each a name of its own';
              context.addIssue({ code: 'custom', message, path: [index, 'name'] });
            }
            seen.add(name);
          }
        });
        return groups;
      })
      .prefault([{ url: DEFAULT_URL, protobuf_message: 'io.prometheus.write.v2.Request' }]),
    otlp_metrics: otlpMetricsOutputsSchema.prefault([]),
    fluentd: fluentdOutputsSchema.prefault([]),
    engine_logs: engineLogsOutputsSchema.prefault([]),
    loki: lokiOutputsSchema.prefault([]),
    otlp_logs: otlpLogsOutputsSchema.prefault([]),
    opensearch: openSearchOutputsSchema.prefault([]),
    http_logs: httpLogsOutputsSchema.prefault([]),
    files: fileOutputsSchema.prefault([]),
  })
  .transform((outputs, context) => ({
    ...outputs,
    remote_write: outputs.remote_write.flat(),
    engine_logs: outputs.engine_logs.flatMap((output, index) => {
      if (output.url !== NO_URL) return output;
      const samples = outputs.remote_write.find(([first]) => first!.name === output.name);
      if (samples !== undefined) {
        return samples.map(({ name, url, http }) =>
          Object.assign({}, output, { name, url: new URL('/', url).href, http }),
        );
      }
      const message = 'expected the URL of an engine, or the name of an output in remote_write';
      context.addIssue({ code: 'custom', message, path: ['engine_logs', index, 'url'] });
      return output;
    }),
  }));

export type OutputsConfig = z.output<typeof outputsConfigSchema>;

/** Whether there is somebody who takes log records. */
export function hasLogOutputs(config: OutputsConfig): boolean {
  const { fluentd, engine_logs: engine, loki, otlp_logs: otlp, opensearch } = config;
  const { http_logs: lines, files } = config;
  return [fluentd, engine, loki, otlp, opensearch, lines, files].some(({ length }) => length > 0);
}
