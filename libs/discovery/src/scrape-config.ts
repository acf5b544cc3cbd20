import {
  DEFAULT_SCRAPE_PROTOCOLS,
  NATIVE_SCRAPE_PROTOCOLS,
  type ScrapeProtocol,
} from '#libs/exposition';
import { MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA } from '#libs/histogram';
import { isValidUtf8Name, Labels, METRIC_NAME } from '#libs/labels';
import { byteSize, durationMs, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import {
  type DiscoveryConfig,
  fileSdSchema,
  httpSdSchema,
  kubernetesSdSchema,
} from './discovery-config.ts';
import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  toHttpClientConfig,
} from './http-client-config.ts';
import { objectOfKnownKeys } from './known-keys.ts';
import { relabelConfigSchema, type RelabelRule } from './relabel-config.ts';

/** Bounds on what one scrape may bring; `Infinity` where there is none. */
export interface ScrapeLimits {
  readonly bodyBytes: number;
  /** Samples left after relabelling. */
  readonly samples: number;
  readonly labels: number;
  readonly labelNameLength: number;
  readonly labelValueLength: number;
  /** Buckets of a native histogram, which is made coarser until it keeps to them. */
  readonly histogramBuckets: number;
  /** Targets of the job, before it fails as a whole. */
  readonly targets: number;
}

/** A list of targets that share labels. */
export interface TargetGroup {
  /** Who named them; a later group with the same source replaces this one. */
  readonly source: string;
  /** Each target's own labels, `__address__` among them; they win over `labels`. */
  readonly targets: readonly Labels[];
  readonly labels: Labels;
}

/** What is taken of histograms. */
interface HistogramChoice {
  /** Whether native histograms are asked for and read. */
  readonly readsNative: boolean;
  /** Whether the classic buckets are taken, too, of a histogram that is native or becomes so. */
  readonly keepsClassic: boolean;
  /** Whether classic histograms become native ones with custom buckets. */
  readonly convertsClassic: boolean;
  /** The finest schema that is stored; finer histograms are made coarser. */
  readonly maxSchema: number;
}

/** One job with every default filled in. */
export interface ScrapeConfig {
  readonly jobName: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly scheme: 'http' | 'https';
  readonly metricsPath: string;
  readonly params: readonly (readonly [string, readonly string[]])[];
  readonly honorsLabels: boolean;
  readonly honorsTimestamps: boolean;
  readonly tracksTimestampsStaleness: boolean;
  readonly hasExtraMetrics: boolean;
  readonly protocols: readonly ScrapeProtocol[];
  readonly fallbackProtocol: ScrapeProtocol | null;
  readonly isCompressed: boolean;
  /** Which of a histogram's two forms are taken, and whether the classic one becomes one with custom buckets. */
  readonly histograms: HistogramChoice;
  readonly limits: ScrapeLimits;
  /** How many dropped targets are remembered; `Infinity` for all. */
  readonly keepDroppedTargets: number;
  readonly http: HttpClientConfig;
  readonly relabelRules: readonly RelabelRule[];
  readonly metricRelabelRules: readonly RelabelRule[];
  readonly staticGroups: readonly TargetGroup[];
  readonly discovery: readonly DiscoveryConfig[];
}

const PROTOCOLS = `accepted are ${NATIVE_SCRAPE_PROTOCOLS.join(', ')}`;

const protocol = z.string().transform((name, context): ScrapeProtocol => {
  const known = NATIVE_SCRAPE_PROTOCOLS.find((readable) => readable === name);
  if (known !== undefined) return known;
  context.addIssue({ code: 'custom', message: `unknown; ${PROTOCOLS}` });
  return z.NEVER;
});

const protocols = z
  .array(protocol)
  .min(1, { error: `must not be empty; ${PROTOCOLS}` })
  .refine((list) => new Set(list).size === list.length, { error: 'a protocol is given twice' });

const limit = z.int().min(0);

