import { dirname, isAbsolute, join, resolve } from 'node:path';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { TailedFileStatus } from '#libs/log-tail';
import { FileCheckpointStore, NodeLogFiles } from '#libs/node-tail';
import { AppLogger, ReloadService, RUN_OPTIONS, type RunOptions } from '#libs/platform';
import { Registry } from 'prom-client';
import { hasInputs } from '../log-inputs/log-inputs-config.ts';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { openOutputSpool } from '../outputs/open-output-spool.ts';
import { OutputMetrics } from '../outputs/output-metrics.ts';
import { SpoolDisk } from '../outputs/spool-disk.ts';
import { Uplinks } from '../outputs/uplinks.ts';
import { hasLogOutputs } from '../outputs/outputs-config.ts';
import { KubeHubs } from '../kubernetes/kube-hubs.ts';
import type { KubernetesSurroundings } from '../kubernetes/kubernetes-config.ts';
import { CountingSink } from './counting-sink.ts';
import { createFileOutput } from './file-output.ts';
import type { FileOutputConfig } from './file-output-config.ts';
import { createFluentdOutput } from './fluentd-output.ts';
import type { HttpLogsConfig } from './http-logs-config.ts';
import { createHttpLogsOutput } from './http-logs-output.ts';
import { InputLane } from './input-lane.ts';
import { LaneLoop } from './lane-loop.ts';
import { LiveView } from './live-view.ts';
import type { LogChunk } from './log-chunk.ts';
import { LogIntake, type SenderPods } from './log-intake.ts';
import { LogLane, type RecordSink } from './log-lane.ts';
import { LogMeters } from './log-meters.ts';
import { LogMetrics, METRICS_LANE } from './log-metrics.ts';
import type { LogOutput } from './log-output.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import type { FluentdConfig, LogsConfig } from './logs-config.ts';
import { OutputSink } from './output-sink.ts';
import { PipelineFactory } from './pipeline-config.ts';
import { PodWatch } from './pod-watch.ts';

/** Bytes of lines that are read and not yet counted, which takes no time. */
const COUNTING_BYTES = 16 * 1024 * 1024;
/** Bytes of lines that wait for a server, and as entries take about twice as much memory. */
const FORWARDING_BYTES = 4 * 1024 * 1024;
/** How long servers may take to acknowledge at the end, within the ten seconds there are. */
const DRAIN_MS = 4_000;
/** How long after the disk refused the spool of an input it is tried again. */
const INPUT_RETRY_MS = 5_000;
/** Of what waits on disk for outputs of logs by default. */
const INPUT_PRIORITY = 50;

/** A file and the destination on whose way it is. */
export interface LaneFileStatus {
  readonly output: string;
  readonly status: TailedFileStatus;
}

interface Sections {
  readonly logs: LogsConfig;
  /** Whether records come in beside files. */
  readonly hasInputs: boolean;
  /** Whether senders are looked up among the node's pods. */
  readonly hasSenders: boolean;
  readonly cluster: KubernetesSurroundings;
  readonly fluentd: readonly FluentdConfig[];
  readonly http: readonly HttpLogsConfig[];
  readonly files: readonly FileOutputConfig[];
}

interface NamedOutput {
  readonly name: string;
  /** What the tags of its records begin with. */
  readonly tag: string;
  readonly output: LogOutput;
}

/** Of records that go elsewhere than to Fluentd. */
const DEFAULT_TAG = 'binnacle';

