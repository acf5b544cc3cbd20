import { dirname, join } from 'node:path';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { networkMatcher } from '#libs/node-http';
import { PostListener } from '#libs/node-listen';
import { MAX_OTLP_BYTES } from '#libs/otlp';
import {
  AppLogger,
  describeError,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
} from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { InputMetrics } from '../log-inputs/input-metrics.ts';
import { type LogInputContext, serverTls } from '../log-inputs/log-input.ts';
import { SenderFields } from '../log-inputs/sender-fields.ts';
import { LogIntake } from '../logs/log-intake.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import type { OtlpConfig } from './otlp-config.ts';
import { OtlpMetrics } from './otlp-metrics.ts';
import { OTLP_INPUT, OtlpReceiver } from './otlp-receiver.ts';

const RETRY_MS = 5_000;
const DRAIN_MS = 2_000;
const BODIES_BYTES = 64 * 1024 * 1024;

/** Listens for OTLP where it is configured. */
@Injectable()
export class OtlpRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #context: LogInputContext;
  readonly #sink: MetricSink;
  readonly #metrics: OtlpMetrics;
  readonly #reloads: ReloadService<CollectorConfig>;
  #config: OtlpConfig | undefined;
  #listener: PostListener | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(RUN_OPTIONS) options: RunOptions,
    @Inject(METRIC_SINK) sink: MetricSink,
    registry: Registry,
    inputMetrics: InputMetrics,
    intake: LogIntake,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
  ) {
    this.#config = config.otlp;
    this.#sink = sink;
    this.#metrics = new OtlpMetrics(registry);
    this.#reloads = reloads;
    this.#context = {
      baseDir: options.configFile === null ? '.' : dirname(options.configFile),
      dataDir: join(options.dataDir, 'logs', 'inputs'),
      intake,
      metrics: inputMetrics,
      logger,
    };
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'otlp',
      prepare: async (config) => () => this.#apply(config.otlp),
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    void this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    await this.#stop();
  }

  async #apply(config: OtlpConfig | undefined): Promise<void> {
    if (configFingerprint(config ?? null) === configFingerprint(this.#config ?? null)) return;
    this.#config = config;
    if (!this.#isRunning) return;
    await this.#stop();
    await this.#start();
  }

  async #start(): Promise<void> {
    const config = this.#config;
    if (config === undefined || !this.#isRunning) return;
    const { intake, metrics, logger, baseDir } = this.#context;
    const receiver = new OtlpReceiver({
      sink: this.#sink,
      context: this.#context,
      senders: new SenderFields(config.labels, intake, networkMatcher(config.forwarders)),
      metrics: this.#metrics,
    });
    const listener = new PostListener({
      ...config.listen,
      tls: serverTls(config.tls_config, baseDir),
      maxConnections: config.max_connections,
      maxBodyBytes: MAX_OTLP_BYTES.protobuf,
      maxBodiesBytes: BODIES_BYTES,
      gate: (path, headers) => receiver.gate(path, headers),
      refuse: (why, headers) => receiver.refuse(why, headers),
      handle: (request) => receiver.handle(request),
      failed: (error) => logger.error('an input has a problem', error, { input: OTLP_INPUT }),
    });
    this.#listener = listener;
    metrics.up(OTLP_INPUT, false);
    try {
      await listener.listen();
      metrics.up(OTLP_INPUT, true);
      logger.info('OTLP is taken');
    } catch (error) {
      logger.error('an input cannot be started', {
        input: OTLP_INPUT,
        error: describeError(error),
      });
      if (this.#listener !== listener) return;
      this.#timer = setTimeout(() => void this.#start(), RETRY_MS);
    }
  }

  async #stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const listener = this.#listener;
    this.#listener = null;
    await listener?.close(DRAIN_MS);
    this.#context.metrics.forget(OTLP_INPUT);
  }
}
