import { dirname, join } from 'node:path';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  AppLogger,
  describeError,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
} from '#libs/platform';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { LogIntake } from '../logs/log-intake.ts';
import { ForwardInput } from './forward-input.ts';
import { InputMetrics } from './input-metrics.ts';
import { JournaldInput } from './journald-input.ts';
import type { LogInput, LogInputContext } from './log-input.ts';
import type { LogInputsConfig } from './log-inputs-config.ts';
import { SenderFields } from './sender-fields.ts';
import { SyslogInput } from './syslog-input.ts';

/** How long after an input could not be started it is tried again. */
const RETRY_MS = 5_000;

/** Starts the inputs that are configured, again and again where one cannot be. */
@Injectable()
export class LogInputsRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #context: LogInputContext;
  readonly #reloads: ReloadService<CollectorConfig>;
  #config: LogInputsConfig;
  #inputs: readonly LogInput[] = [];
  #timers = new Set<NodeJS.Timeout>();
  readonly #failures = new Map<string, string>();
  #isRunning = false;

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(RUN_OPTIONS) options: RunOptions,
    metrics: InputMetrics,
    intake: LogIntake,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
  ) {
    this.#config = config.logs.inputs;
    this.#reloads = reloads;
    this.#context = {
      baseDir: options.configFile === null ? '.' : dirname(options.configFile),
      dataDir: join(options.dataDir, 'logs', 'inputs'),
      intake,
      metrics,
      logger,
    };
  }

  onModuleInit(): void {
    this.#reloads.register({
      name: 'log inputs',
      prepare: async (config) => () => this.#apply(config.logs.inputs),
    });
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    await this.#stop();
  }

  async #apply(config: LogInputsConfig): Promise<void> {
    if (configFingerprint(config) === configFingerprint(this.#config)) return;
    this.#config = config;
    if (!this.#isRunning) return;
    await this.#stop();
    this.#start();
  }

  #start(): void {
    this.#inputs = this.#create();
    for (const input of this.#inputs) void this.#run(input);
  }

  async #stop(): Promise<void> {
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(inputs.map((input) => input.stop()));
    for (const { name } of inputs) this.#context.metrics.forget(name);
  }

  #create(): LogInput[] {
    const context = this.#context;
    const senders = ({
      labels,
    }: {
      readonly labels: Readonly<Record<string, string>>;
    }): SenderFields => new SenderFields(labels, context.intake);
    const { forward, syslog, journald } = this.#config;
    return [
      ...forward.map((config) => new ForwardInput(config, context, senders(config))),
      ...syslog.map((config) => new SyslogInput(config, context, senders(config))),
      ...journald.map((config) => new JournaldInput(config, context, senders(config))),
    ];
  }

  /** Once, for as long as it is the same. */
  #tell(input: string, error: string): void {
    if (this.#failures.get(input) === error) return;
    this.#failures.set(input, error);
    this.#context.logger.error('an input cannot be started', { input, error });
  }

  async #run(input: LogInput): Promise<void> {
    const { metrics, logger } = this.#context;
    metrics.up(input.name, false);
    try {
      await input.start();
    } catch (error) {
      this.#tell(input.name, describeError(error));
      if (!this.#inputs.includes(input)) return;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        void this.#run(input);
      }, RETRY_MS);
      this.#timers.add(timer);
      return;
    }
    // It may have been stopped while it started.
    if (!this.#inputs.includes(input)) {
      await input.stop();
      return;
    }
    metrics.up(input.name, true);
    this.#failures.delete(input.name);
    logger.info('records are taken', { input: input.name });
  }
}
