import { formatDurationMs, Labels, parseDurationMs, quoteLabelValue } from '#libs/labels';
import { relabel } from './relabel.ts';
import type { ScrapeConfig, TargetGroup } from './scrape-config.ts';

/** Something to scrape. */
export interface Target {
  readonly jobName: string;
  readonly url: string;
  /** What every series of the target carries: no name begins with two underscores. */
  readonly labels: Labels;
  /** What was known before relabelling. */
  readonly discoveredLabels: Labels;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Equal exactly for targets with the same labels after relabelling and the same address. */
  readonly key: string;
}

/** A target that relabelling dropped. */
export interface DroppedTarget {
  readonly jobName: string;
  readonly discoveredLabels: Labels;
}

/** A target whose labels make no address. */
export interface InvalidTarget extends DroppedTarget {
  readonly reason: string;
}

/** What the groups of one job come to. */
export interface TargetSet {
  readonly targets: readonly Target[];
  readonly dropped: readonly DroppedTarget[];
  /** Larger than `dropped` where `keep_dropped_targets` bounds what is remembered. */
  readonly droppedCount: number;
  readonly invalid: readonly InvalidTarget[];
  /** Why every scrape of the job fails, as when it has more targets than `target_limit`; null otherwise. */
  readonly failure: string | null;
}

/**
 * The targets of a job: labels of the group, the job's defaults, relabelling, `instance`, as Prometheus 3 does it
 * (no default port is added to an address). Targets that come out alike are one.
 */
export function buildTargets(config: ScrapeConfig, groups: readonly TargetGroup[]): TargetSet {
  const targets = new Map<string, Target>();
  const dropped: DroppedTarget[] = [];
  const invalid: InvalidTarget[] = [];
  let droppedCount = 0;
  for (const group of groups) {
    for (const own of group.targets) {
      const discoveredLabels = discover(config, group.labels.merge(own));
      const { jobName } = config;
      const relabelled = relabel(discoveredLabels, config.relabelRules);
      if (relabelled === null || relabelled.size === 0) {
        droppedCount++;
        if (dropped.length < config.keepDroppedTargets) dropped.push({ jobName, discoveredLabels });
        continue;
      }
      const target = toTarget(config, discoveredLabels, relabelled);
      if (typeof target === 'string') invalid.push({ jobName, discoveredLabels, reason: target });
      else if (!targets.has(target.key)) targets.set(target.key, target);
    }
  }
  const { targets: most } = config.limits;
  const failure =
    targets.size > most
      ? `target_limit exceeded (number of targets: ${targets.size}, limit: ${most})`
      : null;
  return { targets: [...targets.values()], dropped, droppedCount, invalid, failure };
}

function discover(config: ScrapeConfig, labels: Labels): Labels {
  const set = new Map<string, string>(labels);
  const defaults: readonly (readonly [string, string])[] = [
    ['job', config.jobName],
    ['__scrape_interval__', formatDurationMs(config.intervalMs)],
    ['__scrape_timeout__', formatDurationMs(config.timeoutMs)],
    ['__metrics_path__', config.metricsPath],
    ['__scheme__', config.scheme],
  ];
  for (const [name, value] of defaults) if (!set.has(name)) set.set(name, value);
  for (const [name, values] of config.params) {
    if (values.length > 0) set.set(`__param_${name}`, values[0]!);
  }
  return Labels.fromPairs(set);
}

/** @returns the target, or why there is none */
function toTarget(
  config: ScrapeConfig,
  discoveredLabels: Labels,
  relabelled: Labels,
): Target | string {
  const address = relabelled.get('__address__');
  if (address === '') return 'no address';
  // What a discovered address could smuggle into the URL beyond host and port.
  if (/[/\\?#@\s\p{Cc}]/u.test(address))
    return `${quoteLabelValue(address)} is not a valid hostname`;
  const intervalMs = readDuration(relabelled, 'interval');
  if (typeof intervalMs === 'string') return intervalMs;
  const timeoutMs = readDuration(relabelled, 'timeout');
  if (typeof timeoutMs === 'string') return timeoutMs;
  if (timeoutMs > intervalMs) {
    const [timeout, interval] = [timeoutMs, intervalMs].map((ms) =>
      quoteLabelValue(formatDurationMs(ms)),
    );
    return `scrape timeout cannot be greater than scrape interval (${timeout} > ${interval})`;
  }
  const scheme = relabelled.get('__scheme__');
  if (scheme !== 'http' && scheme !== 'https') {
    return `invalid scheme: ${quoteLabelValue(scheme)}; accepted are http, https`;
  }
  const url = `${scheme}://${address}${targetPath(config, relabelled)}`;
  if (!URL.canParse(url)) return `${quoteLabelValue(address)} is not a valid hostname`;
  const withInstance =
    relabelled.get('instance') === '' ? relabelled.with('instance', address) : relabelled;
  const labels = withInstance.filter((name) => !name.startsWith('__'));
  const kept = withInstance.filter((name) => !name.startsWith('__meta_'));
  const key = `${url} ${kept.key}`;
  return { jobName: config.jobName, url, labels, discoveredLabels, intervalMs, timeoutMs, key };
}

function readDuration(labels: Labels, name: 'interval' | 'timeout'): number | string {
  try {
    const ms = parseDurationMs(labels.get(`__scrape_${name}__`));
    return ms === 0 ? `scrape ${name} cannot be 0` : ms;
  } catch (error) {
    return `error parsing scrape ${name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Path and query as Go's `net/url` writes them: parameters sorted by name, `__param_*` in the place of the first. */
function targetPath(config: ScrapeConfig, labels: Labels): string {
  const params = new Map<string, string[]>();
  for (const [name, values] of config.params) params.set(name, [...values]);
  for (const [label, value] of labels) {
    if (!label.startsWith('__param_')) continue;
    const name = label.slice('__param_'.length);
    const values = params.get(name);
    if (values === undefined || values.length === 0) params.set(name, [value]);
    else values[0] = value;
  }
  const path = labels.get('__metrics_path__');
  const query = [...params.keys()]
    .toSorted()
    .flatMap((name) =>
      params.get(name)!.map((value) => `${escapeQuery(name)}=${escapeQuery(value)}`),
    )
    .join('&');
  const escaped = escapePath(path === '' || path.startsWith('/') ? path : `/${path}`);
  return query === '' ? escaped : `${escaped}?${query}`;
}

function escapePath(path: string): string {
  return encodeURI(path.toWellFormed()).replaceAll(/[?#!'()*]/g, percent);
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, percent)
    .replaceAll('%20', '+');
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
