export type { HostMetricFamily, HostMetricType } from './host-metric-writer.ts';
export {
  DEFAULT_EXCLUDED_DISKS,
  DEFAULT_EXCLUDED_FS_TYPES,
  DEFAULT_EXCLUDED_MOUNT_POINTS,
  type HostCollectorOutcome,
  type HostCollectorReport,
  HostMetricsCollector,
  hostMetricsCollectorNames,
  type HostMetricsCollection,
  type HostMetricsOptions,
  UnknownHostCollectorError,
} from './host-metrics-collector.ts';
export {
  type FilesystemStats,
  type HostFacts,
  HostFileError,
  type HostFileFailure,
  type HostSource,
  HostTextError,
} from './host-source.ts';
export { MemoryHostSource } from './memory-host-source.ts';
