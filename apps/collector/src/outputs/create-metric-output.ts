import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AppLogger } from '#libs/platform';
import type { Spool, SpoolBudget } from '#libs/spool';
import { openOutputSpool } from './open-output-spool.ts';
import { MetricOutput } from './metric-output.ts';
import type { MetricSpoolConfig } from './metric-spool-config.ts';
import type { MetricTransport } from './metric-transport.ts';
import type { OutputMetrics } from './output-metrics.ts';
import type { OtlpMetricsConfig } from './otlp-metrics-config.ts';
import { OtlpMetricsClient } from './otlp-metrics-client.ts';
import type { RemoteWriteConfig } from './outputs-config.ts';
import { RemoteWriteClient } from './remote-write-client.ts';
import type { Uplinks } from './uplinks.ts';

/** Where an output lives, and to whom it tells what it does. */
export interface MetricOutputContext {
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  /** Where spools lie, each in a folder of its own; null where nothing is kept on disk. */
  readonly spoolsFolder: string | null;
  /** Resolves when nobody else has the spool of that output open. */
  readonly released: (name: string) => Promise<unknown>;
  /** What all spools may take together. */
  readonly budget: SpoolBudget;
  readonly uplinks: Uplinks;
  readonly userAgent: string;
  readonly metrics: OutputMetrics;
  readonly logger: AppLogger;
}

/** A remote-write receiver's output. */
export function createRemoteWriteOutput(
  config: RemoteWriteConfig,
  context: MetricOutputContext,
): MetricOutput {
  const isOld = config.message === 'prometheus.WriteRequest';
  return create(config, new RemoteWriteClient({ config, ...context }), context, {
    sendsHistograms: config.sendsHistograms || !isOld,
    metadataIntervalMs: config.metadataIntervalMs,
  });
}

/** The output of a receiver of OTLP metrics. */
export function createOtlpMetricsOutput(
  config: OtlpMetricsConfig,
  context: MetricOutputContext,
): MetricOutput {
  return create(config, new OtlpMetricsClient({ config, ...context }), context, {
    sendsHistograms: true,
    metadataIntervalMs: null,
  });
}

type AnyConfig = Pick<RemoteWriteConfig, 'name' | 'url' | 'queue' | 'relabelRules' | 'spool'>;

function create(
  config: AnyConfig,
  transport: MetricTransport,
  context: MetricOutputContext,
  more: { readonly sendsHistograms: boolean; readonly metadataIntervalMs: number | null },
): MetricOutput {
  const { name, spool, queue, relabelRules } = config;
  const url = new URL(config.url);
  return new MetricOutput({
    identity: { name, url: `${url.origin}${url.pathname}` },
    transport,
    queue,
    relabelRules,
    ...more,
    openSpool: openerOf(name, spool, context),
    spoolAfterMs: spool.after,
    maxAgeMs: spool.max_age,
    uplinks: context.uplinks,
    metrics: context.metrics,
    logger: context.logger,
  });
}

function openerOf(
  name: string,
  { max_size: maxBytes, when_full: policy, priority }: MetricSpoolConfig,
  { spoolsFolder, released, budget, logger }: MetricOutputContext,
): (() => Promise<Spool>) | null {
  if (spoolsFolder === null || maxBytes === 0) return null;
  const folder = join(spoolsFolder, `metrics-${nameOnDisk(name)}`);
  return async () => {
    // An output that was configured otherwise may still be writing what it had.
    await released(name);
    const share = { budget, priority, givesWay: true };
    return openOutputSpool(name, folder, { maxBytes, policy, share }, logger);
  };
}

/** Names are often URLs; the readable part is for whoever looks at the disk. */
function nameOnDisk(name: string): string {
  const readable = name.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 40);
  return `${readable}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}
