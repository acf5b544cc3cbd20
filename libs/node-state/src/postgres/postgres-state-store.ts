import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type StateArchive, type StateChange, StateStoreError } from '../state-store.ts';
import type { PostgresConfig } from './postgres-config.ts';
import { readAreas, readEntries, writeEntries } from './postgres-entries.ts';
import {
  type HeldLease,
  type LeaseOptions,
  makeLease,
  readLease,
  releaseLease,
  renewLease,
  resumeLease,
  takeLease,
} from './postgres-lease.ts';
import { checkServer, prepareSchema } from './postgres-schema.ts';
import { PostgresSession, SessionError } from './postgres-session.ts';
import { readPostgresTarget } from './postgres-target.ts';
import { type ApplyJob, type StateJob, StateJobs } from './state-jobs.ts';

/** How an engine stands with its database. */
export type PostgresStateStatus =
  /** Not there yet; `problem` says why, once there has been one. */
  | { readonly kind: 'connecting'; readonly problem: string | null }
  /** Another engine leads. This one waits, and takes over when that one is gone. */
  | { readonly kind: 'standby'; readonly leader: string }
  | { readonly kind: 'leading'; readonly isDurable: boolean }
  /** Leads, as far as it knows, but does not reach the database: changes are refused for now. */
  | { readonly kind: 'away'; readonly problem: string }
  /** Another engine has taken over. Nothing is written any more. */
  | { readonly kind: 'deposed'; readonly leader: string }
  | { readonly kind: 'closed' };

export interface PostgresStateStoreOptions {
  readonly config: () => PostgresConfig;
  /** What relative paths are relative to. */
  readonly baseDir: string;
  /** Stays the same over restarts of an engine and belongs to no other; null for somebody who has no such thing. */
  readonly engineId: string | null;
  /** Called with every change. */
  readonly onStatus: (status: PostgresStateStatus) => void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/** Thrown within: the lease is somebody else's. */
class DeposedError extends Error {}

/**
 * State in a PostgreSQL database that several engines may share: the one that holds the lease leads, the others wait in
 * `load` until they do. While the database is away, `apply` is refused at once, and what it was asked to keep is up to the
 * caller. Each connection begins an epoch, so that a write of an earlier one that is still on its way changes nothing.
 */
export class PostgresStateStore implements StateArchive {
  readonly #options: PostgresStateStoreOptions;
  readonly #instance = randomUUID();
  readonly #jobs = new StateJobs();
  readonly #running: Promise<void>;
  #status: PostgresStateStatus = { kind: 'connecting', problem: null };
  #lease: HeldLease | null = null;
  #isClosing = false;
  /** Of several processes with this engine's name, the last to start is the one that is alive. That is said once. */
  #succeeds: boolean;
  readonly #abort = new AbortController();
  #endPause: () => void = () => {};

  private constructor(options: PostgresStateStoreOptions) {
    this.#options = options;
    this.#succeeds = options.engineId !== null;
    this.#running = this.#run();
  }

  /** Begins to connect, and goes on trying until it is closed. Returns at once. */
  static start(options: PostgresStateStoreOptions): PostgresStateStore {
    return new PostgresStateStore(options);
  }

  get status(): PostgresStateStatus {
    return this.#status;
  }

