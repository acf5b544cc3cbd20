import { glob } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  type DiscoveryConfig,
  resolveScrapeConfigs,
  type RawScrapeGlobal,
  type ScrapeConfig,
  scrapeConfigsSchema,
  scrapeGlobalSchema,
} from '#libs/discovery';
import { readKubeconfig } from '#libs/node-kube';
import { readConfigFiles } from '#libs/platform';
import { ConfigTextError, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { configFingerprint } from '../config/config-fingerprint.ts';

/** The collector's keys about scraping, as Prometheus has them. */
export const scrapeSectionShape = {
  global: scrapeGlobalSchema.optional(),
  scrape_configs: scrapeConfigsSchema.optional(),
  /** Globs of further files with `scrape_configs`, relative to the configuration's folder. */
  scrape_config_files: z.array(yamlText().min(1)).optional(),
};

type ScrapeSection = z.output<z.ZodObject<typeof scrapeSectionShape, z.core.$strict>>;

/** What is wrong with the jobs once `global` is known. To be used with `superRefine`. */
export function checkScrapeSection(section: ScrapeSection, context: z.core.$RefinementCtx): void {
  const { problems } = resolveScrapeConfigs(section.scrape_configs ?? [], section.global ?? {});
  for (const { path, message } of problems) {
    context.addIssue({ code: 'custom', message, path: ['scrape_configs', ...path], input: null });
  }
}

/** A job and the folder its relative paths start from. */
export interface LoadedJob {
  readonly config: ScrapeConfig;
  readonly baseDir: string;
  /** Makes metrics in the text format of what a target says, where that is something else. */
  readonly translate?: BodyTranslation | null;
  /** Whether only one of many collectors has its targets that Kubernetes does not divide among the nodes. */
  readonly isElected?: boolean;
  /** Whether an object asks for it, so that nothing in it is the operator's word. */
  readonly isForeign?: boolean;
  /** No target is asked more often, whatever its labels say. */
  readonly minIntervalMs?: number;
  /** Whether the collector itself is the prober that each URL asks; nobody is connected to then. */
  readonly isProbedHere?: boolean;
}

/** @throws KubeObjectError for a body that makes no sense */
export type BodyTranslation = (body: Buffer) => Buffer;

/** All jobs, and the further files they came from. */
export interface LoadedJobs {
  /** Null where nothing says anything about scraping. */
  readonly jobs: readonly LoadedJob[] | null;
  readonly files: readonly string[];
}

/**
 * Reads the files of `scrape_config_files` and fills in all defaults.
 * @throws ConfigTextError, PlainError
 */
export async function loadJobs(
  section: ScrapeSection,
  options: {
    readonly baseDir: string;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<LoadedJobs> {
  const { baseDir, env } = options;
  const { global = {}, scrape_configs: own, scrape_config_files: globs } = section;
  if (own === undefined && globs === undefined) return { jobs: null, files: [] };
  const jobs = resolveScrapeConfigs(own ?? [], global).configs.map((config) => ({
    config,
    baseDir,
  }));
  const jobFiles = await expandGlobs(globs ?? [], baseDir);
  const names = new Set(jobs.map(({ config }) => config.jobName));
  for (const file of jobFiles) {
    const configs = await readJobFile(file, global, env);
    for (const config of configs) {
      if (names.has(config.jobName)) {
        const message = `a job of another file is called ${JSON.stringify(config.jobName)}`;
        throw new ConfigTextError(file, [{ line: 0, path: 'scrape_configs', message }]);
      }
      names.add(config.jobName);
      jobs.push({ config, baseDir: dirname(file) });
    }
  }
  const kubeconfigs = new Set<string>();
  const known: LoadedJob[] = [];
  for (const job of jobs) known.push(await withKubeconfigs(job, kubeconfigs));
  return { jobs: known, files: [...jobFiles, ...kubeconfigs] };
}

/** The job with what its kubeconfigs say; their files are added to `files`. @throws ConfigTextError */
async function withKubeconfigs(job: LoadedJob, files: Set<string>): Promise<LoadedJob> {
  const { config, baseDir } = job;
  const discovery: DiscoveryConfig[] = [];
  for (const one of config.discovery) {
    if (one.kind !== 'kubernetes' || one.kubeconfigFile === null) {
      discovery.push(one);
      continue;
    }
    const file = resolve(baseDir, one.kubeconfigFile);
    files.add(file);
    const { url: apiServer, http } = (await readKubeconfig([file], null)).endpoint;
    discovery.push({ ...one, apiServer, http });
  }
  return { ...job, config: { ...config, discovery } };
}

async function readJobFile(
  file: string,
  global: RawScrapeGlobal,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly ScrapeConfig[]> {
  const schema = z
    .strictObject({ scrape_configs: scrapeConfigsSchema.default([]) })
    .superRefine((section, context) => checkScrapeSection({ ...section, global }, context));
  const { scrape_configs: raw } = await readConfigFiles({ configFile: file }, schema, env);
  return resolveScrapeConfigs(raw, global).configs;
}

async function expandGlobs(globs: readonly string[], baseDir: string): Promise<string[]> {
  const files = new Set<string>();
  for (const pattern of globs) {
    for await (const file of glob(pattern, { cwd: baseDir })) files.add(resolve(baseDir, file));
  }
  return [...files].toSorted();
}

/** Equal for jobs that scrape alike, whatever their targets. */
export function jobFingerprint(job: LoadedJob): string {
  const { config, baseDir, translate, isElected = false, isForeign = false } = job;
  const { staticGroups, ...rest } = config;
  // Where one of many collectors is elected for them, the groups go through a provider.
  return configFingerprint([
    baseDir,
    rest,
    translate?.name,
    isForeign,
    job.minIntervalMs,
    job.isProbedHere,
    isElected ? staticGroups : null,
  ]);
}
