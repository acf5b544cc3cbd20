import type { Labels } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';
import type { HostCollector } from './collectors/collector.ts';
import { CpuCollector } from './collectors/cpu.ts';
import { DiskstatsCollector } from './collectors/disks.ts';
import { FilesystemCollector } from './collectors/filesystem.ts';
import {
  conntrackCollector,
  entropyCollector,
  filefdCollector,
  loadavgCollector,
  pressureCollector,
  softnetCollector,
  statCollector,
} from './collectors/kernel.ts';
import { mdadmCollector } from './collectors/mdadm.ts';
import { meminfoCollector, vmstatCollector } from './collectors/memory.ts';
import {
  arpCollector,
  bondingCollector,
  NetclassCollector,
  NetdevCollector,
} from './collectors/network-devices.ts';
import {
  netstatCollector,
  sockstatCollector,
  udpQueuesCollector,
} from './collectors/network-stack.ts';
import {
  dmiCollector,
  osCollector,
  timeCollector,
  unameCollector,
} from './collectors/system-identity.ts';
import { type HostMetricFamily, HostMetricWriter } from './host-metric-writer.ts';
import { HostFileError, type HostSource, HostTextError } from './host-source.ts';
import { NameFilter } from './name-filter.ts';

/** What is collected. Patterns are RE2, searched for anywhere in the name; the defaults are node_exporter's. */
export interface HostMetricsOptions {
  /** Put on every series; `job` and `instance` belong here. */
  readonly baseLabels: Labels;
  readonly excludedMountPoints?: string;
  readonly excludedFsTypes?: string;
  readonly excludedDisks?: string;
  readonly excludedNetworkDevices?: string;
  /** Names of collectors that do not run. */
  readonly disabledCollectors?: readonly string[];
  /** Publishes `node_exporter_build_info` with these labels, for dashboards that count exporters by it. Default: not. */
  readonly buildInfo?: { readonly version: string; readonly revision: string };
  /** Most series of one collection; what is beyond is dropped and counted. Default 50,000. */
  readonly maxSeries?: number;
}

/** Mount points that are left out unless told otherwise. */
export const DEFAULT_EXCLUDED_MOUNT_POINTS =
  '^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)';
/** Types of filesystems that hold no data of their own. */
export const DEFAULT_EXCLUDED_FS_TYPES =
  '^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$';
/** Partitions and memory disks. */
export const DEFAULT_EXCLUDED_DISKS = '^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$';

/** How a collector fared: `no_data` means the machine lacks what it reports on. */
export type HostCollectorOutcome = 'success' | 'no_data' | 'failed';

export interface HostCollectorReport {
  readonly name: string;
  readonly outcome: HostCollectorOutcome;
  readonly durationSeconds: number;
  /** What went wrong, naming the file; null on success. */
  readonly problem: string | null;
}

/** The result of one collection. */
export interface HostMetricsCollection {
  /** All samples at the time of collection, and stale markers for series that have gone. */
  readonly batch: SampleBatch;
  readonly collectors: readonly HostCollectorReport[];
}

/** A collector name in the options that does not exist. */
export class UnknownHostCollectorError extends Error {
  override readonly name = 'UnknownHostCollectorError';
  constructor(collector: string) {
    super(
      `unknown collector ${JSON.stringify(collector)}; accepted are ${hostMetricsCollectorNames.join(', ')}`,
    );
  }
}

/** The collectors there are, by node_exporter's names. */
export const hostMetricsCollectorNames: readonly string[] = createCollectors({})
  .map((collector) => collector.name)
  .toSorted();

type CollectorOptions = Omit<HostMetricsOptions, 'baseLabels' | 'buildInfo'>;

