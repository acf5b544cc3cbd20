import {
  resolveScrapeConfigs,
  SCRAPE_DEFAULTS,
  type ScrapeConfig,
  scrapeConfigsSchema,
  type ScrapeLimits,
} from '#libs/discovery';
import type { CustomObject } from '#libs/kube';
import {
  type MonitorKind,
  type Refusal,
  type TranslatedJob,
  translateMonitor,
} from '#libs/operator-objects';
import { formatDurationMs } from '#libs/labels';
import type { LoadedJob } from '../scrape/scrape-section.ts';
import type { MonitorsConfig } from './monitors-config.ts';

/** What one object comes to. */
export interface MonitorJobs {
  readonly kind: MonitorKind;
  readonly namespace: string;
  readonly name: string;
  readonly jobs: readonly LoadedJob[];
  /** Parts that are left out, and why. */
  readonly refusals: readonly Refusal[];
  /** Keys that say something nobody here knows. */
  readonly ignored: readonly string[];
}

/** The jobs of one object, parsed; whatever is wrong with one of them costs that one. */
export function monitorJobs(
  kind: MonitorKind,
  object: CustomObject,
  config: MonitorsConfig,
): MonitorJobs {
  const { namespace, name } = object.metadata;
  const translation = translateMonitor(kind, object, {
    // All of them share what is watched, whichever namespaces they are about.
    namespacesBy: 'relabelling',
    enforcedNamespaceLabel: config.enforced_namespace_label,
    ownProber: config.own_prober,
  });
  const refusals = [...translation.refusals];
  const jobs = translation.jobs.flatMap((job) => {
    const parsed = parseJob(job, config);
    if (typeof parsed !== 'string') {
      return [
        {
          config: parsed,
          baseDir: '.',
          isElected: job.isClusterWide,
          isForeign: true,
          minIntervalMs: config.min_interval,
          isProbedHere: job.isProbedHere,
        },
      ];
    }
    refusals.push({ path: job.path, reason: parsed });
    return [];
  });
  return { kind, namespace, name, jobs, refusals, ignored: translation.ignored };
}

/** @returns why it cannot be scraped like that, where it cannot */
function parseJob({ keys }: TranslatedJob, config: MonitorsConfig): ScrapeConfig | string {
  const parsed = scrapeConfigsSchema.safeParse([keys]);
  if (!parsed.success) {
    const said = parsed.error.issues.slice(0, 5).map(({ path, message }) => {
      const place = path.slice(1).map(String).join('.');
      return place === '' ? message : `${place}: ${message}`;
    });
    return said.join('; ');
  }
  const { configs, problems } = resolveScrapeConfigs(
    parsed.data,
    {},
    {
      ...SCRAPE_DEFAULTS,
      intervalMs: config.scrape_interval,
      timeoutMs: config.scrape_timeout,
    },
  );
  const [job] = configs;
  if (job === undefined) return problems[0]?.message ?? 'cannot be scraped';
  if (job.intervalMs < config.min_interval) {
    return `an interval below ${formatDurationMs(config.min_interval)}, which is the least allowed here`;
  }
  return { ...job, limits: atMost(job.limits, SCRAPE_DEFAULTS.limits) };
}

/** An object may lower what a target may bring, and never raise it. */
function atMost(limits: ScrapeLimits, most: ScrapeLimits): ScrapeLimits {
  return {
    bodyBytes: Math.min(limits.bodyBytes, most.bodyBytes),
    samples: Math.min(limits.samples, most.samples),
    labels: Math.min(limits.labels, most.labels),
    labelNameLength: Math.min(limits.labelNameLength, most.labelNameLength),
    labelValueLength: Math.min(limits.labelValueLength, most.labelValueLength),
    histogramBuckets: Math.min(limits.histogramBuckets, most.histogramBuckets),
    targets: Math.min(limits.targets, most.targets),
  };
}