const sharedShape = {
  scrape_interval: durationMs().optional(),
  scrape_timeout: durationMs().optional(),
  scrape_protocols: protocols.optional(),
  body_size_limit: byteSize().optional(),
  sample_limit: limit.optional(),
  target_limit: limit.optional(),
  label_limit: limit.optional(),
  label_name_length_limit: limit.optional(),
  label_value_length_limit: limit.optional(),
  keep_dropped_targets: limit.optional(),
  extra_scrape_metrics: z.boolean().optional(),
  metric_name_validation_scheme: z.literal('utf8', { error: 'accepted is utf8' }).optional(),
  metric_name_escaping_scheme: z
    .literal('allow-utf-8', { error: 'accepted is allow-utf-8' })
    .optional(),
  scrape_native_histograms: z.boolean().optional(),
  convert_classic_histograms_to_nhcb: z.boolean().optional(),
  always_scrape_classic_histograms: z.boolean().optional(),
};

const labelRecord = z
  .record(
    z.string().refine(isValidUtf8Name, { error: 'not a valid label name' }),
    yamlText().refine((value) => value.isWellFormed(), { error: 'not a valid label value' }),
  )
  .refine((labels) => !Object.hasOwn(labels, METRIC_NAME), {
    error: `${METRIC_NAME} is not a label a target may have`,
  });

const staticConfig = z.strictObject({
  targets: z.array(yamlText().min(1)).nullish(),
  labels: labelRecord.nullish(),
});

const DISCOVERIES = 'static_configs, kubernetes_sd_configs, file_sd_configs, http_sd_configs';
const NO_PROXY = 'does not scrape through a proxy';

/** Keys Prometheus knows, and what this version does not do about them. */
const NOT_IN_THIS_VERSION: ReadonlyMap<string, string> = new Map([
  ['oauth2', 'does not fetch OAuth 2 tokens; accepted are authorization and basic_auth'],
  ['proxy_url', NO_PROXY],
  ['proxy_from_environment', NO_PROXY],
  ['proxy_connect_header', NO_PROXY],
  ['no_proxy', NO_PROXY],
  ['scrape_failure_log_file', 'logs no failed scrapes; /api/v1/targets has the last error'],
  ['query_log_file', 'runs no queries'],
  ['rule_query_offset', 'evaluates no rules'],
]);

const rawScrapeConfig = objectOfKnownKeys(
  {
    job_name: yamlText().min(1, { error: 'must not be empty' }),
    ...sharedShape,
    ...httpClientShape,
    scheme: z.enum(['http', 'https']).default('http'),
    metrics_path: yamlText().default('/metrics'),
    params: z.record(z.string(), z.array(yamlText())).optional(),
    honor_labels: z.boolean().default(false),
    honor_timestamps: z.boolean().default(true),
    track_timestamps_staleness: z.boolean().default(false),
    fallback_scrape_protocol: protocol.optional(),
    enable_compression: z.boolean().default(true),
    native_histogram_bucket_limit: limit.optional(),
    native_histogram_min_bucket_factor: z.number().min(0).optional(),
    static_configs: z.array(staticConfig).nullish(),
    kubernetes_sd_configs: z.array(kubernetesSdSchema).nullish(),
    file_sd_configs: z.array(fileSdSchema).nullish(),
    http_sd_configs: z.array(httpSdSchema).nullish(),
    relabel_configs: z.array(relabelConfigSchema).nullish(),
    metric_relabel_configs: z.array(relabelConfigSchema).nullish(),
  },
  (key) => {
    if (/^[a-z0-9]+_sd_configs$/.test(key)) {
      return `this version discovers no targets by ${key}; accepted are ${DISCOVERIES}`;
    }
    const reason = NOT_IN_THIS_VERSION.get(key);
    return reason === undefined ? null : `this version ${reason}`;
  },
);

/**
 * One block of `scrape_configs` as Prometheus reads it. `resolveScrapeConfigs` fills in what depends on `global`.
 */
