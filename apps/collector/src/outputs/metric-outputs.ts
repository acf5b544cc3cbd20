import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
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
import { OutputMetrics } from './output-metrics.ts';
import type { RemoteWriteConfig } from './outputs-config.ts';
import { type LabelChange, relabelBatch, rememberedChange } from './relabel-batch.ts';
import { RemoteWriteOutput } from './remote-write-output.ts';

/** The parts of the configuration that say where samples go. */
export type OutputSections = Pick<CollectorConfig, 'external_labels' | 'outputs'>;

/** What of the collector's grace period the outputs may use to send what waits. */
const FLUSH_MS = 5_000;

/** Hands every batch, with the external labels, to each remote-write output, and keeps those as configured. */
@Injectable()
export class MetricOutputs
  implements MetricSink, Reloadable<CollectorConfig>, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly name = 'outputs';
  readonly #metrics: OutputMetrics;
  readonly #logger: AppLogger;
  readonly #baseDir: string;
  #outputs = new Map<string, RemoteWriteOutput>();
  #addExternalLabels: LabelChange | null;
  /** Outputs of earlier configurations that still send what they had. */
  readonly #closing = new Set<Promise<void>>();
  #isStarted = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: OutputSections,
    @Inject(RUN_OPTIONS) options: RunOptions,
    metrics: OutputMetrics,
    logger: AppLogger,
    reload: ReloadService<CollectorConfig>,
  ) {
    this.#metrics = metrics;
    this.#logger = logger;
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
    for (const output of this.#outputs.values()) output.push(labelled, urgency);
  }

  async prepare(config: OutputSections): Promise<() => void> {
    const next = this.#outputsFor(config);
    return () => {
      this.#addExternalLabels = externalLabelsOf(config);
      const previous = this.#outputs;
      this.#outputs = next;
      if (this.#isStarted) for (const output of next.values()) output.start();
      for (const [key, output] of previous) if (!next.has(key)) this.#close(output);
    };
  }

  onApplicationBootstrap(): void {
    this.#isStarted = true;
    for (const output of this.#outputs.values()) output.start();
  }

  async onApplicationShutdown(): Promise<void> {
    for (const output of this.#outputs.values()) this.#close(output);
    await Promise.all(this.#closing);
  }

  #close(output: RemoteWriteOutput): void {
    const closing = output.close(FLUSH_MS).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** By a key that says everything of an output; those that stay as they are keep their queues. */
  #outputsFor(config: OutputSections): Map<string, RemoteWriteOutput> {
    const outputs = new Map<string, RemoteWriteOutput>();
    for (const output of config.outputs.remote_write) {
      const key = keyOf(output);
      outputs.set(
        key,
        this.#outputs.get(key) ??
          new RemoteWriteOutput({
            config: output,
            baseDir: this.#baseDir,
            userAgent: 'binnacle-collector',
            metrics: this.#metrics,
            logger: this.#logger,
          }),
      );
    }
    return outputs;
  }
}

function externalLabelsOf(config: OutputSections): LabelChange | null {
  const external = Labels.fromRecord(config.external_labels);
  if (external.size === 0) return null;
  // A label of the series' own wins.
  return rememberedChange((labels) => external.merge(labels));
}

/** A hash, since the key covers secrets. */
function keyOf(config: RemoteWriteConfig): string {
  const text = JSON.stringify(config, function reveal(this: object, key, value: unknown) {
    // Before the replacer is called a secret has been turned into what may be shown of it.
    const original: unknown = Reflect.get(this, key);
    if (original instanceof Secret) return original.reveal();
    return typeof original === 'bigint' ? String(original) : value;
  });
  return createHash('sha256').update(text).digest('hex');
}
