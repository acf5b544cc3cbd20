import {
  type HttpClientConfig,
  resolveScrapeConfigs,
  type ScrapeConfig,
  scrapeConfigsSchema,
  type SecretSource,
} from '#libs/discovery';
import { summaryExposition } from '#libs/kube';
import { formatDurationMs } from '#libs/labels';
import type { KubeletConfig, KubeletEndpoint, KubeletSurroundings } from './kubelet-config.ts';
import type { KubernetesConfig, KubernetesSurroundings } from './kubernetes-config.ts';

const PATHS: Readonly<Record<KubeletEndpoint, string>> = {
  metrics: '/metrics',
  cadvisor: '/metrics/cadvisor',
  resource: '/metrics/resource',
  probes: '/metrics/probes',
  summary: '/stats/summary',
};

/** The kubelet is trusted more than a target of anybody's, and a node of 250 pods has this much to say. */
const BODY_LIMIT = '64MiB';

/** A job that asks kubelets, and what becomes of what they say where that is no metrics. */
export interface KubeletJob {
  readonly config: ScrapeConfig;
  readonly translate: ((body: Buffer) => Buffer) | null;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
}

/**
 * A job for each path of the kubelet, with the labels that kube-prometheus gives: `job="kubelet"`, `metrics_path`,
 * `instance` (host and port), `node`. Each is a pool of its own, called `kubelet/cadvisor` and so on.
 */
export function kubeletJobs(
  { kubelet: config }: KubernetesConfig,
  around: KubernetesSurroundings,
  baseDir: string,
): readonly KubeletJob[] {
  const { kubelet, endpoint, nodeName } = around;
  if (kubelet === null || endpoint === null || kubelet.kind === 'unknown') return [];
  const http = httpOf(config, endpoint.http);
  return config.endpoints.map((name) => ({
    config: {
      ...jobOf(name, config, kubelet, nodeName),
      http,
      metricRelabelRules: config.metric_relabel_configs,
    },
    baseDir,
    translate: name === 'summary' ? summaryExposition : null,
  }));
}

function jobOf(
  name: KubeletEndpoint,
  config: KubeletConfig,
  kubelet: Exclude<KubeletSurroundings, { kind: 'unknown' }>,
  nodeName: string | null,
): ScrapeConfig {
  const isDiscovered = kubelet.kind === 'nodes';
  const raw = scrapeConfigsSchema.parse([
    {
      job_name: `kubelet/${name}`,
      scheme: 'https',
      metrics_path: PATHS[name],
      scrape_interval: formatDurationMs(config.interval),
      scrape_timeout: formatDurationMs(config.timeout),
      sample_limit: config.sample_limit,
      body_size_limit: BODY_LIMIT,
      // The labels namespace, pod, container and node of what the kubelet tells are those of the pods.
      honor_labels: true,
      // A sample is as old as cAdvisor's last look at the cgroup; with its own time a container that is gone would stay
      // for five minutes.
      honor_timestamps: config.honor_timestamps,
      track_timestamps_staleness: config.honor_timestamps,
      follow_redirects: false,
      ...(isDiscovered
        ? { kubernetes_sd_configs: [{ role: 'node' }] }
        : { static_configs: [{ targets: [kubelet.address] }] }),
      relabel_configs: [
        { target_label: 'job', replacement: literally(config.job) },
        { source_labels: ['__metrics_path__'], target_label: 'metrics_path' },
        isDiscovered
          ? { source_labels: ['__meta_kubernetes_node_name'], target_label: 'node' }
          : { target_label: 'node', replacement: literally(nodeName ?? '') },
        // The default is the node's name, which joins with no other series of the kubelet.
        { source_labels: ['__address__'], target_label: 'instance' },
      ],
    },
  ]);
  return resolveScrapeConfigs(raw).configs[0]!;
}

/** The API server's credentials and CA, unless there are others; its name in TLS is no kubelet's. */
function httpOf(config: KubeletConfig, api: HttpClientConfig): HttpClientConfig {
  const credentials = file(config.token_file);
  return {
    auth: credentials === null ? api.auth : { kind: 'header', scheme: 'Bearer', credentials },
    tls: {
      ca: file(config.ca_file) ?? api.tls.ca,
      cert: file(config.cert_file) ?? api.tls.cert,
      key: file(config.key_file) ?? api.tls.key,
      serverName: config.server_name ?? null,
      isVerified: !config.insecure_skip_verify,
      minVersion: null,
      maxVersion: null,
    },
    followsRedirects: false,
    headers: [],
  };
}

function file(path: string | undefined): SecretSource | null {
  return path === undefined ? null : { kind: 'file', path };
}

/** As a `replacement` that stands for itself. */
function literally(text: string): string {
  return text.replaceAll('$', '$$$$');
}