const scrapeConfigSchema = rawScrapeConfig.superRefine((raw, context) => {
  checkHttpClient(raw, (path, message) => {
    context.addIssue({ code: 'custom', message, path: [...path] });
  });
  // A rule may make an address of a URL, as it does where a prober is asked about it.
  if ((raw.relabel_configs ?? []).length > 0) return;
  (raw.static_configs ?? []).forEach(({ targets }, group) => {
    (targets ?? []).forEach((target, index) => {
      if (!target.includes('/')) return;
      const message = 'not a valid host and port; a target has no scheme and no path';
      context.addIssue({
        code: 'custom',
        message,
        path: ['static_configs', group, 'targets', index],
      });
    });
  });
});

export type RawScrapeConfig = z.output<typeof scrapeConfigSchema>;

/** `scrape_configs`: job names come once. */
export const scrapeConfigsSchema = z.array(scrapeConfigSchema).superRefine((jobs, context) => {
  const seen = new Set<string>();
  jobs.forEach((job, index) => {
    if (seen.has(job.job_name)) {
      const path = [index, 'job_name'];
      context.addIssue({ code: 'custom', message: 'another job has this name', path });
    }
    seen.add(job.job_name);
  });
});

/** Prometheus's `global`, as far as it is about scraping. */
export const scrapeGlobalSchema = objectOfKnownKeys(
  {
    ...sharedShape,
    external_labels: labelRecord.optional(),
    // In nearly every prometheus.yml, and about rules, which are not evaluated here.
    evaluation_interval: durationMs().optional(),
  },
  (key) => {
    const reason = NOT_IN_THIS_VERSION.get(key);
    return reason === undefined ? null : `this version ${reason}`;
  },
);

export type RawScrapeGlobal = z.output<typeof scrapeGlobalSchema>;

/** What holds where neither a job nor `global` says anything. */
export interface ScrapeDefaults {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly limits: ScrapeLimits;
}

/** Prometheus's interval and timeout; our limits, which an explicit 0 takes away as it does there. */
export const SCRAPE_DEFAULTS: ScrapeDefaults = {
  intervalMs: 60_000,
  timeoutMs: 10_000,
  limits: {
    bodyBytes: 32 * 1024 * 1024,
    samples: 50_000,
    labels: 64,
    labelNameLength: Number.POSITIVE_INFINITY,
    labelValueLength: Number.POSITIVE_INFINITY,
    histogramBuckets: Number.POSITIVE_INFINITY,
    targets: Number.POSITIVE_INFINITY,
  },
};