/** Follows the configured log files: one lane for counting, and one for each output. */
@Injectable()
export class LogsRunner
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  readonly #dataDir: string;
  readonly #baseDir: string;
  readonly #logger: AppLogger;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #metrics: LogMetrics;
  readonly #meters: LogMeters;
  readonly #outputMetrics: OutputMetrics;
  readonly #disk: SpoolDisk;
  readonly #uplinks: Uplinks;
  readonly #hubs: KubeHubs;
  readonly #intake: LogIntake;
  readonly #live: LiveView;
  #sections: Sections;
  #files: NodeLogFiles | null = null;
  #pods: PodWatch | null = null;
  #loops: readonly LaneLoop[] = [];
  #outputs: readonly LogOutput[] = [];
  #inputLanes: readonly InputLane[] = [];
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(RUN_OPTIONS) options: RunOptions,
    registry: Registry,
    outputMetrics: OutputMetrics,
    disk: SpoolDisk,
    uplinks: Uplinks,
    hubs: KubeHubs,
    intake: LogIntake,
    live: LiveView,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
  ) {
    this.#sections = sectionsOf(config);
    this.#dataDir = join(options.dataDir, 'logs');
    this.#baseDir = options.configFile === null ? '.' : dirname(options.configFile);
    this.#metrics = new LogMetrics(registry);
    this.#meters = new LogMeters(registry);
    this.#outputMetrics = outputMetrics;
    this.#disk = disk;
    this.#uplinks = uplinks;
    this.#hubs = hubs;
    this.#intake = intake;
    this.#live = live;
    this.#reloads = reloads;
    this.#logger = logger;
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'logs',
      prepare: async (config) => () => this.#apply(sectionsOf(config)),
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stopPolling()));
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isRunning = false;
    await this.#stop();
  }

  /** Every file on every way, those first that something is wrong with. */
  files(): LaneFileStatus[] {
    const nowMs = Date.now();
    const files: LaneFileStatus[] = [];
    for (const { lane } of this.#loops) {
      for (const status of lane.status(nowMs)) files.push({ output: lane.name, status });
    }
    const hasError = ({ status }: LaneFileStatus): number => (status.lastError === null ? 0 : 1);
    return files.toSorted((a, b) => hasError(b) - hasError(a));
  }

  async #apply(sections: Sections): Promise<void> {
    if (isSame(sections, this.#sections)) return;
    this.#sections = sections;
    if (!this.#isRunning) return;
    await this.#stop();
    this.#start();
  }

  #start(): void {
    const { logs, cluster } = this.#sections;
    if (logs.files.length === 0 && !this.#sections.hasInputs) return;
    const groups = logs.files.map((group) => ({
      ...group,
      include: group.include.map((pattern) => this.#absolute(pattern)),
      exclude: group.exclude.map((pattern) => this.#absolute(pattern)),
      linkTargets: group.link_targets,
    }));
    const files = new NodeLogFiles(groups, (kind, folder) => {
      for (const loop of this.#loops) loop.hint(kind, folder);
    });
    this.#files = files;
    const pods =
      cluster.endpoint === null ? null : new PodWatch(this.#hubs, cluster, logs.pods.keep);
    this.#pods = pods;
    const pipelines = new PipelineFactory(logs);
    const names = new Set(groups.flatMap(({ labels }) => Object.keys(labels)));
    this.#metrics.setLabelNames([...names]);
    const refused = this.#meters.set(logs.metrics);
    if (refused.length > 0) {
      this.#logger.error('metrics of logs have names of the collector’s own metrics', { refused });
    }
    const lane = (
      name: string,
      maxInFlightBytes: number,
      leader: LogLane | null,
      sink: RecordSink,
    ): LaneLoop => {
      const checkpoints = new FileCheckpointStore(
        join(this.#dataDir, `${name}.json`),
        (path, reason) => {
          this.#logger.error(
            'offsets of log files are not understood; the files are read from their beginnings',
            { lane: name, setAside: path, reason },
          );
        },
      );
      const made = new LogLane({
        name,
        groups,
        files,
        checkpoints,
        scanIntervalMs: logs.scan_interval,
        maxInFlightBytes,
        maxOpenFiles,
        closeQuietMs: logs.close_quiet,
        createPipeline: (group) => pipelines.create(group),
        pods,
        podFields: logs.pods,
        podWaitMs: logs.pods.wait,
        leader,
        sink,
      });
      const loop = new LaneLoop(made, logs.poll_interval, this.#logger, () =>
        this.#metrics.pollFailed(name),
      );
      return loop;
    };
    const outputs = this.#createOutputs();
    const maxOpenFiles = Math.max(1, Math.floor(logs.max_open_files / (1 + outputs.length)));
    const counts = new CountingSink(groups, this.#meters, this.#live);
    const counting = lane(METRICS_LANE, COUNTING_BYTES, null, counts);
    const forwarding = outputs.map(({ name, tag, output }) => {
      const sink = new OutputSink(output, tag, () => {
        loop.wake();
        // It may have been held up.
        counting.wake();
      });
      const loop: LaneLoop = lane(name, FORWARDING_BYTES, counting.lane, sink);
      return loop;
    });
    this.#outputs = outputs.map(({ output }) => output);
    this.#loops = [counting, ...forwarding];
    this.#metrics.setLanes(
      this.#loops.map((loop) => loop.lane),
      counts,
    );
    for (const output of this.#outputs) void output.open();
    for (const loop of this.#loops) loop.start();
    this.#attachInputs(outputs, pods, pipelines);
    this.#logger.info('log files are followed', {
      groups: groups.map(({ name }) => name),
      outputs: outputs.map(({ name }) => name),
    });
  }

  /** What comes in beside files goes to the same outputs, from disks of its own. */
  #attachInputs(
    outputs: readonly NamedOutput[],
    pods: PodWatch | null,
    pipelines: PipelineFactory,
  ): void {
    const { inputs, pods: fields } = this.#sections.logs;
    if (!this.#sections.hasInputs) return;
    const lanes = outputs.map(({ name, tag, output }) => {
      const folder = join(this.#dataDir, 'inputs', 'spool', name);
      const lane = new InputLane(
        {
          output,
          // What is in it was promised to be safe, so it is never full by its own measure.
          openSpool: () =>
            openOutputSpool(
              name,
              folder,
              {
                maxBytes: inputs.spool_size * 4,
                policy: 'drop_newest',
                share: { budget: this.#disk.budget, priority: INPUT_PRIORITY, givesWay: false },
              },
              this.#logger,
            ),
          maxSpoolBytes: inputs.spool_size,
          retryMs: INPUT_RETRY_MS,
        },
        {
          spooled: (spool) => this.#metrics.inputsSpooled(name, spool),
          failed: (error) =>
            this.#logger.error('the spool of inputs does not work', error, { output: name }),
        },
      );
      lane.start();
      return { lane, tag, append: (chunk: LogChunk) => lane.append(chunk) };
    });
    this.#inputLanes = lanes.map(({ lane }) => lane);
    if (this.#sections.hasSenders) pods?.watch();
    const senders: SenderPods | null =
      pods === null ? null : { fields, findSender: (claim) => pods.findSender(claim) };
    const rules = pipelines.inputRules(inputs.rules);
    this.#metrics.setInputs(rules);
    this.#intake.attach({ lanes, rules, meters: this.#meters, pods: senders });
  }

  #createOutputs(): NamedOutput[] {
    const context = {
      baseDir: this.#baseDir,
      spoolsFolder: join(this.#dataDir, 'spool'),
      disk: this.#disk,
      uplinks: this.#uplinks,
      userAgent: 'binnacle-collector',
      metrics: this.#outputMetrics,
      logger: this.#logger,
    };
    const { fluentd, http, files } = this.#sections;
    return [
      ...fluentd.map((config) => ({
        name: `fluentd-${config.name}`,
        tag: config.tag,
        output: createFluentdOutput(config, context),
      })),
      ...http.map((config) => ({
        name: `${config.kind}-${config.name}`,
        tag: DEFAULT_TAG,
        output: createHttpLogsOutput(config, context),
      })),
      ...files.map((config) => ({
        name: `file-${config.name}`,
        tag: DEFAULT_TAG,
        output: createFileOutput(config, context),
      })),
    ];
  }

  async #stop(): Promise<void> {
    const loops = this.#loops;
    const outputs = this.#outputs;
    const inputLanes = this.#inputLanes;
    this.#loops = [];
    this.#outputs = [];
    this.#inputLanes = [];
    this.#intake.detach();
    await Promise.all(loops.map((loop) => loop.stopPolling()));
    await Promise.all(outputs.map((output) => output.drain(DRAIN_MS)));
    await Promise.all(inputLanes.map((lane) => lane.stop()));
    await Promise.all(outputs.map((output) => output.close()));
    for (const { lane } of loops) {
      await lane.stop(Date.now()).catch((error: unknown) => {
        // What was delivered since the last save is delivered again after the next start.
        this.#logger.error('offsets of log files could not be saved', error, { lane: lane.name });
      });
    }
    this.#files?.close();
    this.#files = null;
    await this.#pods?.close();
    this.#pods = null;
    this.#metrics.setLanes([], null);
    this.#metrics.setInputs(null);
  }

  #absolute(pattern: string): string {
    return isAbsolute(pattern) ? pattern : resolve(this.#baseDir, pattern);
  }
}

function sectionsOf(config: CollectorConfig): Sections {
  const { fluentd, engine_logs: engine, loki, otlp_logs: otlp } = config.outputs;
  const { opensearch, http_logs: lines, files } = config.outputs;
  const hasSenders = hasInputs(config.logs.inputs) || config.otlp !== undefined;
  const { enabled, records } = config.kubernetes.events;
  return {
    logs: config.logs,
    // Whoever is elected tells the outputs of events; anybody may be.
    hasInputs:
      hasSenders ||
      (hasLogOutputs(config.outputs) && enabled && records && config.cluster.endpoint !== null),
    hasSenders,
    cluster: config.cluster,
    fluentd,
    http: [...engine, ...loki, ...otlp, ...opensearch, ...lines],
    files,
  };
}

function isSame(a: Sections, b: Sections): boolean {
  return configFingerprint(a) === configFingerprint(b);
}