function createCollectors(options: CollectorOptions): HostCollector[] {
  const networkDevices = new NameFilter(options.excludedNetworkDevices ?? '');
  return [
    arpCollector,
    bondingCollector,
    conntrackCollector,
    new CpuCollector(),
    new DiskstatsCollector(new NameFilter(options.excludedDisks ?? DEFAULT_EXCLUDED_DISKS)),
    dmiCollector,
    entropyCollector,
    filefdCollector,
    new FilesystemCollector({
      excludedMountPoints: new NameFilter(
        options.excludedMountPoints ?? DEFAULT_EXCLUDED_MOUNT_POINTS,
      ),
      excludedFsTypes: new NameFilter(options.excludedFsTypes ?? DEFAULT_EXCLUDED_FS_TYPES),
    }),
    loadavgCollector,
    mdadmCollector,
    meminfoCollector,
    new NetclassCollector(networkDevices),
    new NetdevCollector(networkDevices),
    netstatCollector,
    osCollector,
    pressureCollector,
    sockstatCollector,
    softnetCollector,
    statCollector,
    timeCollector,
    udpQueuesCollector,
    unameCollector,
    vmstatCollector,
  ];
}

/** Collects the metrics of one machine again and again; keeps what must survive from one collection to the next. */
export class HostMetricsCollector {
  readonly #collectors: readonly HostCollector[];
  readonly #writer: HostMetricWriter;
  readonly #buildInfo: readonly string[] | null;

  /** @throws RegExpSyntaxError of #libs/labels, UnknownHostCollectorError */
  constructor(options: HostMetricsOptions) {
    const disabled = new Set(options.disabledCollectors);
    for (const name of disabled) {
      if (!hostMetricsCollectorNames.includes(name)) throw new UnknownHostCollectorError(name);
    }
    this.#collectors = createCollectors(options).filter(({ name }) => !disabled.has(name));
    this.#writer = new HostMetricWriter(options.baseLabels, options.maxSeries ?? 50_000);
    const info = options.buildInfo;
    this.#buildInfo = info ? ['revision', info.revision, 'version', info.version] : null;
  }

  /** Type and help of every name written so far, for metadata. */
  get families(): ReadonlyMap<string, HostMetricFamily> {
    return this.#writer.families;
  }

  /** Samples left out because a collection held more series than allowed. */
  get droppedSamples(): number {
    return this.#writer.droppedSamples;
  }

  /**
   * One collection. Call again only after the promise has settled.
   * @param nowMs wall-clock time, which all samples carry
   */
  async collect(source: HostSource, nowMs: number): Promise<HostMetricsCollection> {
    const writer = this.#writer;
    const collectors: HostCollectorReport[] = [];
    writer.begin();
    for (const collector of this.#collectors) {
      const report = await runCollector(collector, source, writer, nowMs);
      collectors.push(report);
      const labels = ['collector', report.name];
      writer.add(
        'node_scrape_collector_duration_seconds',
        'gauge',
        'node_exporter: Duration of a collector scrape.',
        report.durationSeconds,
        labels,
      );
      writer.add(
        'node_scrape_collector_success',
        'gauge',
        'node_exporter: Whether a collector succeeded.',
        report.outcome === 'success' ? 1 : 0,
        labels,
      );
    }
    if (this.#buildInfo !== null) {
      const help = 'The version of what collects these metrics; not a node_exporter.';
      writer.add('node_exporter_build_info', 'gauge', help, 1, this.#buildInfo);
    }
    // Rules on `up{job="node-exporter"}` hold for these series as for those of a scrape.
    writer.add('up', 'gauge', 'The host metrics were collected.', 1);
    return { batch: writer.take(nowMs), collectors };
  }

  /** Stale markers for all series, for when collecting ends. */
  end(nowMs: number): SampleBatch {
    this.#writer.begin();
    return this.#writer.take(nowMs);
  }
}

async function runCollector(
  collector: HostCollector,
  source: HostSource,
  writer: HostMetricWriter,
  nowMs: number,
): Promise<HostCollectorReport> {
  const startMs = source.monotonicMs();
  const mark = writer.sampleCount;
  let outcome: HostCollectorOutcome = 'success';
  let problem: string | null = null;
  try {
    await collector.collect(source, writer, nowMs);
  } catch (error) {
    if (!(error instanceof HostFileError || error instanceof HostTextError)) throw error;
    writer.rollback(mark);
    outcome = error instanceof HostFileError && error.code === 'missing' ? 'no_data' : 'failed';
    problem = error.message;
  }
  const durationSeconds = (source.monotonicMs() - startMs) / 1000;
  return { name: collector.name, outcome, durationSeconds, problem };
}
