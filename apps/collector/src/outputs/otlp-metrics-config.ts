import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  relabelConfigSchema,
  type RelabelRule,
  toHttpClientConfig,
} from '#libs/discovery';
import { DEFAULT_SEND_QUEUE_OPTIONS, type SendQueueOptions } from '#libs/remote-write';
import { durationMs } from '#libs/yaml-config';
import { z } from 'zod';
import { type MetricSpoolConfig, metricSpoolSchema } from './metric-spool-config.ts';

/** One receiver of OTLP metrics over HTTP with every default filled in. */
export interface OtlpMetricsConfig {
  readonly name: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
  readonly relabelRules: readonly RelabelRule[];
  readonly queue: SendQueueOptions;
  readonly spool: MetricSpoolConfig;
}

const { follow_redirects: _follow, ...clientShape } = httpClientShape;

const otlpMetricsSchema = z.strictObject({
  /** Tells outputs apart in logs, metrics and on disk. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, { error: 'accepted are letters, digits, _ and -' }),
  url: z.string().refine(isPlainUrl, {
    error: 'expected an http or https URL without user and password; use basic_auth',
  }),
  timeout: durationMs({ minMs: 100 }).prefault('30s'),
  min_backoff: durationMs({ minMs: 10 }).prefault('100ms'),
  max_backoff: durationMs({ minMs: 10 }).prefault('10s'),
  write_relabel_configs: z.array(relabelConfigSchema).default([]),
  spool: metricSpoolSchema.prefault({}),
  ...clientShape,
});

/** The outputs' key `otlp_metrics`. */
export const otlpMetricsOutputsSchema = z
  .array(
    otlpMetricsSchema.transform((raw, context): OtlpMetricsConfig => {
      const client = { ...raw, follow_redirects: false };
      checkHttpClient(client, (path, message) => {
        context.addIssue({ code: 'custom', message, path: [...path] });
      });
      return {
        name: raw.name,
        url: raw.url,
        timeoutMs: raw.timeout,
        http: toHttpClientConfig(client),
        relabelRules: raw.write_relabel_configs,
        queue: {
          ...DEFAULT_SEND_QUEUE_OPTIONS,
          minBackoffMs: raw.min_backoff,
          maxBackoffMs: Math.max(raw.max_backoff, raw.min_backoff),
        },
        spool: raw.spool,
      };
    }),
  )
  .max(20);

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return url.username === '' && url.password === '';
}
