import {
  accessSchema,
  configFolder,
  type NamedConfigFiles,
  readConfigFiles,
  serverTlsSchema,
  withTokenFolder,
} from '#libs/platform';
import { z } from 'zod';
import {
  hostMetricsConfigSchema,
  type HostSurroundings,
  hostSurroundings,
} from '../host-metrics/host-metrics-config.ts';
import { kubeletJobs } from '../kubernetes/kubelet-jobs.ts';
import {
  kubernetesConfigSchema,
  type KubernetesSurroundings,
  kubernetesSurroundings,
} from '../kubernetes/kubernetes-config.ts';
import { logsConfigSchema } from '../logs/logs-config.ts';
import { otlpConfigSchema } from '../otlp/otlp-config.ts';
import { outputsConfigSchema } from '../outputs/outputs-config.ts';
import { moduleFilesOfConfig, readModuleFiles } from '../probes/module-files.ts';
import { probesSchemaWith } from '../probes/probes-config.ts';
import { collectorLimitsSchema } from '../scrape/scrape-limits.ts';
import {
  checkScrapeSection,
  type LoadedJob,
  type LoadedJobs,
  loadJobs,
  scrapeSectionShape,
} from '../scrape/scrape-section.ts';

const collectorSchemaWith = (fileModules: Parameters<typeof probesSchemaWith>[0]) =>
  z
    .strictObject({
      /** Added to every series that leaves this collector, unless the series has such a label. */
      external_labels: z.record(z.string(), z.string()).default({}),
      outputs: outputsConfigSchema.prefault({}),
      ...scrapeSectionShape,
      probes: probesSchemaWith(fileModules).prefault({}),
      host_metrics: hostMetricsConfigSchema.prefault({}),
      kubernetes: kubernetesConfigSchema.prefault({}),
      logs: logsConfigSchema.prefault({}),
      otlp: otlpConfigSchema,
      auth: accessSchema,
      tls: serverTlsSchema,
      limits: collectorLimitsSchema.prefault({}),
    })
    .superRefine(checkScrapeSection);

/** The collector's configuration. Each section belongs to the duty whose folder defines its schema. */
export const collectorConfigSchema = collectorSchemaWith(new Map());

export type CollectorConfig = z.output<typeof collectorConfigSchema> & {
  /** The jobs of `scrape_configs` and of the files of `scrape_config_files`, with every default filled in. */
  readonly scrape: LoadedJobs;
  /** The files of `probes.module_files`. */
  readonly moduleFiles: readonly string[];
  /** Where the host whose metrics are collected is seen from, and its name. */
  readonly host: HostSurroundings;
  /** Which API server is watched, and for which node. */
  readonly cluster: KubernetesSurroundings;
  /** The jobs that ask the kubelet, beside those of `scrape`. */
  readonly kubelet: readonly LoadedJob[];
};

export const COLLECTOR_CONFIG = Symbol('CollectorConfig');

/** The environment the configuration's `${NAME}` are taken from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the files and those they name.
 * @throws ConfigTextError, PlainError
 */
export async function readCollectorConfig(
  files: NamedConfigFiles,
  env: Environment,
): Promise<CollectorConfig> {
  const baseDir = configFolder(files);
  const { probes: moduleFiles = [] } = await readConfigFiles(files, moduleFilesOfConfig, env);
  const read = await readModuleFiles(moduleFiles, baseDir);
  const config = await readConfigFiles(files, collectorSchemaWith(read.modules), env);
  const cluster = await kubernetesSurroundings(config.kubernetes, env, baseDir);
  return {
    ...config,
    auth: await withTokenFolder(config.auth, env),
    // Where a prometheus.yml has them.
    external_labels: { ...config.global?.external_labels, ...config.external_labels },
    scrape: await loadJobs(config, { baseDir, env }),
    host: hostSurroundings(config.host_metrics, env),
    moduleFiles: read.files,
    cluster,
    kubelet: kubeletJobs(config.kubernetes, cluster, baseDir),
  };
}
