import { statfs } from 'node:fs/promises';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import {
  AppLogger,
  type Reloadable,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
} from '#libs/platform';
import { SpoolBudget } from '#libs/spool';
import { Gauge, Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';

const LOOK_MS = 5_000;
/** Of a small disk, what is to be kept free is no larger part than this. */
const MAX_FREE_SHARE = 0.05;

type Limits = CollectorConfig['limits']['spools'];

/** What the spools of all outputs and inputs may take of the data folder's disk together, by configuration and by what is free. */
@Injectable()
export class SpoolDisk
  implements Reloadable<CollectorConfig>, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly name = 'spools';
  readonly budget = new SpoolBudget();
  readonly #folder: string;
  readonly #logger: AppLogger;
  #limits: Limits;
  #timer: NodeJS.Timeout | null = null;
  #lastError = '';

  constructor(
    @Inject(COLLECTOR_CONFIG) config: Pick<CollectorConfig, 'limits'>,
    @Inject(RUN_OPTIONS) options: RunOptions,
    registry: Registry,
    reloads: ReloadService<CollectorConfig>,
    logger: AppLogger,
  ) {
    this.#limits = config.limits.spools;
    this.#folder = options.dataDir;
    this.#logger = logger;
    this.budget.setMax(this.#limits.size);
    const { budget } = this;
    registry.registerMetric(
      new Gauge({
        name: 'binnacle_spools_bytes',
        help: 'Bytes on disk that wait for the receivers of all outputs.',
        registers: [],
        collect(): void {
          this.set(budget.usedBytes);
        },
      }),
    );
    registry.registerMetric(
      new Gauge({
        name: 'binnacle_spools_max_bytes',
        help: 'Bytes that may wait on disk for the receivers of all outputs, as configured and as the disk has them.',
        registers: [],
        collect(): void {
          this.set(budget.maxBytes);
        },
      }),
    );
    reloads.register(this);
  }

  /** The levels of log records that make room in a spool, in this order. */
  get levelsInOrder(): readonly (readonly string[])[] {
    return this.#limits.give_way;
  }

  async prepare({ limits }: Pick<CollectorConfig, 'limits'>): Promise<() => Promise<void>> {
    return () => {
      this.#limits = limits.spools;
      return this.#look();
    };
  }

  onApplicationBootstrap(): void {
    const look = async (): Promise<void> => {
      await this.#look();
      if (this.#timer !== null) this.#timer = setTimeout(() => void look(), LOOK_MS).unref();
    };
    this.#timer = setTimeout(() => void look(), 0).unref();
  }

  onApplicationShutdown(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** What is free now decides with what is configured. */
  async #look(): Promise<void> {
    const { size, keep_free: keepFree } = this.#limits;
    try {
      const disk = await statfs(this.#folder);
      const free = disk.bavail * disk.bsize;
      const kept = Math.min(keepFree, disk.blocks * disk.bsize * MAX_FREE_SHARE);
      this.budget.setMax(Math.max(0, Math.min(size, this.budget.usedBytes + free - kept)));
      this.#lastError = '';
    } catch (error) {
      this.budget.setMax(size);
      const message = error instanceof Error ? error.message : String(error);
      if (message === this.#lastError) return;
      this.#lastError = message;
      this.#logger.warn('what is free on the disk cannot be told', { error: message });
    }
  }
}
