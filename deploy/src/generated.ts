import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  resolveScrapeConfigs,
  type ScrapeConfig,
  scrapeConfigsSchema,
  scrapeGlobalSchema,
} from '#libs/discovery';
import { type ConfigText, parseYamlConfigs } from '#libs/yaml-config';
import { stringify } from 'yaml';
import { z } from 'zod';
import {
  type ApiAccess,
  apiAccessOf,
  monitorAccessOf,
} from '../../apps/collector/src/kubernetes/api-access.ts';
import {
  type KubernetesConfig,
  kubernetesConfigSchema,
} from '../../apps/collector/src/kubernetes/kubernetes-config.ts';
import { probesConfigSchema } from '../../apps/collector/src/probes/probes-config.ts';
import { collectorRoles, furtherAccess, monitorsRole } from './cluster-role.ts';
import type { Manifest } from './manifest.ts';

const root = join(import.meta.dirname, '..', '..');
const HEAD = '# Generated from the dashboards that are there: npm run manifests -- --write\n';
const MAIN_FILE = 'collector.yml';
const BASE_COLLECTOR = `deploy/base/collector/${MAIN_FILE}`;
const COLLECTOR_MAP = 'binnacle-collector-config';
const FORMAT = { singleQuote: true, lineWidth: 0 } as const;

/** What a collector with this configuration asks of the API server. @param texts its files, the main one first */
export function accessOf(texts: readonly ConfigText[]): readonly ApiAccess[] {
  const { probes = {} } = readCollectorConfig(texts);
  const jobs = jobsOf(texts);
  return apiAccessOf(
    kubernetesSection(texts),
    jobs === null ? null : jobs.flatMap(({ discovery }) => discovery),
    false,
    probesConfigSchema.parse(probes),
  );
}

/** What it asks on top where the definitions of monitor objects are installed. @param texts as above */
export function monitorAccess(texts: readonly ConfigText[]): readonly ApiAccess[] {
  return furtherAccess(accessOf(texts), monitorAccessOf(kubernetesSection(texts)));
}

function kubernetesSection(texts: readonly ConfigText[]): KubernetesConfig {
  return kubernetesConfigSchema.parse(readCollectorConfig(texts).kubernetes ?? {});
}

/** The jobs of a collector's files; null where they name none, so that the default applies. */
export function jobsOf(texts: readonly ConfigText[]): readonly ScrapeConfig[] | null {
  const { global = {}, scrape_configs: jobs } = readCollectorConfig(texts);
  if (jobs === undefined) return null;
  const { configs, problems } = resolveScrapeConfigs(
    scrapeConfigsSchema.parse(jobs),
    scrapeGlobalSchema.parse(global),
  );
  if (problems.length > 0) throw new Error(`${texts[0]!.file}: ${JSON.stringify(problems)}`);
  return configs;
}

const sections = z.looseObject({
  kubernetes: z.unknown().optional(),
  probes: z.unknown().optional(),
  global: z.unknown().optional(),
  scrape_configs: z.unknown().optional(),
});

function readCollectorConfig(texts: readonly ConfigText[]): z.output<typeof sections> {
  return parseYamlConfigs(texts, sections);
}

/** The collector's configuration in the base. */
export function baseCollector(): readonly ConfigText[] {
  return [{ file: BASE_COLLECTOR, text: readFileSync(join(root, BASE_COLLECTOR), 'utf8') }];
}

/** The collector's configuration among rendered objects, in the order in which it is read; null where there is none. */
export function collectorOf(objects: readonly Manifest[]): readonly ConfigText[] | null {
  const map = objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === COLLECTOR_MAP,
  );
  if (map === undefined) return null;
  const { [MAIN_FILE]: main = '', ...others } = map.data ?? {};
  const more = Object.entries(others).filter(([file]) => /^collector-.*\.yml$/.test(file));
  return [
    { file: MAIN_FILE, text: main },
    ...more.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([file, text]) => ({ file, text })),
  ];
}

/** Files that follow from others, by their path from the repository's root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const dashboards = readdirSync(join(root, 'grafana', 'dashboards'), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.json'))
    .toSorted();
  const base = baseCollector();
  return new Map([
    ['deploy/base/collector/rbac.yaml', collectorRoles(accessOf(base))],
    ['deploy/components/prometheus-crds/rbac.yaml', monitorsRole(monitorAccess(base))],
    ['grafana/kustomization.yaml', HEAD + stringify(dashboardMaps(dashboards), FORMAT)],
    ['deploy/components/grafana/dashboards.yaml', HEAD + stringify(mounts(dashboards), FORMAT)],
  ]);
}

/** A ConfigMap for each dashboard, since all of them together are larger than an object may be. */
function dashboardMaps(dashboards: readonly string[]): object {
  return {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: 'binnacle',
    generatorOptions: {
      disableNameSuffixHash: true,
      // The label by which the sidecar of Grafana's own chart finds dashboards.
      labels: { 'app.kubernetes.io/part-of': 'binnacle', grafana_dashboard: '1' },
    },
    configMapGenerator: dashboards.map((file) => ({
      name: mapName(file),
      files: [`dashboards/${file}`],
      options: { annotations: { grafana_folder: dirname(file) } },
    })),
  };
}

function mounts(dashboards: readonly string[]): object {
  // Grafana makes its folders of the folders that it finds.
  const sources = dashboards.map((file) => ({
    configMap: { name: mapName(file), items: [{ key: basename(file), path: file }] },
  }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'binnacle-grafana', namespace: 'binnacle' },
    spec: {
      template: { spec: { volumes: [{ name: 'dashboards', projected: { sources } }] } },
    },
  };
}

function mapName(file: string): string {
  return `binnacle-dashboard-${basename(file, '.json')}`;
}
