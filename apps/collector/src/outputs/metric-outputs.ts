import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Labels } from '#libs/labels';
import {
  AppLogger,
  type Reloadable,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
} from '#libs/platform';
import type { SampleBatch } from '#libs/samples';
import { Secret } from '#libs/yaml-config';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import type { MetricSink, Urgency } from './metric-sink.ts';
import {
  createOtlpMetricsOutput,
  createRemoteWriteOutput,
  type MetricOutputContext,
} from './create-metric-output.ts';
import type { MetricOutput } from './metric-output.ts';
import { OutputMetrics } from './output-metrics.ts';
import { SpoolDisk } from './spool-disk.ts';
import { Uplinks } from './uplinks.ts';
import { type LabelChange, relabelBatch, rememberedChange } from './relabel-batch.ts';

/** The parts of the configuration that say where samples go. */
export type OutputSections = Pick<CollectorConfig, 'external_labels' | 'outputs'>;

/** What of the collector's grace period the outputs may use to send what waits. */
const FLUSH_MS = 5_000;

/** Hands every batch, with the external labels, to each output of samples, and keeps those as configured. */
@Injectable()
export class MetricOutputs
  implements MetricSink, Reloadable<CollectorConfig>, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly name = 'outputs';
  readonly #metrics: OutputMetrics;
  readonly #disk: Pick<SpoolDisk, 'budget'>;
  readonly #uplinks: Uplinks;
  readonly #logger: AppLogger;
  readonly #baseDir: string;
  readonly #dataDir: string;
  #outputs = new Map<string, NamedOutput>();
  #addExternalLabels: LabelChange | null;
  /** Outputs of earlier configurations that still send what they had. */
  readonly #closing = new Map<Promise<void>, string>();
  #isStarted = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: OutputSections,
    @Inject(RUN_OPTIONS) options: RunOptions,
    metrics: OutputMetrics,
    logger: AppLogger,
    reload: ReloadService<CollectorConfig>,
    disk: SpoolDisk,
    uplinks: Uplinks,
  ) {
    this.#disk = disk;
    this.#uplinks = uplinks;
    this.#metrics = metrics;
    this.#logger = logger;
    this.#dataDir = options.dataDir;
    this.#baseDir = options.configFile === null ? '.' : dirname(options.configFile);
    this.#addExternalLabels = externalLabelsOf(config);
    this.#outputs = this.#outputsFor(config);
    reload.register(this);
  }

  push(batch: SampleBatch, urgency: Urgency = 'in-turn'): void {
    if (batch.sampleCount === 0) return;
    this.#metrics.taken(batch);
    const labelled =
      this.#addExternalLabels === null ? batch : relabelBatch(batch, this.#addExternalLabels);
    for (const { output } of this.#outputs.values()) output.push(labelled, urgency);
  }

  async prepare(config: OutputSections): Promise<() => void> {
    const next = this.#outputsFor(config);
    return () => {
      this.#addExternalLabels = externalLabelsOf(config);
      const previous = this.#outputs;
      this.#outputs = next;
      // Whoever goes is closing before whoever comes asks for the same place on disk.
      for (const [key, output] of previous) if (!next.has(key)) this.#close(output);
      if (this.#isStarted) for (const { output } of next.values()) output.start();
    };
  }

  onApplicationBootstrap(): void {
    this.#isStarted = true;
    for (const { output } of this.#outputs.values()) output.start();
  }

  async onApplicationShutdown(): Promise<void> {
    for (const output of this.#outputs.values()) this.#close(output);
    await Promise.all(this.#closing.keys());
  }

  #close({ name, output }: NamedOutput): void {
    const closing = output.close(FLUSH_MS).finally(() => this.#closing.delete(closing));
    this.#closing.set(closing, name);
  }

  /** By a key that says everything of an output; those that stay as they are keep their queues. */
  #outputsFor({ outputs: config }: OutputSections): Map<string, NamedOutput> {
    const context: MetricOutputContext = {
      baseDir: this.#baseDir,
      spoolsFolder: join(this.#dataDir, 'spool'),
      released: (name) => this.#released(name),
      budget: this.#disk.budget,
      uplinks: this.#uplinks,
      userAgent: 'binnacle-collector',
      metrics: this.#metrics,
      logger: this.#logger,
    };
    const outputs = new Map<string, NamedOutput>();
    const keep = (key: string, name: string, create: () => MetricOutput): void => {
      outputs.set(key, this.#outputs.get(key) ?? { name, output: create() });
    };
    for (const each of config.remote_write) {
      keep(keyOf(each), each.name, () => createRemoteWriteOutput(each, context));
    }
    for (const each of config.otlp_metrics) {
      keep(keyOf(each), each.name, () => createOtlpMetricsOutput(each, context));
    }
    return outputs;
  }

  async #released(name: string): Promise<void> {
    const theirs = [...this.#closing].filter(([, of]) => of === name);
    await Promise.all(theirs.map(([closing]) => closing));
  }
}

interface NamedOutput {
  readonly name: string;
  readonly output: MetricOutput;
}

function externalLabelsOf(config: OutputSections): LabelChange | null {
  const external = Labels.fromRecord(config.external_labels);
  if (external.size === 0) return null;
  // A label of the series' own wins.
  return rememberedChange((labels) => external.merge(labels));
}

/** A hash, since the key covers secrets. */
function keyOf(config: object): string {
  const text = JSON.stringify(config, function reveal(this: object, key, value: unknown) {
    // Before the replacer is called a secret has been turned into what may be shown of it.
    const original: unknown = Reflect.get(this, key);
    if (original instanceof Secret) return original.reveal();
    return typeof original === 'bigint' ? String(original) : value;
  });
  return createHash('sha256').update(text).digest('hex');
}