/** Something wrong with a job that shows only once the defaults are known. */
export interface ScrapeConfigProblem {
  /** Path within `scrape_configs`. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The jobs with their defaults filled in, and what is wrong with them; a job with a problem is left out. */
export function resolveScrapeConfigs(
  jobs: readonly RawScrapeConfig[],
  global: RawScrapeGlobal = {},
  defaults: ScrapeDefaults = SCRAPE_DEFAULTS,
): { readonly configs: ScrapeConfig[]; readonly problems: ScrapeConfigProblem[] } {
  const configs: ScrapeConfig[] = [];
  const problems: ScrapeConfigProblem[] = [];
  jobs.forEach((raw, index) => {
    const intervalMs = raw.scrape_interval || global.scrape_interval || defaults.intervalMs;
    const globalTimeoutMs = global.scrape_timeout || defaults.timeoutMs;
    const timeoutMs = raw.scrape_timeout || Math.min(globalTimeoutMs, intervalMs);
    if (timeoutMs > intervalMs) {
      const path = [index, 'scrape_timeout'];
      problems.push({ path, message: 'must not be greater than the scrape interval' });
      return;
    }
    configs.push(resolveJob(raw, global, { ...defaults, intervalMs, timeoutMs }));
  });
  return { configs, problems };
}

function resolveJob(
  raw: RawScrapeConfig,
  global: RawScrapeGlobal,
  defaults: ScrapeDefaults,
): ScrapeConfig {
  const { limits } = defaults;
  const histograms = histogramChoice(raw, global);
  return {
    jobName: raw.job_name,
    intervalMs: defaults.intervalMs,
    timeoutMs: defaults.timeoutMs,
    scheme: raw.scheme,
    metricsPath: raw.metrics_path,
    params: Object.entries(raw.params ?? {}),
    honorsLabels: raw.honor_labels,
    honorsTimestamps: raw.honor_timestamps,
    tracksTimestampsStaleness: raw.track_timestamps_staleness,
    hasExtraMetrics: raw.extra_scrape_metrics ?? global.extra_scrape_metrics ?? false,
    protocols:
      raw.scrape_protocols ??
      global.scrape_protocols ??
      (histograms.readsNative ? NATIVE_SCRAPE_PROTOCOLS : DEFAULT_SCRAPE_PROTOCOLS),
    fallbackProtocol: raw.fallback_scrape_protocol ?? null,
    isCompressed: raw.enable_compression,
    histograms,
    limits: {
      bodyBytes: orNone(raw.body_size_limit ?? global.body_size_limit, limits.bodyBytes),
      samples: orNone(raw.sample_limit ?? global.sample_limit, limits.samples),
      labels: orNone(raw.label_limit ?? global.label_limit, limits.labels),
      labelNameLength: orNone(
        raw.label_name_length_limit ?? global.label_name_length_limit,
        limits.labelNameLength,
      ),
      labelValueLength: orNone(
        raw.label_value_length_limit ?? global.label_value_length_limit,
        limits.labelValueLength,
      ),
      histogramBuckets: orNone(raw.native_histogram_bucket_limit, limits.histogramBuckets),
      targets: orNone(raw.target_limit ?? global.target_limit, limits.targets),
    },
    keepDroppedTargets: orNone(
      raw.keep_dropped_targets ?? global.keep_dropped_targets,
      Number.POSITIVE_INFINITY,
    ),
    http: toHttpClientConfig(raw),
    relabelRules: raw.relabel_configs ?? [],
    metricRelabelRules: raw.metric_relabel_configs ?? [],
    staticGroups: (raw.static_configs ?? []).map((group, index) => ({
      source: String(index),
      targets: (group.targets ?? []).map((address) => Labels.fromPairs([['__address__', address]])),
      labels: Labels.fromRecord(group.labels ?? {}),
    })),
    discovery: [
      ...(raw.kubernetes_sd_configs ?? []),
      ...(raw.file_sd_configs ?? []),
      ...(raw.http_sd_configs ?? []),
    ],
  };
}

function histogramChoice(raw: RawScrapeConfig, global: RawScrapeGlobal): HistogramChoice {
  return {
    readsNative: raw.scrape_native_histograms ?? global.scrape_native_histograms ?? false,
    keepsClassic:
      raw.always_scrape_classic_histograms ?? global.always_scrape_classic_histograms ?? false,
    convertsClassic:
      raw.convert_classic_histograms_to_nhcb ?? global.convert_classic_histograms_to_nhcb ?? false,
    maxSchema: finestSchema(raw.native_histogram_min_bucket_factor ?? 0),
  };
}

/** The finest schema in which a bucket's bounds are at least `factor` apart; below 1 that says nothing. */
function finestSchema(factor: number): number {
  if (factor <= 1) return MAX_EXPONENTIAL_SCHEMA;
  const schema = Math.floor(-Math.log2(Math.log2(factor)));
  return Math.max(MIN_EXPONENTIAL_SCHEMA, Math.min(schema, MAX_EXPONENTIAL_SCHEMA));
}

/** Prometheus writes "no limit" as 0. */
function orNone(written: number | undefined, otherwise: number): number {
  if (written === undefined) return otherwise;
  return written === 0 ? Number.POSITIVE_INFINITY : written;
}
