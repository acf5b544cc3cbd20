import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  resolveScrapeConfigs,
  type ScrapeConfig,
  scrapeConfigsSchema,
  scrapeGlobalSchema,
} from '#libs/discovery';
import { parse, stringify } from 'yaml';
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

const root = join(import.meta.dirname, '..', '..');
const HEAD = '# Generated from the dashboards that are there: npm run manifests -- --write\n';
const BASE_COLLECTOR = 'deploy/base/collector/collector.yml';
const FORMAT = { singleQuote: true, lineWidth: 0 } as const;

/** What a collector with this file asks of the API server. @param file from the repository's root, or absolute */
export function accessOf(file: string): readonly ApiAccess[] {
  const { probes = {} } = readCollectorConfig(file);
  const jobs = jobsOf(file);
  return apiAccessOf(
    kubernetesSection(file),
    jobs === null ? null : jobs.flatMap(({ discovery }) => discovery),
    false,
    probesConfigSchema.parse(probes),
  );
}

/** What it asks on top where the definitions of monitor objects are installed. @param file as above */
export function monitorAccess(file: string): readonly ApiAccess[] {
  return furtherAccess(accessOf(file), monitorAccessOf(kubernetesSection(file)));
}

function kubernetesSection(file: string): KubernetesConfig {
  return kubernetesConfigSchema.parse(readCollectorConfig(file).kubernetes ?? {});
}

/** The jobs of a collector's file; null where it names none, so that the default applies. */
export function jobsOf(file: string): readonly ScrapeConfig[] | null {
  const { global = {}, scrape_configs: jobs } = readCollectorConfig(file);
  if (jobs === undefined) return null;
  const { configs, problems } = resolveScrapeConfigs(
    scrapeConfigsSchema.parse(jobs),
    scrapeGlobalSchema.parse(global),
  );
  if (problems.length > 0) throw new Error(`${file}: ${JSON.stringify(problems)}`);
  return configs;
}

function readCollectorConfig(file: string): {
  kubernetes?: unknown;
  probes?: unknown;
  global?: unknown;
  scrape_configs?: unknown;
} {
  return parse(readFileSync(resolve(root, file), 'utf8')) as object;
}

/** Files that follow from others, by their path from the repository's root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const dashboards = readdirSync(join(root, 'grafana', 'dashboards'), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.json'))
    .toSorted();
  return new Map([
    ['deploy/base/collector/rbac.yaml', collectorRoles(accessOf(BASE_COLLECTOR))],
    ['deploy/components/prometheus-crds/rbac.yaml', monitorsRole(monitorAccess(BASE_COLLECTOR))],
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
