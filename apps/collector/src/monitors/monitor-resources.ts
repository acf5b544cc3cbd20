import type { ResourceName } from '#libs/kube';
import type { MonitorKind } from '#libs/operator-objects';

/** The resource of each kind. */
export const MONITOR_RESOURCES = {
  ServiceMonitor: 'servicemonitors',
  PodMonitor: 'podmonitors',
  Probe: 'probes',
  ScrapeConfig: 'scrapeconfigs',
} as const satisfies Record<MonitorKind, ResourceName>;

export type MonitorResource = (typeof MONITOR_RESOURCES)[MonitorKind];