  /** As the port says; waits until this engine leads, for as long as that takes. */
  load(area: string): Promise<Map<string, string>> {
    return new Promise((resolve, reject) => this.#add({ kind: 'load', area, resolve, reject }));
  }

  /** The areas with something in them; waits as {@link load} does. @throws StateStoreError */
  areas(): Promise<string[]> {
    return new Promise((resolve, reject) => this.#add({ kind: 'areas', resolve, reject }));
  }

  async apply(changes: readonly StateChange[]): Promise<void> {
    if (changes.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      this.#add({ kind: 'apply', changes, resolve, reject });
    });
  }

  /** Writes what waits, if the database is there, and gives the lease to whoever waits for it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const { kind } = this.#status;
    if (kind === 'connecting' || kind === 'away') this.#abort.abort();
    this.#jobs.interrupt();
    this.#endPause();
    await this.#running;
  }

  #add(job: StateJob): void {
    const { kind } = this.#status;
    const isOver = this.#isClosing || kind === 'deposed' || kind === 'closed';
    if (isOver || (job.kind === 'apply' && kind !== 'leading')) job.reject(this.#refusal());
    else this.#jobs.add(job);
  }

  #refusal(): StateStoreError {
    const status = this.#status;
    switch (status.kind) {
      case 'deposed':
        return new StateStoreError(`another engine has taken over: ${status.leader}`, false);
      case 'standby':
        return new StateStoreError(`another engine leads: ${status.leader}`, true);
      case 'away':
      case 'connecting': {
        const problem = status.problem ?? 'not connected yet';
        return new StateStoreError(`the database of the state is away: ${problem}`, true);
      }
      case 'leading':
      case 'closed':
        return new StateStoreError('the state store is closed', false);
    }
  }

  #turn(status: PostgresStateStatus): void {
    this.#status = status;
    if (status.kind !== 'leading') {
      const isOver = status.kind === 'deposed' || status.kind === 'closed';
      this.#jobs.refuse(this.#refusal(), isOver ? 'all' : 'changes');
    }
    this.#options.onStatus(status);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#isClosing && this.#status.kind !== 'deposed') {
      try {
        await this.#live(() => {
          pauseMs = FIRST_PAUSE_MS;
        });
      } catch (error) {
        if (error instanceof DeposedError || this.#isClosing) break;
        const problem = error instanceof Error ? error.message : String(error);
        this.#turn({ kind: this.#lease === null ? 'connecting' : 'away', problem });
        await this.#pause(pauseMs);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
    if (this.#status.kind !== 'deposed') this.#turn({ kind: 'closed' });
  }

  /** The life of one connection. @param onUse called once it has turned out to be of use */
  async #live(onUse: () => void): Promise<void> {
    const config = this.#options.config();
    const { schema, name, leaseMs, timeoutMs, connectTimeoutMs } = config;
    const options: LeaseOptions = {
      schema: quoteIdentifier(schema),
      name,
      leaseMs,
      holder: {
        engine: this.#options.engineId ?? this.#instance,
        instance: this.#instance,
        host: hostname(),
      },
    };
    const target = await readPostgresTarget(config, this.#options.baseDir);
    const session = await PostgresSession.open(target, {
      connectTimeoutMs,
      timeoutMs,
      applicationName: `binnacle ${name}`,
      signal: this.#abort.signal,
    });
    try {
      void session.lost.then(() => {
        this.#jobs.interrupt();
        this.#endPause();
      });
      const { isDurable } = await checkServer(session);
      await prepareSchema(session, options.schema);
      await makeLease(session, options);
      const lease = await this.#lead(session, options, onUse);
      if (lease === null) return;
      onUse();
      this.#lease = lease;
      this.#turn({ kind: 'leading', isDurable });
      await this.#serve(session, options, lease);
      await releaseLease(session, options, lease);
    } finally {
      await session.close();
    }
  }

  /** Waits for the lease. @returns null once it is closed @throws DeposedError */
  async #lead(
    session: PostgresSession,
    options: LeaseOptions,
    onUse: () => void,
  ): Promise<HeldLease | null> {
    if (this.#lease !== null) {
      const lease = await resumeLease(session, options);
      if (lease === null) await this.#depose(session, options);
      return lease;
    }
    while (!this.#isClosing) {
      const lease = await takeLease(session, options, { succeeds: this.#succeeds });
      if (lease !== null) return lease;
      this.#succeeds = false;
      const { host, remainingMs } = await readLease(session, options);
      onUse();
      if (this.#status.kind !== 'standby' || this.#status.leader !== host) {
        this.#turn({ kind: 'standby', leader: host });
      }
      await this.#pause(Math.min(Math.max(remainingMs, 1), options.leaseMs / 3));
    }
    return null;
  }

  /** Does what is asked for, and keeps the lease, until it is closed. @throws SessionError, DeposedError */
  async #serve(session: PostgresSession, options: LeaseOptions, lease: HeldLease): Promise<void> {
    const renewMs = options.leaseMs / 3;
    let renewedMs = performance.now();
    for (;;) {
      session.check();
      const startMs = performance.now();
      const waitMs = renewedMs + renewMs - startMs;
      if (waitMs <= 0) {
        if (!(await renewLease(session, options, lease))) await this.#depose(session, options);
        renewedMs = startMs;
        continue;
      }
      const jobs = this.#jobs.take();
      const [first] = jobs;
      if (first === undefined) {
        if (this.#isClosing) return;
        await this.#jobs.wait(waitMs);
      } else if (first.kind === 'apply') {
        const group = jobs.filter((job) => job.kind === 'apply');
        if (await this.#write(session, options, lease, group)) renewedMs = startMs;
      } else {
        await this.#read(session, options, lease, first);
      }
    }
  }

  /** @returns whether it was written; a database that is there may still refuse @throws SessionError, DeposedError */
  async #write(
    session: PostgresSession,
    options: LeaseOptions,
    lease: HeldLease,
    jobs: readonly ApplyJob[],
  ): Promise<boolean> {
    try {
      const changes = jobs.flatMap((job) => job.changes);
      if (!(await writeEntries(session, options, lease, changes))) {
        await this.#depose(session, options);
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const isDeposed = error instanceof DeposedError;
      for (const { reject } of jobs) {
        reject(
          isDeposed
            ? this.#refusal()
            : new StateStoreError(`the state cannot be kept: ${message}`, true),
        );
      }
      if (error instanceof SessionError && !error.isLost) return false;
      throw error;
    }
    for (const { resolve } of jobs) resolve();
    return true;
  }

  async #read(
    session: PostgresSession,
    options: LeaseOptions,
    lease: HeldLease,
    job: Exclude<StateJob, ApplyJob>,
  ): Promise<void> {
    try {
      if (job.kind === 'load') job.resolve(await readEntries(session, options, lease, job.area));
      else job.resolve(await readAreas(session, options, lease));
    } catch (error) {
      if (error instanceof SessionError && !error.isLost) {
        job.reject(new StateStoreError(`the state cannot be read: ${error.message}`, true));
        return;
      }
      // It is asked again over the next connection.
      this.#jobs.putBack([job]);
      throw error;
    }
  }

  /** @throws DeposedError always; SessionError where not even that can be learnt */
  async #depose(session: PostgresSession, options: LeaseOptions): Promise<never> {
    const { host } = await readLease(session, options);
    this.#turn({ kind: 'deposed', leader: host });
    throw new DeposedError(`${host} has taken over`);
  }

  async #pause(pauseMs: number): Promise<void> {
    if (this.#isClosing) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      timer = setTimeout(resolve, pauseMs);
    });
    clearTimeout(timer);
    this.#endPause = () => {};
  }
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
