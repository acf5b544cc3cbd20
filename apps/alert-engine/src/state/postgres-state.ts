import { Counter, Gauge, type Registry } from 'prom-client';
import { rename, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  copyState,
  NotEmptyError,
  type PostgresConfig,
  PostgresStateStore,
  type PostgresStateStatus,
  SqliteStateStore,
  type StateChange,
  type StateStore,
  StateStoreError,
} from '#libs/node-state';
import type { AppLogger, HealthState, StopRequests } from '#libs/platform';

export interface PostgresStateOptions {
  readonly config: PostgresConfig;
  /** What relative paths are relative to. */
  readonly baseDir: string;
  readonly engineId: string;
  /** What the engine kept its state in before; it goes into a database that is empty. */
  readonly formerPath: string;
  readonly registry: Registry;
  readonly health: HealthState;
  readonly logger: AppLogger;
  readonly stop: StopRequests;
}

const TAKE_OVER_AGAIN_MS = 1_000;

/** The state in a PostgreSQL, with what the engine tells of it: readiness, metrics and log. */
export class PostgresState implements StateStore {
  readonly #options: PostgresStateOptions;
  readonly #store: PostgresStateStore;
  readonly #isLeader: Gauge;
  readonly #isUp: Gauge;
  readonly #failures: Counter;
  #config: PostgresConfig;
  #told = '';
  #takenOver: Promise<void> | null = null;

  constructor(options: PostgresStateOptions) {
    this.#options = options;
    this.#config = options.config;
    const registers = [options.registry];
    this.#isLeader = new Gauge({
      name: 'binnacle_engine_leader',
      help: 'Whether this engine evaluates rules and notifies (1), or waits for the one that does (0).',
      registers,
    });
    this.#isUp = new Gauge({
      name: 'binnacle_state_database_up',
      help: 'Whether the database of the state can be reached.',
      registers,
    });
    this.#failures = new Counter({
      name: 'binnacle_state_write_failures_total',
      help: 'Writes that the database of the state did not take. What they were to keep stays in memory and is written later, silences excepted: those are refused.',
      registers,
    });
    this.#tell({ kind: 'connecting', problem: null });
    this.#store = PostgresStateStore.start({
      config: () => this.#config,
      baseDir: options.baseDir,
      engineId: options.engineId,
      onStatus: (status) => this.#tell(status),
    });
  }

  async load(area: string): Promise<Map<string, string>> {
    // Nobody asks before this engine leads.
    this.#takenOver ??= this.#takeOver();
    await this.#takenOver;
    return this.#store.load(area);
  }

  async apply(changes: readonly StateChange[]): Promise<void> {
    try {
      await this.#store.apply(changes);
    } catch (error) {
      this.#failures.inc();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** From the next connection on. */
  reconfigure(config: PostgresConfig): void {
    this.#config = config;
  }

  /** Takes over what an engine without a database has kept, if there is any. @throws StateStoreError once it is closed */
  async #takeOver(): Promise<void> {
    const { formerPath: path, logger } = this.#options;
    for (;;) {
      // Also waits for the lease, without which nothing may be written.
      const areas = await this.#store.areas();
      if (!(await isThere(path))) return;
      if (areas.length > 0) {
        logger.warn('the database holds a state; the one on disk is not used', { path });
        return;
      }
      try {
        const former = await SqliteStateStore.open(path);
        try {
          const counts = await copyState(former, this.#store, { overwrites: false });
          logger.info('the state on disk is in the database now', Object.fromEntries(counts));
        } finally {
          await former.close();
        }
        await rename(path, `${path}.moved`);
        return;
      } catch (error) {
        const isPassing = error instanceof StateStoreError && error.isRetryable;
        if (!isPassing && !(error instanceof NotEmptyError)) throw error;
        logger.error('the state on disk cannot be taken over yet', { error: error.message });
        await sleep(TAKE_OVER_AGAIN_MS);
      }
    }
  }

  #tell(status: PostgresStateStatus): void {
    const { health, logger, stop } = this.#options;
    this.#isLeader.set(status.kind === 'leading' || status.kind === 'away' ? 1 : 0);
    this.#isUp.set(status.kind === 'leading' || status.kind === 'standby' ? 1 : 0);
    const text = textOf(status);
    health.set('state', status.kind === 'leading' || status.kind === 'away', text);
    // A database that stays away is told of once, not with every attempt.
    if (text === this.#told) return;
    this.#told = text;
    switch (status.kind) {
      case 'leading':
        logger.info('the state is in the database, and this engine leads');
        if (!status.isDurable) {
          logger.warn('the server runs with fsync = off: the state does not survive a power cut');
        }
        break;
      case 'standby':
        logger.info(text);
        break;
      case 'connecting':
        if (status.problem !== null) logger.error(text);
        break;
      case 'away':
        logger.error(text);
        break;
      case 'deposed':
        // All it knows may be out of date; begun anew it waits for its turn.
        stop.request(text);
        break;
      case 'closed':
    }
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function textOf(status: PostgresStateStatus): string {
  switch (status.kind) {
    case 'connecting':
      return status.problem === null
        ? 'connecting to the database'
        : `the database of the state cannot be used: ${status.problem}`;
    case 'standby':
      return `standby: the engine on ${status.leader} leads`;
    case 'leading':
      return '';
    case 'away':
      return `the database of the state is away, changes wait in memory: ${status.problem}`;
    case 'deposed':
      return `the engine on ${status.leader} has taken over`;
    case 'closed':
      return 'closed';
  }
}
