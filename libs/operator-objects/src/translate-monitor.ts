import { podMonitorJobs } from './pod-monitor.ts';
import { probeJobs } from './probe-object.ts';
import { scrapeConfigJobs } from './scrape-config-object.ts';
import { serviceMonitorJobs } from './service-monitor.ts';
import {
  type MonitorKind,
  type MonitorObject,
  type Translation,
  TranslationBuilder,
  type TranslationOptions,
} from './translation.ts';

/** What is scraped as the object stands, as Prometheus would have it. */
export const TRANSLATION_DEFAULTS: TranslationOptions = {
  namespacesBy: 'discovery',
  enforcedNamespaceLabel: '',
  ownProber: 'never',
};

const JOBS = {
  ServiceMonitor: serviceMonitorJobs,
  PodMonitor: podMonitorJobs,
  Probe: probeJobs,
  ScrapeConfig: scrapeConfigJobs,
} as const satisfies Record<MonitorKind, (builder: TranslationBuilder) => void>;

/**
 * The jobs that a ServiceMonitor, PodMonitor, Probe or ScrapeConfig comes to, with the names and labels the Prometheus
 * Operator gives them. Nothing is checked that the schema of `scrape_configs` checks; whoever takes the jobs parses them.
 * @see https://prometheus-operator.dev/docs/api-reference/api/
 */
export function translateMonitor(
  kind: MonitorKind,
  object: MonitorObject,
  options: TranslationOptions = TRANSLATION_DEFAULTS,
): Translation {
  const builder = new TranslationBuilder(object, options);
  JOBS[kind](builder);
  return builder.build();
}
