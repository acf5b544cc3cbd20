import { resolveScrapeConfigs, type ScrapeConfig, scrapeConfigsSchema } from '#libs/discovery';

const ANNOTATION = '__meta_kubernetes_pod_annotation_prometheus_io_';

/**
 * The job for pods that ask to be scraped: `prometheus.io/scrape`, `port`, `path`, `scheme` and `param_*`. In force where
 * a collector on Kubernetes has no `scrape_configs`. What such annotations must not lead to is refused for every job.
 */
export function annotatedPodsJob(): ScrapeConfig {
  const raw = scrapeConfigsSchema.parse([
    {
      job_name: 'kubernetes-pods',
      scrape_interval: '15s',
      kubernetes_sd_configs: [{ role: 'pod' }],
      relabel_configs: [
        { source_labels: [`${ANNOTATION}scrape`], action: 'keep', regex: 'true' },
        { source_labels: ['__meta_kubernetes_pod_phase'], action: 'keep', regex: 'Running' },
        { source_labels: ['__meta_kubernetes_pod_container_init'], action: 'drop', regex: 'true' },
        { source_labels: [`${ANNOTATION}scheme`], regex: '(https?)', target_label: '__scheme__' },
        { source_labels: [`${ANNOTATION}path`], regex: '(.+)', target_label: '__metrics_path__' },
        {
          source_labels: ['__meta_kubernetes_pod_ip', `${ANNOTATION}port`],
          regex: '([^;:]+);(\\d+)',
          replacement: '$1:$2',
          target_label: '__address__',
        },
        {
          source_labels: ['__meta_kubernetes_pod_ip', `${ANNOTATION}port`],
          regex: '([^;]*:[^;]*);(\\d+)',
          replacement: '[$1]:$2',
          target_label: '__address__',
        },
        { action: 'labelmap', regex: `${ANNOTATION}param_(.+)`, replacement: '__param_$1' },
        { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
        { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
        { source_labels: ['__meta_kubernetes_pod_node_name'], target_label: 'node' },
      ],
    },
  ]);
  return resolveScrapeConfigs(raw).configs[0]!;
}
